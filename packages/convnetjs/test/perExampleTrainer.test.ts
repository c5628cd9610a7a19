import { InducedTrainer, PerExampleTrainer } from '@induced-metric/convnetjs'
import { adam, inducedMetric, lion, logDamped, sgd } from '@induced-metric/core'
import convnetjs, { type Net } from 'convnetjs'
import { describe, expect, it } from 'vitest'
import { bars, convolutional, netOf, weightsIn } from './support/nets.js'

const fit = [
  { type: 'input', out_sx: 1, out_sy: 1, out_depth: 1 },
  { type: 'fc', num_neurons: 8, activation: 'tanh' },
  { type: 'regression', num_neurons: 2 },
]
const data = Array.from({ length: 32 }, (_, i) => ({
  x: new convnetjs.Vol([i / 16 - 1]),
  y: [Math.sin(i / 5), Math.cos(i / 8)],
}))
const errorOf = (net: Net): number =>
  data.reduce((sum, { x, y }) => {
    const { w } = net.forward(x)
    return sum + y.reduce((sum, value, k) => sum + (w[k]! - value) ** 2 / 2, 0) / data.length
  }, 0)
const gap = (a: readonly number[], b: readonly number[]): number =>
  Math.max(...a.map((x, i) => Math.abs(x - b[i]!)))

/** The error thrown by a call. */
function thrownBy(call: () => unknown): { readonly code: string; readonly message: string } {
  try {
    call()
  } catch (error) {
    return error as { code: string; message: string }
  }
  throw new Error('nothing was thrown')
}

describe('a regression', () => {
  it('is fitted in a few steps, which Adam does not in hundreds', () => {
    const [net, other] = [netOf(fit), netOf(fit)]
    const trainer = new PerExampleTrainer(net, adam({ beta1: 0 }))
    const adamTrainer = new InducedTrainer(other, inducedMetric(adam(), { learningRate: 0.03, xi: 0 }), {
      batch_size: 32,
    })
    for (let epoch = 0; epoch < 60; epoch++) for (const { x, y } of data) trainer.train(x, y)
    for (let epoch = 0; epoch < 500; epoch++) for (const { x, y } of data) adamTrainer.train(x, y)
    expect(trainer.report.step).toBe(60)
    expect(errorOf(net)).toBeLessThan(1e-5)
    expect(errorOf(other)).toBeGreaterThan(1e-4)
  })

  it('tells the mean loss of a batch, and of each pattern its own', () => {
    const net = netOf(fit)
    const before = errorOf(net)
    const trainer = new PerExampleTrainer(net, sgd(), { learningRate: 0.1 })
    const losses = data.map(({ x, y }) => trainer.train(x, y).loss)
    expect(losses.reduce((sum, loss) => sum + loss / 32, 0)).toBeCloseTo(before, 12)
    expect(trainer.report.loss).toBeCloseTo(before, 12)
    expect(errorOf(net)).toBeLessThan(before)
  })

  it.each([[[0.3, -0.2]], [{ dim: 1, val: 2 }]])('without the metric steps as the other trainer: %j', (y) => {
    const [net, other] = [netOf(fit), netOf(fit)]
    const trainer = new PerExampleTrainer(net, sgd(), { batch_size: 2, learningRate: 0.1, xi: 0 })
    const plain = new InducedTrainer(other, inducedMetric(sgd(), { learningRate: 0.1, xi: 0 }), {
      batch_size: 2,
    })
    for (const { x } of data.slice(0, 6)) for (const each of [trainer, plain]) each.train(x, y)
    expect(gap(weightsIn(net), weightsIn(other))).toBeLessThan(1e-12)
    expect(gap(weightsIn(net), weightsIn(netOf(fit)))).toBeGreaterThan(1e-3)
  })

  it('has the rows of the outputs, as finite differences have them', () => {
    // With a huge ξ and one residual the step is Gauss and Newton's: −r·∂r/|∂r|².
    const net = netOf(fit)
    const { x } = data[3]!
    const start = weightsIn(net)
    for (const dim of [0, 1]) {
      net.getParamsAndGrads().reduce((at, { params }) => {
        params.set(start.slice(at, at + params.length))
        return at + params.length
      }, 0)
      const output = (): number => net.forward(x).w[dim]!
      const value = output()
      const slopes = net.getParamsAndGrads().flatMap(({ params }) =>
        [...params.keys()].map((i) => {
          const before = params[i]!
          params[i] = before + 1e-6
          const above = output()
          params[i] = before
          return (above - value) / 1e-6
        }),
      )
      const square = slopes.reduce((sum, slope) => sum + slope * slope, 0)
      new PerExampleTrainer(net, sgd(), { batch_size: 1, learningRate: 1e12 }).train(x, {
        dim,
        val: value - 1,
      })
      expect(
        gap(
          weightsIn(net),
          start.map((w, i) => w - slopes[i]! / square),
        ),
      ).toBeLessThan(1e-5)
    }
  })
})

