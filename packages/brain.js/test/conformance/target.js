import * as core from '@induced-metric/core'
import { sizeOf } from '@induced-metric/core/adapter'
import { allCapabilities } from '@induced-metric/conformance'

/**
 * @typedef {import('@induced-metric/conformance').ConformanceTarget} ConformanceTarget
 * @typedef {import('@induced-metric/conformance').Session} Session
 * @typedef {import('@induced-metric/conformance').TargetParameter} TargetParameter
 * @typedef {typeof import('../../src/networks/recurrent.js').attachRecurrent} AttachRecurrent
 * @typedef {import('../../src/network.js').Matrix} Matrix
 * @typedef {import('../../src/network.js').RecurrentNetwork} RecurrentNetwork
 */

/**
 * The adapter as a target of the conformance suite. No network of brain.js has parameters of arbitrary shapes, but its
 * recurrent classes are trained through a list of matrices of any size. So the suite's parameters become matrices of a real
 * `RNN`, to which the adapter is attached as to any other. A step writes the gradients where back-propagation leaves them,
 * into the matrices' deltas, and makes the network adjust its weights.
 *
 * The suite does not cover back-propagation (gradients.test.ts) and batches (batches.test.ts). Only the names and shapes of
 * the matrices and the loss are given to the adapter from outside, through the same description that it has of brain.js's
 * own classes.
 *
 * @param {import('../support/types.js').Version} version
 * @param {AttachRecurrent} attach of the sources, or of a build
 * @returns {ConformanceTarget}
 */
export function brainTarget({ version, brain }, attach) {
  return {
    manifest: {
      name: '@induced-metric/brain.js',
      version: '0.1.0',
      framework: { name: 'brain.js', version },
      dtypes: ['float32'],
      arithmetic: { float32: { elementwise: 'float32', sums: 'float64' } },
      capabilities: allCapabilities,
    },
    core,
    create(transformation, parameters) {
      const RNN = /** @type {new () => RecurrentNetwork & { initialize(): void }} */ (
        /** @type {unknown} */ (brain.recurrent['RNN'])
      )
      return createSession(new RNN(), attach, transformation, parameters)
    },
  }
}

/**
 * @param {RecurrentNetwork & { initialize(): void }} network
 * @param {AttachRecurrent} attach
 * @param {core.Transformation} transformation
 * @param {readonly TargetParameter[]} parameters
 * @returns {Session}
 */
function createSession(network, attach, transformation, parameters) {
  network.initialize()
  const matrices = parameters.map((parameter) => matrixOf(network, parameter))
  if (network.model) network.model = { ...network.model, isInitialized: true, allMatrices: matrices }

  /** @type {number | undefined} */
  let loss
  const { batches, hooks } = attach(
    network,
    { transformation, batchSize: 1, exactGradients: true, groupOf: undefined },
    {
      matrices: () =>
        matrices.map((matrix, i) => {
          const { name, shape, group } = /** @type {TargetParameter} */ (parameters[i])
          return { name, shape, ...(group !== undefined && { group }), matrix }
        }),
      loss: () => loss,
    },
  )
  const { optimizer } = batches
  // Before any step, this only moves the weights.
  batches.flush()
  const read = () => matrices.map(({ weights }) => Float32Array.from(weights))

  return {
    step(gradients, options = {}) {
      // brain.js has one list of deltas for each matrix: only a session can count them.
      if (gradients.length !== matrices.length) {
        throw new core.InducedMetricError(
          'ERR_SHAPE',
          `${matrices.length} matrices need as many gradients, given ${gradients.length}`,
        )
      }
      batches.flush()
      loss = options.loss
      const own = matrices.map(({ deltas }) => deltas)
      matrices.forEach((matrix, i) => place(matrix, gradients[i] ?? null))
      try {
        network.adjustWeights()
      } finally {
        // brain.js would have arrays of the right size here again.
        matrices.forEach((matrix, i) => {
          if (matrix.deltas === gradients[i]) matrix.deltas = own[i] ?? matrix.deltas
        })
      }
      return optimizer.report
    },
    read,
    slots: () => Object.fromEntries(optimizer.save().parameters.map(({ name, slots }) => [name, slots])),
    learningRate: () => optimizer.learningRate,
    setLearningRate: (rate) => void (optimizer.learningRate = rate),
    evaluationWeights: () => optimizer.withEvaluationWeights(read),
    save: () => core.encodeCheckpoint(optimizer.save()),
    load: (bytes) => batches.load(bytes),
    reset: () => batches.reset(),
    dispose() {
      batches.release()
      hooks.release()
    },
  }
}

/**
 * @param {RecurrentNetwork} network
 * @param {TargetParameter} parameter
 * @returns {Matrix}
 */
function matrixOf({ initialLayerInputs: [example] }, { shape, data }) {
  const Matrix = /** @type {new (rows: number, columns: number) => Matrix} */ (example?.constructor)
  const [rows = 1, ...columns] = shape
  const matrix = new Matrix(rows, sizeOf(columns))
  matrix.weights = /** @type {Float32Array} */ (data)
  return matrix
}

/**
 * Writes a gradient where back-propagation would. One that does not fit is given to the adapter as it is, which must notice.
 *
 * @param {Matrix} matrix
 * @param {Float32Array | Float64Array | null} gradient
 */
function place(matrix, gradient) {
  const { deltas } = matrix
  if (
    gradient instanceof Float32Array &&
    deltas instanceof Float32Array &&
    gradient.length === deltas.length
  ) {
    deltas.set(gradient)
  } else matrix.deltas = /** @type {Float32Array} */ (gradient)
}
