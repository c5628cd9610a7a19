/**
 * Compares the gradients that brain.js computes with finite differences of its losses. The losses are evaluated in double
 * precision, so that the differences are accurate to about eight digits.
 */
import { inducedMetric, sgd } from '@induced-metric/core'
import { useOptimizer } from '@induced-metric/brain.js'
import { createRandom, feedForward, seeded, timeStepClasses, tokenClasses } from './brain.js'

/**
 * @typedef {import('./brain.js').Network} Network
 * @typedef {{
 *   name: string,
 *   make: (seed: number) => Network,
 *   parameters: (network: Network) => Float32Array[],
 *   share?: number,
 *   before?: (network: Network) => void,
 *   train: (network: Network) => void,
 *   loss: (network: Network, values: Float64Array[]) => number,
 * }} Subject a class to be checked: `parameters` in the order of the adapter, `loss` of one pattern at given values,
 *   `share` of negative weights
 */

/** So large that the change of a weight outweighs the weight's own rounding. */
const learningRate = 1024

/**
 * The gradient that the optimiser receives for one pattern, read from a step of plain SGD.
 *
 * @param {Subject} subject
 * @param {Network} network
 * @param {boolean} exactGradients
 * @returns {number[]}
 */
function gradientOf({ before, train, parameters }, network, exactGradients) {
  before?.(network)
  const start = snapshot(parameters(network))
  const handle = useOptimizer(network, inducedMetric(sgd(), { learningRate, xi: 0 }), { exactGradients })
  train(network)
  handle.detach()
  const end = snapshot(parameters(network))
  restore(parameters(network), start)
  return end
    .flatMap((values, i) => Array.from(values, (value, j) => (start[i]?.[j] ?? NaN) - value))
    .map((change) => change / learningRate)
}

/**
 * @param {Subject} subject
 * @param {Network} network
 * @returns {number[]}
 */
function finiteDifferences({ parameters, loss }, network) {
  const values = snapshot(parameters(network)).map((array) => Float64Array.from(array))
  const width = 1e-5
  return values.flatMap((array) =>
    Array.from(array, (value, i) => {
      array[i] = value + width
      const above = loss(network, values)
      array[i] = value - width
      const below = loss(network, values)
      array[i] = value
      return (above - below) / (2 * width)
    }),
  )
}

/**
 * The errors of a subject's gradients, relative to finite differences: brain.js's own and the adapter's.
 *
 * @param {Subject} subject
 * @param {number} seed
 */
export function compareGradients(subject, seed = 1) {
  const network = seeded(seed, () => subject.make(seed))
  shake(subject.parameters(network), seed, subject.share)
  const stock = gradientOf(subject, network, false)
  const exact = gradientOf(subject, network, true)
  const expected = finiteDifferences(subject, network)
  return { stock: relativeError(stock, expected), exact: relativeError(exact, expected) }
}

/**
 * @param {readonly number[]} actual
 * @param {readonly number[]} expected
 */
function relativeError(actual, expected) {
  return Math.hypot(...actual.map((x, i) => x - (expected[i] ?? NaN))) / Math.hypot(...expected)
}

/** @param {readonly ArrayLike<number>[]} arrays */
const snapshot = (arrays) => arrays.map((array) => Float32Array.from(array))

/**
 * @param {readonly Float32Array[]} arrays
 * @param {readonly Float32Array[]} values
 */
function restore(arrays, values) {
  arrays.forEach((array, i) => array.set(values[i] ?? []))
}

/**
 * Weights large enough for every part of a gradient to count, and positive enough for rectifiers to stay alive.
 *
 * @param {readonly Float32Array[]} arrays
 * @param {number} seed
 * @param {number} share of negative weights
 */
function shake(arrays, seed, share = 0.3) {
  const random = createRandom(seed + 1000)
  for (const array of arrays) array.set(array.map(() => random() - share))
}

// The dense classes.

const pattern = { input: Float32Array.of(0.3, 0.8, 0.6), output: Float32Array.of(0.9, 0.1) }

