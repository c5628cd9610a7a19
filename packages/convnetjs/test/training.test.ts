import { InducedTrainer } from '@induced-metric/convnetjs'
import { adam, heavyBall, identity, inducedMetric, log, logDamped, muon, sgd } from '@induced-metric/core'
import { describe, expect, it } from 'vitest'
import { bars, convolutional, netOf } from './support/nets.js'

describe('a convolutional net', () => {
  it.each([
    ['sgd, log', inducedMetric(sgd({ momentum: 0.9 }), { learningRate: 0.1, xi: 0.1, embedding: log() })],
    [
      'heavy ball, identity',
      inducedMetric(heavyBall(), { learningRate: 0.05, xi: 0.1, embedding: identity() }),
    ],
    ['adam, logDamped', inducedMetric(adam(), { learningRate: 0.02, embedding: logDamped() })],
    ['muon', inducedMetric(muon(), { learningRate: 0.05, fallback: adam() })],
  ])('tells upright bars from lying ones it has not seen: %s', (_, transformation) => {
    const net = netOf(convolutional)
    const trainer = new InducedTrainer(net, transformation, { batch_size: 4 })
    const right = (): number =>
      bars(50, 1000).filter(({ x, y }) => {
        net.forward(x)
        return net.getPrediction() === y
      }).length
    expect(right()).toBeLessThan(40)
    for (let epoch = 0; epoch < 4; epoch++) for (const { x, y } of bars(100, 100 * epoch)) trainer.train(x, y)
    expect(right()).toBeGreaterThanOrEqual(48)
    expect(trainer.report.step).toBe(100)
  })
})
