/**
 * The adapter as a target of the conformance suite, for its own tests, the table, the tests across adapters and
 * `induced-conformance`. Plain JavaScript, so that it runs on the sources as well as on the built package.
 */
import { createRequire } from 'node:module'
import { allCapabilities } from '@induced-metric/conformance'
import { InducedTrainer } from '@induced-metric/convnetjs'
import * as core from '@induced-metric/core'
import convnetjs from 'convnetjs'

/**
 * @typedef {import('@induced-metric/conformance').ConformanceTarget} ConformanceTarget
 * @typedef {import('@induced-metric/conformance').TargetParameter} TargetParameter
 * @typedef {import('@induced-metric/conformance').TypedArray} TypedArray
 * @typedef {import('convnetjs').Net} Net
 */

const require = createRequire(import.meta.url)
const { version } = /** @type {{ version: string }} */ (require('../../package.json'))
const framework = /** @type {{ version: string }} */ (require('convnetjs/package.json'))

/** The results of one backward pass. */
class Pass {
  /** @type {readonly (TypedArray | null)[]} */
  gradients = []
  /** @type {number | undefined} */
  loss
}

/**
 * A net with one layer, whose weights are the suite's parameters, and whose back-propagation returns `pass`. No layer of
 * convnetjs has weights of arbitrary shapes and types, but nets take layers of one's own, which may name their weights and
 * give their shapes. The suite does not cover convolutions and fully connected layers: weights.test.ts does.
 *
 * @param {readonly TargetParameter[]} parameters
 * @param {Pass} pass
 */
function netOf(parameters, pass) {
  const net = new convnetjs.Net()
  /** @type {(TypedArray | null)[]} */
  let grads = []
  net.layers = [
    {
      forward: (x) => x,
      backward() {
        // Copies, like the sums of the framework's own, which the trainer may change.
        grads = pass.gradients.map((gradient) => gradient && gradient.slice())
        return pass.loss
      },
      getParamsAndGrads: () =>
        parameters.map(({ name, shape, data }, i) => ({
          name,
          shape,
          params: data,
          grads: grads[i] ?? null,
        })),
    },
  ]
  return net
}

/** @type {ConformanceTarget} */
const target = {
  manifest: {
    name: '@induced-metric/convnetjs',
    version,
    framework: { name: 'convnetjs', version: framework.version },
    dtypes: ['float32', 'float64'],
    arithmetic: {
      float32: { elementwise: 'float32', sums: 'float64' },
      float64: { elementwise: 'float64', sums: 'float64' },
    },
    capabilities: allCapabilities,
  },
  core,
  create(transformation, parameters) {
    const pass = new Pass()
    const groups = new Map(parameters.map(({ name, group }) => [name, group]))
    const trainer = new InducedTrainer(netOf(parameters, pass), transformation, {
      groupOf: ({ name }) => groups.get(name),
    })
    const x = new convnetjs.Vol(1, 1, 1, 0)
    return {
      step(gradients, { loss } = {}) {
        // A net counts no gradients: a session has to.
        if (gradients.length !== parameters.length) {
          const counts = `${parameters.length} weights, ${gradients.length} gradients`
          throw new core.InducedMetricError('ERR_SHAPE', counts)
        }
        Object.assign(pass, { gradients, loss })
        trainer.train(x, 0)
        return trainer.report
      },
      read: () => parameters.map(({ data }) => data),
      slots: () => Object.fromEntries(trainer.save().parameters.map(({ name, slots }) => [name, slots])),
      learningRate: () => trainer.learning_rate,
      setLearningRate: (rate) => void (trainer.learning_rate = rate),
      evaluationWeights: () =>
        trainer.withEvaluationWeights(() => parameters.map(({ data }) => data.slice())),
      save: () => core.encodeCheckpoint(trainer.save()),
      load: (bytes) => trainer.load(bytes),
      reset: () => trainer.reset(),
      dispose: () => trainer.dispose(),
    }
  },
}

/** The targets to test: one for each backend, or version of the framework. */
export const targets = { convnetjs: () => target }