/** @type {Readonly<Record<string, (x: number) => number>>} */
const activations = {
  sigmoid: (x) => 1 / (1 + Math.exp(-x)),
  tanh: Math.tanh,
  relu: (x) => Math.max(0, x),
  'leaky-relu': (x) => Math.max(x, 0.01 * x),
  // The other leaky-relu of brain.js.
  'leaky-relu of 1.6.1': (x) => (x > 0 ? 0.01 * x : 0),
}

/**
 * The outputs for the pattern. `values` are weights and biases by turns.
 *
 * @param {readonly Float64Array[]} values
 * @param {(x: number) => number} activate
 */
function denseOutputs(values, activate) {
  /** @type {number[]} */
  let inputs = Array.from(pattern.input)
  for (let i = 0; i < values.length; i += 2) {
    const [weights, biases] = [values[i] ?? [], Array.from(values[i + 1] ?? [])]
    const below = inputs
    inputs = biases.map((bias, node) =>
      activate(below.reduce((sum, x, k) => sum + x * (weights[node * below.length + k] ?? NaN), bias)),
    )
  }
  return inputs
}

/** @param {(x: number) => number} activate */
const denseLoss = (activate) => (/** @type {Network} */ _, /** @type {Float64Array[]} */ values) =>
  denseOutputs(values, activate).reduce((sum, y, i) => sum + (y - (pattern.output[i] ?? NaN)) ** 2 / 2, 0)

/**
 * Rows of a matrix as one array that writes through to them.
 *
 * @param {Float32Array[]} rows
 * @returns {Float32Array}
 */
function flat(rows) {
  const joined = Float32Array.from(rows.flatMap((row) => Array.from(row)))
  joined.set = (values) => {
    let at = 0
    for (const row of rows) for (let i = 0; i < row.length; i++) row[i] = values[at++] ?? NaN
  }
  return joined
}

/**
 * @param {any} brain
 * @param {string} version
 * @returns {Subject[]}
 */
function denseSubjects(brain, version) {
  /** @type {Subject[]} */
  const subjects = []
  for (const Class of ['NeuralNetwork', 'NeuralNetworkGPU']) {
    for (const activation of ['sigmoid', 'tanh', 'relu', 'leaky-relu']) {
      // gpu.js 1 cannot compile brain.js 1.6.1's rectifiers: such a network cannot even be made.
      if (version.startsWith('1') && Class === 'NeuralNetworkGPU' && activation.endsWith('relu')) continue
      const isOther = activation === 'leaky-relu' && (version.startsWith('1') || Class === 'NeuralNetworkGPU')
      const activate = activations[isOther ? 'leaky-relu of 1.6.1' : activation]
      if (!activate) throw new Error(activation)
      subjects.push({
        name: `${Class} ${activation}`,
        make() {
          const network = new brain[Class]({ hiddenLayers: [5, 4], activation, mode: 'cpu' })
          network.sizes = [3, 5, 4, 2]
          network.initialize()
          return network
        },
        parameters: ({ weights, biases }) =>
          [1, 2, 3].flatMap((layer) => [flat(weights[layer]), biases[layer]]),
        // A hundredth of a sum does not outweigh a negative bias.
        ...(isOther && { share: 0.05 }),
        train: (network) => network.trainPattern(pattern),
        loss: denseLoss(activate),
      })
    }
  }
  if (!brain.FeedForward) return subjects
  for (const [outputs, count] of [
    [1, 'one output'],
    [2, 'two outputs'],
  ]) {
    subjects.push({
      name: `FeedForward sigmoid, ${count}`,
      make() {
        const network = feedForward(brain, 3, [5, 4, Number(outputs)])
        network.initialize()
        return network
      },
      parameters: ({ _model }) => _model.map((/** @type {any} */ { weights }) => flat(weights)),
      train: (network) => network._trainPattern(pattern.input, pattern.output, false),
      loss: denseLoss(activations['sigmoid'] ?? Math.tanh),
    })
  }
  return subjects
}

// The recurrent classes.

const tokens = { long: [2, 0, 1, 3, 2, 2, 0], short: [1, 3, 0] }
const series = { long: [0.1, 0.5, 0.4, 0.9, 0.2, 0.7], short: [0.6, 0.3, 0.8] }

/**
 * Runs a function with everything that takes part in equations in double precision.
 *
 * @param {Network} network
 * @param {Float64Array[]} values
 * @param {() => number} body
 */
