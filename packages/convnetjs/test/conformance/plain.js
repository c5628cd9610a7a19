/** convnetjs's own trainer, by its methods, as a plain optimiser for the leaderboard. */
import { createRequire } from 'node:module'
import * as core from '@induced-metric/core'
import convnetjs from 'convnetjs'

const require = createRequire(import.meta.url)
const { version } = /** @type {{ version: string }} */ (require('convnetjs/package.json'))

/** @typedef {Record<string, number | boolean | string>} Base */

/**
 * The trainer's options for a base.
 *
 * @param {Base} base
 * @returns {object | undefined} `undefined` if no method has these options
 */
function optionsOf({ name, momentum, dampening, nesterov, decay, epsilon, centered, initialAccumulator }) {
  switch (name) {
    case 'sgd':
      return momentum === 0 ? { method: 'sgd', momentum } : undefined
    case 'heavyBall':
      return dampening === 0 && nesterov === false ? { method: 'sgd', momentum } : undefined
    case 'adagrad':
      return initialAccumulator === 0 ? { method: 'adagrad', eps: epsilon } : undefined
    case 'rmsprop':
      return momentum === 0 && centered === false
        ? { method: 'windowgrad', ro: decay, eps: epsilon }
        : undefined
    case 'adadelta':
      return { method: 'adadelta', ro: decay, eps: epsilon }
    default:
      return undefined
  }
}

/** @type {import('@induced-metric/conformance').ConformanceTarget} */
const target = {
  manifest: {
    name: 'convnetjs trainer',
    version,
    framework: { name: 'convnetjs', version },
    dtypes: ['float64'],
    arithmetic: { float64: { elementwise: 'float64', sums: 'float64' } },
    capabilities: ['base/sgd', 'base/heavyBall', 'base/adagrad', 'base/rmsprop', 'base/adadelta'],
  },
  core,
  create(transformation, parameters) {
    const { base, learningRate } = /** @type {{ base: Base, learningRate: number }} */ (
      transformation.toJSON()
    )
    const options = optionsOf(base)
    if (options === undefined)
      throw new core.InducedMetricError(
        'ERR_NOT_SUPPORTED',
        `no method is ${String(base['name'])} with these options`,
      )
    /** @type {readonly (core.TypedArray | null)[]} */
    let gradients = []
    // A net whose back-propagation has happened.
    const net = {
      forward: () => undefined,
      backward: () => 0,
      getParamsAndGrads: () =>
        parameters.map(({ data }, i) => ({ params: data, grads: Float64Array.from(gradients[i] ?? []) })),
    }
    const trainer = new convnetjs.Trainer(/** @type {never} */ (net), {
      ...options,
      learning_rate: learningRate,
      batch_size: 1,
      l1_decay: 0,
      l2_decay: 0,
    })
    let steps = 0
    return {
      step(given) {
        gradients = given
        trainer.train(/** @type {never} */ (undefined), undefined)
        steps++
        return {
          step: steps,
          skipped: false,
          skippedSteps: 0,
          learningRate,
          scale: 1,
          dualNorm: NaN,
          metric: 0,
          xi: 0,
        }
      },
      read: () => parameters.map(({ data }) => data),
    }
  },
}

export const targets = { trainer: () => target }

/** Facts of the framework's interface beside the measurements, by target and base. */
export const notes = {
  trainer: {
    adagrad: 'ε inside the root',
    rmsprop: '`windowgrad`: ε inside the root',
    adadelta: 'does not read the learning rate: its step is that at a rate of 1',
  },
}
