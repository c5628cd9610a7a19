/**
 * The adapter as a target of the conformance suite, for its own tests, the table, the tests across adapters and
 * `induced-conformance`. Plain JavaScript, so that it runs on the sources as well as on the built package.
 */
import { createRequire } from 'node:module'
import { allCapabilities } from '@induced-metric/conformance'
import * as core from '@induced-metric/core'
import { useOptimizer } from '@induced-metric/__name__'

/**
 * @typedef {import('@induced-metric/conformance').ConformanceTarget} ConformanceTarget
 * @typedef {import('@induced-metric/conformance').TargetParameter} TargetParameter
 * @typedef {import('@induced-metric/conformance').TypedArray} TypedArray
 * @typedef {import('@induced-metric/__name__').Model} Model
 */

const { version } = /** @type {{ version: string }} */ (
  createRequire(import.meta.url)('../../package.json')
)

/**
 * FILL IN: a model of the framework that has the suite's parameters as its weights, under their names. Throw
 * ERR_NOT_SUPPORTED for parameters that the framework cannot hold (float64, say), and leave them out of the manifest below.
 *
 * @param {readonly TargetParameter[]} parameters
 * @returns {Model}
 */
function modelOf(parameters) {
  throw new Error(`fill in modelOf, for ${parameters.length} parameters`)
}

/**
 * FILL IN: writes the gradients where back-propagation would, and makes the framework update its weights.
 *
 * @param {Model} model
 * @param {readonly (TypedArray | null)[]} gradients `null` where there is none
 * @param {number | undefined} loss
 */
function train(model, gradients, loss) {
  throw new Error(`fill in train, on ${typeof model} with ${gradients.length} gradients at the loss ${loss}`)
}

/** @type {ConformanceTarget} */
const target = {
  manifest: {
    name: '@induced-metric/__name__',
    version,
    framework: { name: '__name__', version: 'FILL IN' },
    // FILL IN the types of the framework's arrays, how it computes, and what the adapter leaves out: allCapabilitiesBut(…).
    dtypes: ['float32', 'float64'],
    arithmetic: {
      float32: { elementwise: 'float32', sums: 'float64' },
      float64: { elementwise: 'float64', sums: 'float64' },
    },
    capabilities: allCapabilities,
  },
  core,
  create(transformation, parameters) {
    const groups = new Map(parameters.map(({ name, group }) => [name, group]))
    const model = modelOf(parameters)
    const handle = useOptimizer(model, transformation, { groupOf: ({ name }) => groups.get(name) })
    let detached = false
    return {
      step(gradients, { loss } = {}) {
        // The model would use its own update, and does not count gradients, so a session must check both.
        if (detached) throw new core.InducedMetricError('ERR_DISPOSED', 'the model is detached')
        if (gradients.length !== parameters.length) {
          const counts = `${parameters.length} weights, ${gradients.length} gradients`
          throw new core.InducedMetricError('ERR_SHAPE', counts)
        }
        train(model, gradients, loss)
        return handle.report
      },
      // The suite's arrays are the model's weights. If the framework copies them, read them from the model.
      read: () => parameters.map(({ data }) => data),
      slots: () => Object.fromEntries(handle.save().parameters.map(({ name, slots }) => [name, slots])),
      learningRate: () => handle.learningRate,
      setLearningRate: (rate) => void (handle.learningRate = rate),
      evaluationWeights: () => handle.withEvaluationWeights(() => parameters.map(({ data }) => data.slice())),
      save: () => core.encodeCheckpoint(handle.save()),
      load: (bytes) => handle.load(bytes),
      reset: () => handle.reset(),
      dispose() {
        detached = true
        handle.detach()
      },
    }
  },
}

/** The targets to test: one for each backend, or version of the framework. */
export const targets = { __key__: () => target }