function inDouble(network, values, body) {
  const { allMatrices, equations } = network.model
  /** @type {{ matrix: any, weights: Float32Array, deltas: Float32Array }[]} */
  const kept = []
  const widen = (/** @type {any} */ matrix, /** @type {Float64Array} */ weights) => {
    kept.push({ matrix, weights: matrix.weights, deltas: matrix.deltas })
    matrix.weights = weights
  }
  allMatrices.forEach((/** @type {any} */ matrix, /** @type {number} */ i) =>
    widen(matrix, values[i] ?? new Float64Array()),
  )
  for (const { states } of equations) {
    for (const { product } of states) widen(product, new Float64Array(product.rows * product.columns))
  }
  try {
    return body()
  } finally {
    for (const { matrix, weights, deltas } of kept.reverse()) Object.assign(matrix, { weights, deltas })
  }
}

/**
 * @param {any} brain
 * @param {boolean} isStale whether a longer sequence went before
 * @returns {Subject[]}
 */
function recurrentSubjects(brain, isStale) {
  const suffix = isStale ? ', after a longer sequence' : ''
  const parameters = (/** @type {Network} */ { model }) =>
    model.allMatrices.map((/** @type {any} */ { weights }) => weights)
  const prepare = (/** @type {Network} */ network) => {
    network.initialize()
    return network
  }
  const ofTokens = tokenClasses.map((Class) => ({
    name: `${Class}${suffix}`,
    make: () => {
      const network = new brain.recurrent[Class]({
        inputSize: 4,
        inputRange: 4,
        outputSize: 4,
        hiddenLayers: [5, 4],
      })
      if (network.options) network.options.dataFormatter = undefined
      else network.dataFormatter = undefined
      return prepare(network)
    },
    parameters,
    before: (/** @type {Network} */ network) => {
      if (!isStale) return
      network.trainInput(tokens.long)
      network.backpropagate(tokens.long)
    },
    train: (/** @type {Network} */ network) => network.trainPattern(tokens.short),
    loss: (/** @type {Network} */ network, /** @type {Float64Array[]} */ values) =>
      inDouble(network, values, () => {
        const sources = [0, ...tokens.short.map((token) => token + 1)]
        return sources.reduce((loss, source, place) => {
          const { weights } = network.model.equations[place].runIndex(source)
          const total = weights.reduce(
            (/** @type {number} */ sum, /** @type {number} */ z) => sum + Math.exp(z),
            0,
          )
          return loss + Math.log(total) - weights[sources[place + 1] ?? 0]
        }, 0)
      }),
  }))
  const column = (/** @type {number} */ x) => Float32Array.of(x, 1 - x)
  const ofValues = timeStepClasses.map((Class) => ({
    name: `${Class}${suffix}`,
    make: () => prepare(new brain.recurrent[Class]({ inputSize: 2, outputSize: 2, hiddenLayers: [5, 4] })),
    parameters,
    before: (/** @type {Network} */ network) => {
      network.trainInput = network.trainArrays ?? network.trainArrayOfArray
      if (!isStale) return
      network.trainInput(series.long.map(column))
      network.backpropagate()
    },
    train: (/** @type {Network} */ network) => network.trainPattern(series.short.map(column)),
    loss: (/** @type {Network} */ network, /** @type {Float64Array[]} */ values) =>
      inDouble(network, values, () => {
        const columns = series.short.map(column)
        return columns.slice(1).reduce((loss, target, place) => {
          const { weights } = network.model.equations[place].runInput(columns[place])
          return loss + ((weights[0] - (target[0] ?? NaN)) ** 2 + (weights[1] - (target[1] ?? NaN)) ** 2) / 2
        }, 0)
      }),
  }))
  return [...ofTokens, ...ofValues]
}

/**
 * Every trainable class of a version of brain.js.
 *
 * @param {{ brain: any, version: string }} version
 * @returns {{ dense: Subject[], recurrent: Subject[], stale: Subject[] }}
 */
export function subjectsOf({ brain, version }) {
  return {
    dense: denseSubjects(brain, version),
    recurrent: recurrentSubjects(brain, false),
    stale: recurrentSubjects(brain, true),
  }
}
