/**
 * The adapter as a target of the conformance suite, for its own tests, the table, the tests across adapters and
 * `induced-conformance`. Plain JavaScript, so that it runs on the sources as well as on the built package.
 */
import { createRequire } from 'node:module'
import { allCapabilities } from '@induced-metric/conformance'
import * as core from '@induced-metric/core'
import { sizeOf } from '@induced-metric/core/adapter'
import { inducedOptimizer, tensors } from '@induced-metric/__name__'

/**
 * @typedef {import('@induced-metric/conformance').ConformanceTarget} ConformanceTarget
 * @typedef {import('@induced-metric/conformance').TypedArray} TypedArray
 */

const { version } = /** @type {{ version: string }} */ (
  createRequire(import.meta.url)('../../package.json')
)

/** @type {ConformanceTarget} */
const target = {
  manifest: {
    name: '@induced-metric/__name__',
    version,
    framework: { name: '__name__', version: 'FILL IN' },
    // FILL IN where it computes (`backend`), what its tensors are, how it rounds and adds, and what the adapter leaves
    // out: allCapabilitiesBut(…).
    dtypes: ['float32', 'float64'],
    arithmetic: {
      float32: { elementwise: 'float32', sums: 'float32' },
      float64: { elementwise: 'float64', sums: 'float64' },
    },
    capabilities: allCapabilities,
  },
  core,
  create(transformation, parameters) {
    const groups = new Map(parameters.map(({ name, group }) => [name, group]))
    const variables = parameters.map(({ name, shape, data }) => {
      if (data.length !== sizeOf(shape)) {
        const counts = `parameter ${name} has ${data.length} values, and the shape [${shape.join(', ')}]`
        throw new core.InducedMetricError('ERR_SHAPE', counts)
      }
      return { name, value: tensors.from(data, shape) }
    })
    const optimizer = inducedOptimizer(variables, transformation, { groupOf: ({ name }) => groups.get(name) })
    let disposed = false
    const read = () => variables.map(({ value }) => tensors.read(value))
    return {
      step(gradients, options) {
        const given = gradients.map((data, i) => data && gradientOf(data, parameters[i]?.shape ?? []))
        try {
          return optimizer.step(given, options)
        } finally {
          for (const tensor of given) if (tensor) tensors.dispose?.(tensor)
        }
      },
      read,
      slots: () => Object.fromEntries(optimizer.save().parameters.map(({ name, slots }) => [name, slots])),
      learningRate: () => optimizer.learningRate,
      setLearningRate: (rate) => void (optimizer.learningRate = rate),
      evaluationWeights: () => optimizer.withEvaluationWeights(() => read().map((values) => values.slice())),
      save: () => core.encodeCheckpoint(optimizer.save()),
      load: (bytes) => optimizer.load(bytes),
      reset: () => optimizer.reset(),
      dispose() {
        if (!disposed) for (const { value } of variables) tensors.dispose?.(value)
        disposed = true
        optimizer.dispose()
      },
    }
  },
}

/**
 * A gradient that does not fill the shape goes to the adapter as it is, which has to notice.
 *
 * @param {TypedArray} data
 * @param {readonly number[]} shape
 */
function gradientOf(data, shape) {
  return tensors.from(data, data.length === sizeOf(shape) ? shape : [data.length])
}

/** What there is to test: one entry for each backend, or version of the framework. */
export const targets = { __key__: () => target }
