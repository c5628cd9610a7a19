import { Array as JaxArray, defaultDevice, getWebGPUDevice, jit, numpy as np } from '@jax-js/jax'
import { InducedMetricError } from '@induced-metric/core'
import { show, type TensorBackend } from '@induced-metric/core/adapter'
import { lowering } from './lowering.js'

/** The operations on jax-js arrays that the optimiser needs. */
export const tensors: TensorBackend<np.Array> = {
  lowering,
  from(values, shape) {
    const options = { shape: [...shape], dtype: values.BYTES_PER_ELEMENT === 8 ? np.float64 : np.float32 }
    const isConstant = values.every((value) => Object.is(value, values[0]))
    return isConstant ? np.full(options.shape, values[0] ?? 0, options) : np.array(values, options)
  },
  read(array) {
    if (!(array instanceof JaxArray)) return refuse(array)
    if (array.device === 'webgpu') checkReads()
    return array.ref.dataSync() as Float32Array
  },
  reshape: (array, shape) => array.ref.reshape([...shape]),
  shape: (array) => (array instanceof JaxArray || isTraced(array) ? array.shape : refuse(array)),
  dtype: typeOf,
  dispose: (array) => array.dispose(),
  compile(compute) {
    const fused = jit((...operands: np.Array[]) => compute(operands))
    // Fused functions compute in double precision on cpu, where a square that overflows float32 would go unnoticed.
    return (given) => (given[0]?.device === 'cpu' ? compute(given) : fused(...given.map(({ ref }) => ref)))
  },
}

/** The element type of an array. jax-js takes float64 on a GPU as well, and then computes something else with it. */
function typeOf(array: np.Array): 'float32' | 'float64' {
  if (array.dtype === np.float32) return 'float32'
  if (array.dtype !== np.float64) return refuse(array.dtype)
  const device = array instanceof JaxArray ? array.device : defaultDevice()
  if (device !== 'webgpu' && device !== 'webgl') return 'float64'
  throw new InducedMetricError(
    'ERR_NOT_SUPPORTED',
    `${device} has no float64: make the parameters float32 (array.astype(numpy.float32)), or train on wasm`,
  )
}

/** Whether a value is an array inside a trace (`jit`, `grad`, `vmap`), which has a shape and a type but no elements. */
export function isTraced(value: unknown): value is np.Array {
  const isObject = typeof value === 'object' && value !== null
  return isObject && !(value instanceof JaxArray) && 'aval' in value && !('dataSync' in value)
}

/**
 * Throws ERR_NOT_SUPPORTED on a WebGPU device in software. jax-js reads arrays of webgpu at once through a canvas, at which
 * Chromium loses such a device.
 */
function checkReads(): void {
  const { adapterInfo } = getWebGPUDevice() as {
    readonly adapterInfo?: { readonly architecture?: string; readonly isFallbackAdapter?: boolean }
  }
  if (adapterInfo?.isFallbackAdapter !== true && adapterInfo?.architecture !== 'swiftshader') return
  throw new InducedMetricError(
    'ERR_NOT_SUPPORTED',
    'this WebGPU device is in software, and would be lost when an array is read at once: call update inside of jit, which reads ' +
      "nothing; for anything else, move parameters and state first (await devicePut(state, 'wasm')), or train on wasm",
  )
}

function refuse(given: unknown): never {
  refuseForeign(given)
  const message = `the optimiser takes arrays of float32 or float64, and inside jit only init and update take them; given ${typeof given === 'string' ? given : show(given)}`
  throw new InducedMetricError('ERR_NOT_SUPPORTED', message)
}

/** Throws ERR_NOT_SUPPORTED for an array of another copy of jax-js, whose arrays this one cannot use. */
export function refuseForeign(given: unknown): void {
  if (given instanceof JaxArray) return
  const array = given as Partial<np.Array> | null | undefined
  if (typeof array?.dataSync !== 'function' || array.dtype === undefined) return
  throw new InducedMetricError(
    'ERR_NOT_SUPPORTED',
    'this array is of another copy of @jax-js/jax than the optimiser uses. Two copies are loaded: two versions, or one as a ' +
      'module and one by require or from a CDN. `npm ls @jax-js/jax` shows them; import one',
  )
}
