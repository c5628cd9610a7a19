import { checkGradients } from '@induced-metric/conformance'
import { inducedMetric, sgd } from '@induced-metric/core'
import { expect, it } from 'vitest'
import { inducedOptimizer, tensors } from '../src/index.js'
import { createVariables, differentiate, shapes, stepByFramework } from './support/model.js'

// What the conformance suite does not see: whether the gradients and the loss that users hand on belong together.

it('takes gradients that are those of the loss', async () => {
  const variables = createVariables()
  await checkGradients(
    {
      parameters: () =>
        variables.map(({ name, value }) => ({ name, shape: tensors.shape(value), data: tensors.read(value).slice() })),
      write(index, values) {
        const variable = variables[index]!
        const { value } = variable
        variable.value = tensors.from(values, tensors.shape(value))
        tensors.dispose?.(value)
      },
      train(examples) {
        const { loss, gradients } = differentiate(variables, examples)
        return [{ loss, gradients: gradients.map((gradient) => gradient && tensors.read(gradient).slice()) }]
      },
    },
    { shapes },
  )
})

it('goes where the framework’s own SGD goes, at ξ = 0', () => {
  const learningRate = 0.05
  const [own, induced] = [createVariables(), createVariables()]
  const optimizer = inducedOptimizer(induced, inducedMetric(sgd(), { learningRate, xi: 0 }))
  for (let step = 0; step < 10; step++) {
    stepByFramework(own, differentiate(own, 3).gradients, learningRate)
    const { loss, gradients } = differentiate(induced, 3)
    optimizer.step(gradients, { loss })
  }
  for (const [i, { name, value }] of induced.entries()) {
    const expected = tensors.read(own[i]!.value)
    const size = Math.max(...Array.from(expected, Math.abs), 1e-3)
    tensors
      .read(value)
      .forEach((x, k) => expect(Math.abs(x - expected[k]!) / size, `${name}[${k}]`).toBeLessThan(1e-4))
  }
})
