import brain1 from 'brain.js-1'
import * as brain2 from 'brain.js'

// The two versions have different types: here a network may be anything.

/** @typedef {any} Network */

/** @type {readonly import('./types.js').Version[]} */
export const versions = [
  { version: '1.6.1', brain: /** @type {any} */ (brain1) },
  { version: '2.0.0-beta.24', brain: /** @type {any} */ (brain2) },
]

export const xor = [
  { input: [0, 0], output: [0] },
  { input: [0, 1], output: [1] },
  { input: [1, 0], output: [1] },
  { input: [1, 1], output: [0] },
]

/**
 * A generator of numbers in [0, 1) (mulberry32).
 *
 * @param {number} seed
 * @returns {() => number}
 */
export function createRandom(seed) {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let t = state
    t = Math.imul(t ^ (t >>> 15), t | 1)
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61)
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296
  }
}

/**
 * Runs a function that draws from Math.random, as brain.js does for its first weights, reproducibly.
 *
 * @template T
 * @param {number} seed
 * @param {() => T} body
 * @returns {T}
 */
export function seeded(seed, body) {
  const { random } = Math
  Math.random = createRandom(seed)
  try {
    return body()
  } finally {
    Math.random = random
  }
}

/**
 * A network for xor, the same for the same seed.
 *
 * @param {import('./types.js').Brain} brain
 * @param {object} options
 */
export function xorNetwork(brain, options = {}) {
  return seeded(3, () => {
    const network = new brain.NeuralNetwork({ hiddenLayers: [4], ...options })
    network.sizes = [2, 4, 1]
    network.initialize()
    return network
  })
}

/**
 * The numbers of a dense network, layer by layer.
 *
 * @param {import('./types.js').Dense} network
 * @returns {number[]}
 */
export function numbersOf({ weights, biases, outputLayer }) {
  return Array.from({ length: outputLayer }, (_, i) => [
    ...(weights[i + 1] ?? []).flatMap((row) => Array.from(row)),
    ...(biases[i + 1] ?? []),
  ]).flat()
}

/**
 * A feed-forward network of 2.x with sigmoid layers.
 *
 * @param {any} brain
 * @param {number} inputs
 * @param {readonly number[]} sizes of the layers after the inputs
 * @returns {import('./types.js').Layered}
 */
export function feedForward({ FeedForward, layer }, inputs, sizes) {
  const hidden = sizes.slice(0, -1)
  const last = sizes.at(-1)
  return new FeedForward({
    inputLayer: () => layer.input({ height: inputs }),
    hiddenLayers: hidden.map((height) => (/** @type {any} */ below) => layer.feedForward({ height }, below)),
    outputLayer: (/** @type {any} */ below) =>
      layer.target({ height: last }, layer.feedForward({ height: last }, below)),
  })
}

/** The recurrent classes, by name. */
export const tokenClasses = ['RNN', 'LSTM', 'GRU']
export const timeStepClasses = ['RNNTimeStep', 'LSTMTimeStep', 'GRUTimeStep']
