import { checkGradients, type GradientUpdate } from '@induced-metric/conformance'
import { inducedMetric, sgd } from '@induced-metric/core'
import { expect, it } from 'vitest'
import { gradientsOf, parametersOf, replaceUpdate } from '../src/framework.js'
import { useOptimizer } from '../src/index.js'
import { createModel, learningRate, shapes, trainOn } from './support/model.js'

// What the conformance suite does not see: whether the gradients and the loss that the adapter takes from the framework belong together.

it('takes gradients that are those of the loss', async () => {
  const model = createModel()
  const train = (examples: number): GradientUpdate[] => {
    const updates: GradientUpdate[] = []
    const restore = replaceUpdate(model, (loss) => {
      updates.push({ loss, gradients: gradientsOf(model).map((gradient) => gradient && gradient.slice()) })
    })
    try {
      trainOn(model, examples)
    } finally {
      restore()
    }
    return updates
  }
  await checkGradients({ parameters: () => parametersOf(model), train }, { shapes })
})

it('goes where the framework’s own SGD goes, at ξ = 0', () => {
  const [own, induced] = [createModel(), createModel()]
  const handle = useOptimizer(induced, inducedMetric(sgd(), { learningRate, xi: 0 }))
  for (let step = 0; step < 10; step++) {
    for (const model of [own, induced]) trainOn(model, 3)
  }
  const expected = parametersOf(own)
  for (const [i, { name, data }] of parametersOf(induced).entries()) {
    const size = Math.max(...Array.from(expected[i]!.data, Math.abs), 1e-3)
    data.forEach((value, k) =>
      expect(Math.abs(value - expected[i]!.data[k]!) / size, `${name}[${k}]`).toBeLessThan(1e-4),
    )
  }
  expect(handle.report.step).toBe(10)
})
