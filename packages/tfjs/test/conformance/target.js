/**
 * The adapter as a target of the conformance suite, on any backend. Plain JavaScript, so that the same file serves the
 * tests (on the sources), the browser (bundled) and the command `induced-conformance` (on the built packages).
 */
import * as core from '@induced-metric/core'
import { inducedOptimizer } from '@induced-metric/tfjs'
import { manifestOf } from './manifest.js'

/**
 * @typedef {import('@induced-metric/conformance').ConformanceTarget} ConformanceTarget
 * @typedef {import('@induced-metric/conformance').Session} Session
 * @typedef {import('@induced-metric/conformance').TargetParameter} TargetParameter
 * @typedef {import('@tensorflow/tfjs').Variable} Variable
 */

/**
 * @param {typeof import('@tensorflow/tfjs')} tf with the backend set
 * @param {{ backend: string } & import('@induced-metric/tfjs').InducedOptimizerOptions} options
 * @returns {ConformanceTarget}
 */
export function tfjsTarget(tf, { backend, ...options }) {
  return {
    manifest: manifestOf(backend, tf.version_core, options.engine),
    core,
    create(transformation, parameters) {
      parameters.forEach(checkParameter)
      const variables = parameters.map((parameter) => createVariable(tf, parameter))
      const groups = new Map(parameters.map(({ name, group }) => [name, group]))
      const optimizer = inducedOptimizer(tf, transformation, {
        groupOf: ({ name }) => groups.get(name),
        ...options,
      })
      return session(tf, optimizer, variables, options.stepGuard === 'device')
    },
  }
}

/**
 * @param {typeof import('@tensorflow/tfjs')} tf
 * @param {import('@induced-metric/tfjs').InducedOptimizer} optimizer
 * @param {readonly Variable[]} variables
 * @param {boolean} tensors whether losses are scalars on the device, as a model's are, or numbers
 * @returns {Session}
 */
function session(tf, optimizer, variables, tensors) {
  let disposed = false
  const read = () => Promise.all(variables.map(async (variable) => Float32Array.from(await variable.data())))
  return {
    async step(gradients, { loss } = {}) {
      if (gradients.length !== variables.length) {
        // TensorFlow.js pairs gradients by name and accepts any number of them: only a session counts them.
        throw new core.InducedMetricError(
          'ERR_SHAPE',
          `${variables.length} variables need as many gradients, given ${gradients.length}`,
        )
      }
      const named = variables.map(({ name, shape }, i) => ({
        name,
        tensor: gradients[i] && gradientTensor(tf, gradients[i], shape),
      }))
      const given = loss !== undefined && tensors ? tf.scalar(loss) : loss
      try {
        listed(tf, variables, () => optimizer.applyGradients(/** @type {any} */ (named), given))
      } finally {
        tf.dispose(/** @type {any} */ ([named.map(({ tensor }) => tensor), given]))
      }
      return optimizer.report()
    },
    read,
    async slots() {
      const { parameters } = await optimizer.save()
      return Object.fromEntries(parameters.map(({ name, slots }) => [name, slots]))
    },
    learningRate: () => optimizer.learningRate,
    setLearningRate: (rate) => void (optimizer.learningRate = rate),
    evaluationWeights: () => listed(tf, variables, () => optimizer.withEvaluationWeights(read)),
    save: async () => core.encodeCheckpoint(await optimizer.save()),
    load: (bytes) => optimizer.load(bytes, variables),
    reset: () => optimizer.reset(),
    dispose() {
      if (!disposed) tf.dispose([...variables])
      disposed = true
      optimizer.dispose()
    },
  }
}

/** @param {TargetParameter} parameter */
function checkParameter({ name, shape, data }) {
  if (!(data instanceof Float32Array)) {
    throw new core.InducedMetricError(
      'ERR_NOT_SUPPORTED',
      `TensorFlow.js has no float64: parameter ${name} must be float32`,
    )
  }
  if (data.length !== shape.reduce((size, extent) => size * extent, 1)) {
    throw new core.InducedMetricError(
      'ERR_SHAPE',
      `parameter ${name} has ${data.length} elements, its shape is [${shape.join(', ')}]`,
    )
  }
}

/**
 * A gradient that does not fill the shape is passed on as it is: the adapter must notice.
 *
 * @param {typeof import('@tensorflow/tfjs')} tf
 * @param {ArrayLike<number>} gradient
 * @param {readonly number[]} shape
 */
function gradientTensor(tf, gradient, shape) {
  const size = shape.reduce((product, extent) => product * extent, 1)
  const data = Float32Array.from(gradient)
  return data.length === size ? tf.tensor(data, [...shape]) : tf.tensor1d(data)
}

// Names of variables are unique in TensorFlow.js, and the suite runs sessions side by side whose parameters have the
// same names. So each session's variables are listed only while it takes a step.

/**
 * @param {typeof import('@tensorflow/tfjs')} tf
 * @param {TargetParameter} parameter
 */
function createVariable(tf, { name, shape, data }) {
  return tf.tidy(() => {
    const variable = tf.variable(tf.tensor(data, [...shape], 'float32'), true)
    delete tf.engine().registeredVariables[variable.name]
    variable.name = name
    return variable
  })
}

/**
 * @template T
 * @param {typeof import('@tensorflow/tfjs')} tf
 * @param {readonly Variable[]} variables
 * @param {() => T} body
 * @returns {T}
 */
function listed(tf, variables, body) {
  const registry = tf.engine().registeredVariables
  for (const variable of variables) registry[variable.name] = variable
  try {
    return body()
  } finally {
    for (const { name } of variables) delete registry[name]
  }
}
