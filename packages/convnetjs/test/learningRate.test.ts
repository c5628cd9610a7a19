import { InducedTrainer } from '@induced-metric/convnetjs'
import { adam, cosine, encodeCheckpoint, inducedMetric } from '@induced-metric/core'
import { describe, expect, it } from 'vitest'
import { bars, convolutional, netOf, weightsIn } from './support/nets.js'

describe('the learning rate of a trainer', () => {
  const schedule = cosine({ from: 0.1, steps: 10 })
  const patterns = bars(6)

  it('is that of the next step, and acts from there on when it is set', () => {
    const rates = (step: number): number => (step <= 2 ? schedule(step) : 0.02)
    const [expected, net] = [netOf(convolutional), netOf(convolutional)]
    const reference = new InducedTrainer(expected, inducedMetric(adam(), { learningRate: rates }))
    const trainer = new InducedTrainer(net, inducedMetric(adam(), { learningRate: schedule }))
    patterns.forEach(({ x, y }, i) => {
      reference.train(x, y)
      expect(trainer.learning_rate).toBe(i < 2 ? schedule(i + 1) : i === 2 ? schedule(3) : 0.02)
      if (i === 2) trainer.learning_rate = 0.02
      trainer.train(x, y)
    })
    expect(weightsIn(net)).toEqual(weightsIn(expected))
    expect(trainer.report).toEqual(reference.report)
  })

  it('is kept by checkpoints and by a net that is made anew, and is checked', () => {
    const net = netOf(convolutional)
    const transformation = inducedMetric(adam(), { learningRate: schedule })
    const trainer = new InducedTrainer(net, transformation)
    trainer.train(patterns[0]!.x, 0)
    trainer.learning_rate = 0.02
    for (const wrong of [NaN, -1, '0.1'] as number[]) {
      expect(() => (trainer.learning_rate = wrong)).toThrow(expect.objectContaining({ code: 'ERR_OPTION' }))
    }
    const other = new InducedTrainer(netOf(convolutional), transformation)
    other.load(encodeCheckpoint(trainer.save()))
    expect(other.learning_rate).toBe(0.02)

    net.fromJSON(JSON.parse(JSON.stringify(netOf(convolutional, 5))) as object)
    trainer.train(patterns[0]!.x, 0)
    expect(trainer.report).toMatchObject({ step: 1, learningRate: 0.02 })
  })
})
