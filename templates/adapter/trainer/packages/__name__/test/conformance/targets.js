/**
 * The adapter as a target of the conformance suite, for its own tests, the table, the tests across adapters and
 * `induced-conformance`. Plain JavaScript, so that it runs on the sources as well as on the built package.
 */
import { createRequire } from 'node:module'
import { allCapabilities } from '@induced-metric/conformance'
import * as core from '@induced-metric/core'
import { InducedTrainer } from '@induced-metric/__name__'

/**
 * @typedef {import('@induced-metric/conformance').ConformanceTarget} ConformanceTarget
 * @typedef {import('@induced-metric/conformance').TargetParameter} TargetParameter
 * @typedef {import('@induced-metric/conformance').TypedArray} TypedArray
 * @typedef {import('@induced-metric/__name__').Input} Input
 * @typedef {import('@induced-metric/__name__').Model} Model
 * @typedef {import('@induced-metric/__name__').Target} Target
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
 * FILL IN: an example for the trainer, whose differentiation gives these gradients and this loss. A model with a layer of your own, whose
 * back-propagation copies them, will do; the suite does not cover the framework's layers.
 *
 * @param {Model} model
 * @param {readonly (TypedArray | null)[]} gradients `null` where there is none
 * @param {number | undefined} loss
 * @returns {[input: Input, target: Target]}
 */
function exampleOf(model, gradients, loss) {
  throw new Error(`fill in exampleOf, for ${typeof model} with ${gradients.length} gradients at the loss ${loss}`)
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
    const trainer = new InducedTrainer(model, transformation, { groupOf: ({ name }) => groups.get(name) })
    return {
      step(gradients, { loss } = {}) {
        // The model does not count gradients, so a session must.
        if (gradients.length !== parameters.length) {
          const counts = `${parameters.length} weights, ${gradients.length} gradients`
          throw new core.InducedMetricError('ERR_SHAPE', counts)
        }
        trainer.train(...exampleOf(model, gradients, loss))
        return trainer.report
      },
      // The suite's arrays are the model's weights. If the framework copies them, read them from the model.
      read: () => parameters.map(({ data }) => data),
      slots: () => Object.fromEntries(trainer.save().parameters.map(({ name, slots }) => [name, slots])),
      learningRate: () => trainer.learningRate,
      setLearningRate: (rate) => void (trainer.learningRate = rate),
      evaluationWeights: () => trainer.withEvaluationWeights(() => parameters.map(({ data }) => data.slice())),
      save: () => core.encodeCheckpoint(trainer.save()),
      load: (bytes) => trainer.load(bytes),
      reset: () => trainer.reset(),
      dispose: () => trainer.dispose(),
    }
  },
}

/** The targets to test: one for each backend, or version of the framework. */
export const targets = { __key__: () => target }
