import { InducedTrainer } from '@induced-metric/convnetjs'
import { inducedMetric, log, sgd } from '@induced-metric/core'
import type { Net } from 'convnetjs'
import { describe, expect, it } from 'vitest'
import { bars, convolutional, netOf, regression, weightsIn } from './support/nets.js'

// A step of length 1 changes the weights by the gradient, which must be that of the reported loss.

const batch = bars(4)

/**
 * The loss of a batch: costs, and half squares of weights by their layers' shares. For a regression, convnetjs returns 2Σd²
 * and differentiates ½Σd².
 */
function lossOf(net: Net, l2: number): number {
  let loss = 0
  for (const { x, y } of batch) {
    net.forward(x, true)
    const last = net.layers.at(-1)!
    loss +=
      last.layer_type === 'regression' ? (last.backward([y]) as number) / 4 : (last.backward(y) as number)
  }
  for (const { params, l2_decay_mul } of net.getParamsAndGrads())
    loss += (l2 * l2_decay_mul! * [...params].reduce((sum, w) => sum + w * w, 0)) / 2
  return loss / batch.length
}

const targetOf = (net: Net, y: number): number | number[] =>
  net.layers.at(-1)!.layer_type === 'regression' ? [y] : y

describe.each([
  ['softmax', convolutional],
  ['regression', regression],
  ['svm', [...convolutional.slice(0, -1), { type: 'svm', num_classes: 2 }]],
])('%s', (_, definitions) => {
  it.each([0, 0.3])('steps along the gradient of the loss, with l2_decay %s', (l2_decay) => {
    const net = netOf(definitions)
    const before = weightsIn(net)
    const expected = net.getParamsAndGrads().flatMap(({ params }) =>
      Array.from(params, (w, i) => {
        const at = (value: number): number => {
          params[i] = value
          return lossOf(net, l2_decay)
        }
        const difference = (at(w + 1e-6) - at(w - 1e-6)) / 2e-6
        params[i] = w
        return difference
      }),
    )
    const loss = lossOf(net, l2_decay)
    for (const { grads } of net.getParamsAndGrads()) grads!.fill(0)

    const transformation = inducedMetric(sgd(), { learningRate: 1, xi: 0 })
    const trainer = new InducedTrainer(net, transformation, { batch_size: batch.length, l2_decay })
    for (const { x, y } of batch) trainer.train(x, targetOf(net, y))
    expect(trainer.report.loss).toBeCloseTo(loss, 12)
    weightsIn(net).forEach((w, i) => expect(before[i]! - w).toBeCloseTo(expected[i]!, 6))
  })
})

it('tells log the mean loss of the batch', () => {
  const net = netOf(convolutional)
  const loss = lossOf(net, 0)
  const transformation = inducedMetric(sgd(), { learningRate: 0.1, xi: 0.5, beta: 0, embedding: log() })
  const trainer = new InducedTrainer(net, transformation, { batch_size: batch.length })
  for (const { x, y } of batch) trainer.train(x, y)
  const { scale, dualNorm } = trainer.report
  // ρ = ℓ/(ℓ² + ξs)
  expect(scale).toBeCloseTo(loss / (loss ** 2 + 0.5 * dualNorm), 10)
})
