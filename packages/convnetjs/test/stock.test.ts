import { InducedTrainer } from '@induced-metric/convnetjs'
import { heavyBall, identity, inducedMetric, sgd, type Transformation } from '@induced-metric/core'
import convnetjs from 'convnetjs'
import { describe, expect, it } from 'vitest'
import { bars, convolutional, netOf, regression, weightsIn } from './support/nets.js'

// At ξ = 0 the optimiser is its base, and the trainer does the same as convnetjs's own: batches, decay, results of `train`.

const plain = (base: ReturnType<typeof sgd>): Transformation =>
  inducedMetric(base, { learningRate: 0.05, xi: 0, embedding: identity() })

describe.each([
  ['momentum', { momentum: 0.9 }, plain(heavyBall({ momentum: 0.9 }))],
  ['no momentum', { momentum: 0 }, plain(sgd())],
])('with %s', (_, options, transformation) => {
  it.each([
    ['pattern by pattern', {}],
    ['in batches', { batch_size: 3 }],
    ['with decay', { batch_size: 3, l1_decay: 0.02, l2_decay: 0.1 }],
  ])("goes convnetjs's own way, %s", (_, common) => {
    const [theirs, ours] = [netOf(convolutional), netOf(convolutional)]
    const stock = new convnetjs.Trainer(theirs, { method: 'sgd', learning_rate: 0.05, ...options, ...common })
    const trainer = new InducedTrainer(ours, transformation, common)
    for (const { x, y } of bars(60)) {
      const [expected, given] = [stock.train(x, y), trainer.train(x, y)]
      expect(Object.keys(given).sort()).toEqual(Object.keys(expected).sort())
      for (const key of ['cost_loss', 'softmax_loss', 'l1_decay_loss', 'l2_decay_loss', 'loss'] as const)
        expect(given[key]).toBeCloseTo(expected[key], 10)
      for (const key of ['fwd_time', 'bwd_time'] as const) expect(given[key]).toBeGreaterThanOrEqual(0)
    }
    expect(trainer.k).toBe(stock.k)
    const expected = weightsIn(theirs)
    weightsIn(ours).forEach((w, i) => expect(w).toBeCloseTo(expected[i]!, 10))
  })
})

it('trains to numbers as well as to classes', () => {
  const [theirs, ours] = [netOf(regression), netOf(regression)]
  const stock = new convnetjs.Trainer(theirs, { method: 'sgd', learning_rate: 0.05, momentum: 0 })
  const trainer = new InducedTrainer(ours, plain(sgd()))
  bars(40).forEach(({ x, y }, k) => {
    const target = [[y], new Float64Array([y]), { dim: 0, val: y }][k % 3]!
    expect(trainer.train(x, target).loss).toBeCloseTo(stock.train(x, target).loss, 10)
  })
})

it('takes a step with the rest of a batch at the end of an epoch', () => {
  const [left, whole] = [netOf(convolutional), netOf(convolutional)]
  const [a, b] = [
    new InducedTrainer(left, plain(sgd()), { batch_size: 4 }),
    new InducedTrainer(whole, plain(sgd()), { batch_size: 3 }),
  ]
  for (const { x, y } of bars(3)) [a, b].forEach((trainer) => trainer.train(x, y))
  expect(a.report.step).toBe(0)
  expect(a.flush().step).toBe(1)
  expect(a.flush().step).toBe(1)
  expect(weightsIn(left)).toEqual(weightsIn(whole))
})

it('takes batches of another size in the middle of training, as convnetjs does', () => {
  const trainer = new InducedTrainer(netOf(convolutional), plain(sgd()))
  const patterns = bars(6)
  trainer.train(patterns[0]!.x, patterns[0]!.y)
  trainer.batch_size = 5
  for (const { x, y } of patterns.slice(1)) trainer.train(x, y)
  expect(trainer.report.step).toBe(2)
})
