import { InducedTrainer } from '@induced-metric/convnetjs'
import { adam, cosine, inducedMetric } from '@induced-metric/core'
import { expect, it } from 'vitest'
import { bars, convolutional, netOf, weightsIn } from './support/nets.js'

const transformation = inducedMetric(adam(), { learningRate: cosine({ from: 0.1, steps: 10 }) })
const patterns = bars(7)

it('reset makes a trainer train as a new one does, and drops a batch that is not full', () => {
  const net = netOf(convolutional)
  const trainer = new InducedTrainer(net, transformation, { batch_size: 2 })
  for (const { x, y } of patterns) trainer.train(x, y)
  trainer.learning_rate = 0.5
  const weights = weightsIn(net)
  trainer.reset()
  expect(weightsIn(net)).toEqual(weights)
  expect(trainer).toMatchObject({ k: 0, learning_rate: 0.1, report: { step: 0 } })
  expect(trainer.flush().step).toBe(0)

  const other = netOf(convolutional)
  other.fromJSON(JSON.parse(JSON.stringify(net.toJSON())) as object)
  const fresh = new InducedTrainer(other, transformation, { batch_size: 2 })
  for (const { x, y } of patterns) expect(trainer.train(x, y).loss).toBe(fresh.train(x, y).loss)
  expect(weightsIn(net)).toEqual(weightsIn(other))
  expect(trainer.report).toEqual(fresh.report)
  expect(trainer.save()).toEqual(fresh.save())
  trainer.dispose()
  expect(() => trainer.reset()).toThrow(expect.objectContaining({ code: 'ERR_DISPOSED' }))
})
