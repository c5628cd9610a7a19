import { checkGradients, type GradientUpdate } from '@induced-metric/conformance'
import { inducedMetric, sgd } from '@induced-metric/core'
import { expect, it } from 'vitest'
import { clearGradients, differentiate, gradientsOf, parametersOf } from '../src/framework.js'
import { InducedTrainer } from '../src/index.js'
import { createModel, examples, shapes, trainByFramework } from './support/model.js'

// What the conformance suite does not see: whether the gradients and the loss that the trainer takes from the framework belong together.

it('takes gradients that are those of the loss', async () => {
  const model = createModel()
  const train = (count: number): GradientUpdate[] => {
    clearGradients(model)
    let loss = 0
    for (const [input, target] of examples.slice(0, count)) loss += (differentiate(model, input, target) ?? NaN) / count
    const gradients = gradientsOf(model).map((gradient) => gradient && gradient.map((sum) => sum / count))
    return [{ loss, gradients }]
  }
  await checkGradients({ parameters: () => parametersOf(model), train }, { shapes })
})

it('goes where the framework’s own SGD goes, at ξ = 0', () => {
  const learningRate = 0.05
  const [own, induced] = [createModel(), createModel()]
  const options = { batchSize: examples.length }
  const trainer = new InducedTrainer(induced, inducedMetric(sgd(), { learningRate, xi: 0 }), options)
  for (let step = 0; step < 10; step++) {
    trainByFramework(own, examples, learningRate)
    for (const [input, target] of examples) trainer.train(input, target)
  }
  const expected = parametersOf(own)
  for (const [i, { name, data }] of parametersOf(induced).entries()) {
    const size = Math.max(...Array.from(expected[i]!.data, Math.abs), 1e-3)
    data.forEach((value, k) =>
      expect(Math.abs(value - expected[i]!.data[k]!) / size, `${name}[${k}]`).toBeLessThan(1e-4),
    )
  }
  expect(trainer.report.step).toBe(10)
})
