/**
 * The adapter as a target of the conformance suite, on any device of jax-js. Plain JavaScript, so that the same file serves the
 * tests (on the sources), the browser (bundled) and `induced-conformance` (on the built package).
 */
import { allCapabilities, allCapabilitiesBut } from '@induced-metric/conformance'
import * as core from '@induced-metric/core'
import { sizeOf } from '@induced-metric/core/adapter'
import { applyUpdates, inducedOptimizer } from '@induced-metric/jax-js'
import { defaultDevice, numpy as np, tree } from '@jax-js/jax'

/**
 * @typedef {import('@induced-metric/conformance').ConformanceTarget} ConformanceTarget
 * @typedef {import('@induced-metric/conformance').TypedArray} TypedArray
 */

// jax-js asks whether an array is one of these before it takes a Float64Array, and Node has them from version 24 on.
const host = /** @type {{ Float16Array?: unknown, Worker?: unknown }} */ (globalThis)
host.Float16Array ??= Object.freeze(function Float16Array() {})
const workerAtFirst = host.Worker

/** @type {Pick<import('@induced-metric/conformance').Manifest, 'dtypes' | 'arithmetic' | 'capabilities'>} */
const onHost = {
  dtypes: ['float32', 'float64'],
  arithmetic: {
    float32: { elementwise: 'float32', sums: 'float32' },
    float64: { elementwise: 'float64', sums: 'float64' },
  },
  capabilities: allCapabilities,
}
/** Shader languages leave the rounding of their operations to the device, so results there need not agree bit for bit. */
const onGpu = /** @type {const} */ ({
  dtypes: ['float32'],
  arithmetic: { float32: { elementwise: 'float32', sums: 'float32' } },
  capabilities: allCapabilitiesBut('bitwise'),
})

/**
 * @param {'cpu' | 'wasm' | 'webgl' | 'webgpu'} backend
 * @param {{ version: string, ofJax: string }} versions of the adapter, and of the framework
 * @returns {ConformanceTarget}
 */
export function jaxTarget(backend, { version, ofJax }) {
  const isGpu = backend === 'webgl' || backend === 'webgpu'
  return {
    manifest: {
      name: '@induced-metric/jax-js',
      version,
      framework: { name: '@jax-js/jax', version: ofJax },
      backend,
      ...(isGpu ? onGpu : onHost),
    },
    core,
    create(transformation, parameters) {
      defaultDevice(backend)
      const names = parameters.map(({ name }) => name)
      const groups = new Map(parameters.map(({ name, group }) => [name, group]))
      for (const { name, shape, data } of parameters) {
        if (data.length === sizeOf(shape)) continue
        const counts = `parameter ${name} has ${data.length} values, and the shape [${shape.join(', ')}]`
        throw new core.InducedMetricError('ERR_SHAPE', counts)
      }
      const optimizer = inducedOptimizer(transformation, {
        groupOf: ({ name }) => groups.get(name),
        nameOf: ([index]) => names[Number(index)] ?? '',
      })
      let params = parameters.map(({ data, shape }) => arrayOf(data, shape))
      let state = freeing(params, () => optimizer.init(tree.ref(params)))
      let disposed = false
      const checkAlive = () => {
        if (disposed) throw new core.InducedMetricError('ERR_DISPOSED', 'it was disposed of')
      }
      return asAtFirst({
        step(gradients, options) {
          checkAlive()
          const grads = gradients.map((data, i) => data && arrayOf(data, parameters[i]?.shape ?? []))
          const given = /** @type {import('@jax-js/jax').Array[]} */ (grads)
          const [updates, next] = freeing(given, () =>
            optimizer.update(given, state, tree.ref(params), options),
          )
          state = next
          params = applyUpdates(params, updates)
          return /** @type {core.StepReport} */ (optimizer.report)
        },
        read: () => params.map(({ ref }) => /** @type {TypedArray} */ (ref.dataSync())),
        slots: () =>
          Object.fromEntries(
            optimizer.save(state, params).parameters.map(({ name, slots }) => [name, slots]),
          ),
        learningRate: () => optimizer.learningRate(state, params),
        setLearningRate(rate) {
          state = optimizer.withLearningRate(state, params, rate)
        },
        evaluationWeights() {
          const weights = optimizer.evaluationParams(state, params)
          return weights.map((array) => /** @type {TypedArray} */ (array.dataSync()))
        },
        save() {
          checkAlive()
          return core.encodeCheckpoint(optimizer.save(state, params))
        },
        load(bytes) {
          checkAlive()
          const next = optimizer.load(bytes, tree.ref(params))
          tree.dispose(state)
          state = next
        },
        reset() {
          checkAlive()
          const next = optimizer.init(tree.ref(params))
          tree.dispose(state)
          state = next
        },
        dispose() {
          if (!disposed) tree.dispose([params, state])
          disposed = true
        },
      })
    },
  }
}

/**
 * jax-js asks whether there is a `Worker` when it makes its memory, and again when it compiles for it. onnxruntime-web,
 * which the tests across adapters run in the same process, defines one in between.
 *
 * @template {object} T
 * @param {T} session
 * @returns {T} the session, whose functions find things as they were when jax-js was loaded
 */
function asAtFirst(session) {
  const wrap =
    (/** @type {(...given: unknown[]) => unknown} */ use) =>
    (/** @type {unknown[]} */ ...given) => {
      const now = host.Worker
      host.Worker = workerAtFirst
      try {
        return use(...given)
      } finally {
        host.Worker = now
      }
    }
  return /** @type {T} */ (
    Object.fromEntries(Object.entries(session).map(([name, use]) => [name, wrap(use)]))
  )
}

/**
 * An array; values that do not fill the shape go to the adapter as they are, which has to notice.
 *
 * @param {TypedArray} data
 * @param {readonly number[]} shape
 */
function arrayOf(data, shape) {
  const fits = data.length === sizeOf(shape)
  const dtype = data instanceof Float64Array ? np.float64 : np.float32
  if (data.length === 0) return np.zeros(fits ? [...shape] : [0], { dtype })
  return np.array(data.slice(), {
    shape: fits ? [...shape] : [data.length],
    dtype,
  })
}

/**
 * Lets go of arrays where what they were made for goes wrong.
 *
 * @template T
 * @param {import('@jax-js/jax').Array[]} arrays
 * @param {() => T} use
 * @returns {T}
 */
function freeing(arrays, use) {
  try {
    return use()
  } catch (error) {
    tree.dispose(arrays)
    throw error
  }
}
