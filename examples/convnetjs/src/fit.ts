import { InducedTrainer } from '@induced-metric/convnetjs'
import { adam, inducedMetric } from '@induced-metric/core'
import convnetjs, { type Net, type Vol } from 'convnetjs'

/** A picture of 12 × 12, and its class: 0 for a circle, 1 for a cross. */
interface Pattern {
  readonly x: Vol
  readonly y: number
}

/** Draws pictures with positions and noise that depend only on the seed. */
function draw(count: number, seed: number): Pattern[] {
  return Array.from({ length: count }, (_, k) => {
    const [y, a, b] = [k % 2, 5.5 + 2 * Math.sin(seed + 2 * k), 5.5 + 2 * Math.cos(seed + 3 * k)]
    const x = new convnetjs.Vol(12, 12, 1, 0)
    for (let i = 0; i < 144; i++) {
      const [dx, dy] = [(i % 12) - a, Math.floor(i / 12) - b]
      const distance =
        y === 0 ? Math.abs(Math.hypot(dx, dy) - 2.5) : Math.min(Math.abs(dx - dy), Math.abs(dx + dy))
      const inside = Math.hypot(dx, dy) < 4 && distance < 0.8
      x.w[i] = (inside ? 1 : 0) + 0.3 * Math.sin(seed + k + i * i)
    }
    return { x, y }
  })
}

/** A convolutional net whose initial weights are the same every time. */
function createNet(): Net {
  const net = new convnetjs.Net()
  net.makeLayers([
    { type: 'input', out_sx: 12, out_sy: 12, out_depth: 1 },
    { type: 'conv', sx: 3, filters: 6, pad: 1, activation: 'relu' },
    { type: 'pool', sx: 3, stride: 3 },
    { type: 'softmax', num_classes: 2 },
  ])
  for (const { params } of net.getParamsAndGrads())
    params.forEach((_, i) => (params[i] = Math.sin(1 + 1.7 * i * i) / Math.sqrt(params.length)))
  return net
}

/** Trains on pictures, five at a time. Returns the losses, and the share of other pictures that are classified correctly. */
export function fit(count: number): { readonly losses: number[]; readonly accuracy: number } {
  const net = createNet()
  const trainer = new InducedTrainer(net, inducedMetric(adam(), { learningRate: 0.01 }), { batch_size: 5 })
  const losses = draw(count, 1).map(({ x, y }) => trainer.train(x, y).loss)
  const tests = draw(100, 1000)
  const right = tests.filter(({ x, y }) => {
    net.forward(x)
    return net.getPrediction() === y
  })
  return { losses, accuracy: right.length / tests.length }
}
