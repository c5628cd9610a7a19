import { InducedTrainer } from '@induced-metric/convnetjs'
import { inducedMetric, sgd } from '@induced-metric/core'
import { expect, it } from 'vitest'
import { bars, convolutional, netOf, weightsIn } from './support/nets.js'

const patterns = bars(12)

function make(xi: number | ((step: number) => number) = 0) {
  const net = netOf(convolutional)
  const trainer = new InducedTrainer(net, inducedMetric(sgd({ momentum: 0.5 }), { learningRate: 0.1, xi }), {
    batch_size: 2,
  })
  /** A step on two patterns. */
  const train = (i: number) => {
    const [a, b] = [patterns[(2 * i) % 12]!, patterns[(2 * i + 1) % 12]!]
    return (trainer.train(a.x, a.y).cost_loss + trainer.train(b.x, b.y).cost_loss) / 2
  }
  return { net, trainer, train }
}

it('findLearningRate sweeps rates, and puts weights, state and k back, bit for bit', async () => {
  const { net, trainer, train } = make()
  train(0)
  const [weights, state] = [weightsIn(net), trainer.save()]
  const found = await trainer.findLearningRate(train, { from: 1e-5, to: 100, steps: 40 })
  expect(found.best.points.length).toBeGreaterThan(10)
  expect(new Set(found.best.points.map(({ loss }) => loss)).size).toBeGreaterThan(5)
  expect(weightsIn(net)).toEqual(weights)
  expect(trainer.save()).toEqual(state)
  expect([trainer.k, trainer.learning_rate]).toEqual([2, 0.1])
  const twin = make()
  for (const one of [twin.train]) one(0)
  for (const one of [train, twin.train]) one(1)
  expect(weightsIn(net)).toEqual(weightsIn(twin.net))
})

it('findLearningRate sweeps ξ through a function', async () => {
  let xi = 0
  const { trainer, train } = make(() => xi)
  const { sweeps } = await trainer.findLearningRate(train, {
    steps: 12,
    from: 1e-3,
    to: 1,
    xi: [0, 10],
    setXi: (value) => (xi = value),
  })
  expect(sweeps.map((sweep) => sweep.xi)).toEqual([0, 10])
  expect(sweeps[0]!.points.every(({ scale }) => scale === 1)).toBe(true)
  expect(sweeps[1]!.points.every(({ scale }) => scale < 1)).toBe(true)
})

it('findLearningRate refuses to begin in the middle of a batch', async () => {
  const { trainer, train } = make()
  trainer.train(patterns[0]!.x, patterns[0]!.y)
  await expect(trainer.findLearningRate(train)).rejects.toThrow(/ERR_OPTION.*flush/)
})