describe('a classification', () => {
  it.each([
    ['identity', { learningRate: 1 }],
    ['logDamped', { learningRate: 0.3, embedding: logDamped(), onBadLoss: 'zero' as const }],
  ])('learns with an axis per loss: %s', (_, options) => {
    const net = netOf(convolutional)
    const trainer = new PerExampleTrainer(net, sgd(), { batch_size: 20, ...options })
    const right = (): number =>
      bars(50, 1000).filter(({ x, y }) => {
        net.forward(x)
        return net.getPrediction() === y
      }).length
    expect(right()).toBeLessThan(40)
    for (let epoch = 0; epoch < 12; epoch++)
      for (const { x, y } of bars(100, 100 * epoch)) trainer.train(x, y)
    expect(right()).toBeGreaterThanOrEqual(48)
    expect(trainer.report.step).toBe(60)
  })
})

describe('state', () => {
  it('goes on from a checkpoint, and starts over with other layers', () => {
    const net = netOf(fit)
    const trainer = new PerExampleTrainer(net, adam(), { learningRate: 10 })
    for (const { x, y } of data) trainer.train(x, y)
    const other = new convnetjs.Net()
    other.fromJSON(JSON.parse(JSON.stringify(net)) as object)
    const resumed = new PerExampleTrainer(other, adam(), { learningRate: 10 })
    resumed.load(trainer.save())
    for (const { x, y } of data) for (const each of [trainer, resumed]) each.train(x, y)
    expect(weightsIn(other)).toEqual(weightsIn(net))
    expect(resumed.report).toEqual(trainer.report)
    for (const { x, y } of data.slice(1)) trainer.train(x, y)
    net.makeLayers(fit)
    for (const { x, y } of data.slice(1)) trainer.train(x, y)
    expect(trainer.report.step).toBe(0)
    trainer.train(data[0]!.x, data[0]!.y)
    expect(trainer.report.step).toBe(1)
    trainer.dispose()
    expect(thrownBy(() => trainer.save()).code).toBe('ERR_DISPOSED')
  })

  it('after a reset it trains as a new one', () => {
    const net = netOf(fit)
    const trainer = new PerExampleTrainer(net, adam(), { learningRate: 10 })
    for (const { x, y } of [...data, ...data.slice(0, 5)]) trainer.train(x, y)
    const other = new convnetjs.Net()
    other.fromJSON(JSON.parse(JSON.stringify(net)) as object)
    const fresh = new PerExampleTrainer(other, adam(), { learningRate: 10 })
    trainer.reset()
    expect([trainer.k, trainer.report.step]).toEqual([0, 0])
    for (const { x, y } of data) for (const each of [trainer, fresh]) each.train(x, y)
    expect(trainer.report).toEqual(fresh.report)
    expect(weightsIn(net)).toEqual(weightsIn(other))
  })

  it('starts over with another array in place of a filter, and trains that one', () => {
    const net = netOf(fit)
    const trainer = new PerExampleTrainer(net, sgd(), { batch_size: 1, learningRate: 0.1 })
    trainer.train(data[0]!.x, data[0]!.y)
    const [filter] = net.layers[1]!.filters!
    filter!.w = filter!.w.map((w) => w / 2)
    const before = filter!.w.slice()
    trainer.train(data[1]!.x, data[1]!.y)
    expect(trainer.report.step).toBe(1)
    expect(filter!.w).not.toEqual(before)
  })

  it('says what it cannot do', () => {
    const codeOf = (base = sgd(), options: object = {}, net = netOf(fit)): string =>
      thrownBy(() => new PerExampleTrainer(net, base, options)).code
    expect(codeOf(lion())).toBe('ERR_NOT_SUPPORTED')
    expect(codeOf(sgd(), { learningRate: -1 })).toBe('ERR_OPTION')
    expect(codeOf(sgd(), { batch_size: 0 })).toBe('ERR_OPTION')
    expect(codeOf(sgd(), { l2_decay: 1 })).toBe('ERR_OPTION')
    expect(codeOf(sgd(), {}, new convnetjs.Net())).toBe('ERR_OPTION')
    const trainer = new PerExampleTrainer(netOf(fit), sgd(), { onNonFinite: 'throw', batch_size: 1 })
    expect(thrownBy(() => trainer.train(data[0]!.x, [NaN, 0])).code).toBe('ERR_NON_FINITE')
    trainer.train(data[0]!.x, [1, 0])
    expect(trainer.report.step).toBe(1)
  })
})
