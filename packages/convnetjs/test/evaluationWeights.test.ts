import { InducedTrainer } from '@induced-metric/convnetjs'
import { adam, inducedMetric } from '@induced-metric/core'
import { expect, it } from 'vitest'
import { bars, convolutional, netOf, weightsIn } from './support/nets.js'

it('withEvaluationWeights runs the net with the averages and puts its weights back', () => {
  const net = netOf(convolutional)
  const trainer = new InducedTrainer(net, inducedMetric(adam(), { learningRate: 0.1, averageWeights: 0 }))
  const after = bars(4).map(({ x, y }) => {
    trainer.train(x, y)
    return weightsIn(net).flat()
  })
  const averaged = trainer.withEvaluationWeights(() => weightsIn(net).flat())
  averaged.forEach((value, i) => {
    expect(value).toBeCloseTo(after.reduce((sum, weights) => sum + weights[i]!, 0) / 4, 12)
  })
  expect(weightsIn(net).flat()).toEqual(after.at(-1))
})
