/** brain.js's own updates of weights as plain optimisers for the leaderboard: those of `NeuralNetwork` and of `RNN`. */
import * as core from '@induced-metric/core'
import { versions } from '../support/brain.js'

/**
 * @typedef {import('@induced-metric/conformance').ConformanceTarget} ConformanceTarget
 * @typedef {Record<string, number | boolean | string>} Base
 * @typedef {{ apply(gradient: core.TypedArray): void, values(): ArrayLike<number> }} Update
 * @typedef {any} Network
 */

/**
 * A network of one input, 1, and a neuron for each element, which has it as its weight or its bias.
 *
 * @param {Network} network
 * @param {core.TypedArray} data
 * @param {'weights' | 'biases'} part
 * @param {Base} base
 * @param {number} learningRate
 * @returns {Update}
 */
function neurons(network, data, part, base, learningRate) {
  const size = data.length
  const zeros = () => Array.from({ length: size }, () => 0)
  const columns = () => Array.from({ length: size }, () => [0])
  const { momentum, beta1, beta2, epsilon } = base
  Object.assign(network, {
    sizes: [1, size],
    outputLayer: 1,
    outputs: [[1], zeros()],
    weights: [[], Array.from(data, (value) => [value])],
    biases: [[], Array.from(data)],
    changes: [[], columns()],
    trainOpts: { ...network.trainOpts, learningRate, momentum, beta1, beta2, epsilon },
  })
  if (base['name'] === 'adam') network._setupAdam()
  return {
    apply(gradient) {
      // brain.js's deltas point downhill.
      network.deltas = [[], Array.from(gradient, (g) => -g)]
      network.adjustWeights()
    },
    values: () =>
      part === 'biases' ? network.biases[1] : network.weights[1].map((/** @type {number[]} */ [w]) => w),
  }
}

/**
 * A matrix of an RNN. Its gradient is not clipped, and its weights do not decay.
 *
 * @param {Network} network
 * @param {core.TypedArray} data
 * @param {Base} base
 * @param {number} learningRate
 * @returns {Update}
 */
function matrix(network, data, base, learningRate) {
  const weights = Float32Array.from(data)
  const matrix = {
    rows: data.length,
    columns: 1,
    weights,
    deltas: new Float32Array(data.length),
    recurrence: weights,
  }
  const model = { allMatrices: [matrix] }
  const settings = { decayRate: base['decay'], smoothEps: base['epsilon'], clipval: Infinity, regc: 0 }
  // The first version keeps them on the network, the second in its options.
  Object.assign(network, {
    ...settings,
    model,
    stepCache: {},
    options: { ...network.options, ...settings },
    trainOpts: { ...network.trainOpts, learningRate },
  })
  return {
    apply(gradient) {
      matrix.deltas.set(gradient)
      matrix.recurrence = matrix.deltas
      if (network.step === undefined) network.adjustWeights()
      else network.step(learningRate)
    },
    values: () => weights,
  }
}

/**
 * @param {string} version
 * @param {string} part
 * @param {readonly ('base/sgd' | 'base/heavyBall' | 'base/adam' | 'base/rmsprop')[]} capabilities
 * @param {(data: core.TypedArray, base: Base, learningRate: number) => Update | undefined} start
 * @returns {ConformanceTarget}
 */
function targetOf(version, part, capabilities, start) {
  return {
    manifest: {
      name: `brain.js, ${part}`,
      version,
      framework: { name: 'brain.js', version },
      dtypes: ['float32'],
      arithmetic: { float32: { elementwise: 'float32', sums: 'float32' } },
      capabilities,
    },
    core,
    create(transformation, parameters) {
      const { base, learningRate } = /** @type {{ base: Base, learningRate: number }} */ (
        transformation.toJSON()
      )
      const updates = parameters.map(({ data }) => {
        const update = start(data, base, learningRate)
        if (update === undefined)
          throw new core.InducedMetricError(
            'ERR_NOT_SUPPORTED',
            `no ${String(base['name'])} with these options`,
          )
        return update
      })
      let steps = 0
      return {
        step(gradients) {
          gradients.forEach((gradient, i) => gradient && updates[i]?.apply(gradient))
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
        read: () => updates.map((update) => Float32Array.from(update.values())),
      }
    },
  }
}

/** @param {Base} base */
function isPlain({ dampening, nesterov, amsgrad, cautious, centered }) {
  return !nesterov && !amsgrad && !cautious && !centered && (dampening ?? 0) === 0
}

/** @type {Record<string, () => ConformanceTarget>} */
export const targets = Object.fromEntries(
  versions.flatMap(({ version, brain }) => [
    .../** @type {const} */ (['weights', 'biases']).map((part) => [
      `${version} ${part}`,
      () =>
        targetOf(version, `${part} of NeuralNetwork`, ['base/heavyBall', 'base/adam'], (data, base, rate) =>
          isPlain(base)
            ? neurons(new /** @type {any} */ (brain).NeuralNetwork(), data, part, base, rate)
            : undefined,
        ),
    ]),
    [
      `${version} recurrent`,
      () =>
        targetOf(version, 'RNN', ['base/rmsprop'], (data, base, rate) =>
          isPlain(base) && base['momentum'] === 0
            ? matrix(new /** @type {any} */ (brain.recurrent)['RNN'](), data, base, rate)
            : undefined,
        ),
    ],
  ]),
)

/**
 * Facts of the framework's code beside the measurements, by target and base.
 *
 * @type {Record<string, Record<string, string>>}
 */
export const notes = Object.fromEntries(
  versions.flatMap(({ version }) => [
    [
      `${version} biases`,
      { heavyBall: 'biases have no momentum', adam: 'biases move by the averages of the step before' },
    ],
    [`${version} recurrent`, { rmsprop: 'ε inside the root' }],
  ]),
)
