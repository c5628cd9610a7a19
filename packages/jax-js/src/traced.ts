import { unsupported, type TracedBackend, type TreeStep } from '@induced-metric/core/adapter'
import { defaultDevice, numpy as np, type JsTree } from '@jax-js/jax'
import { double, readDoubles, stored, wholePower, writeDoubles } from './doubles.js'
import { mapLowering } from './lowering.js'
import type { InducedState } from './state.js'

/**
 * Takes a step inside a trace. Consumes nothing.
 *
 * @throws ERR_NOT_SUPPORTED on a GPU
 */
export function trace<P extends JsTree<np.Array>>(
  step: TreeStep<np.Array>,
  grads: P,
  state: InducedState,
  params: P | undefined,
  { loss, ...others }: { readonly loss?: number | np.Array },
): { readonly updates: P; readonly state: InducedState; readonly replaced: readonly np.Array[] } {
  const device = defaultDevice()
  // It would fail when the results are read, without a word about the optimiser.
  if (device === 'webgpu' || device === 'webgl')
    throw unsupported(
      `inside of jit the optimiser computes scalars in float64, which ${device} does not have: compute the gradients inside of jit, and ` +
        'call update outside of it; or train on wasm',
    )
  const numbers = [...readDoubles(state.numbers.ref)]
  const scalar = typeof loss === 'number' ? double(loss) : loss?.ref.astype(np.float64)
  const taken = step.trace(createTracedBackend(), grads, { ...state, numbers }, params, {
    ...others,
    ...(scalar && { loss: scalar }),
  })
  const { numbers: next, slots } = taken.state
  return { ...taken, state: { numbers: writeDoubles(np.stack(next.map(({ ref }) => ref))), slots } }
}

/**
 * Creates the operations of one trace. Scalars are float64, and are rounded when they meet a tensor of float32. The arrays of a
 * trace take no memory, so none is freed.
 */
export function createTracedBackend(): TracedBackend<np.Array> {
  const numbers = new Map<np.Array, number>()
  const met = { float32: new Map<np.Array, np.Array>(), float64: new Map<np.Array, np.Array>() }
  /** A scalar in the type of the tensors that it meets. */
  const scalarFor = (scalar: np.Array, dtype: typeof np.float32 | typeof np.float64): np.Array => {
    if (numbers.has(scalar)) return scalar.ref.astype(dtype)
    let found = met[dtype].get(scalar)
    if (found === undefined) met[dtype].set(scalar, (found = stored(scalar.ref.astype(dtype))))
    return found.ref
  }
  const lowering = mapLowering((operation) => (...operands) => {
    const dtype = operands.some((x) => x.dtype === np.float32) ? np.float32 : np.float64
    const hasTensor = operands.some(({ ndim }) => ndim > 0) || dtype === np.float32
    const isScalar = (x: np.Array): boolean => x.ndim === 0 && x.dtype === np.float64
    return operation(...operands.map((x) => (hasTensor && isScalar(x) ? scalarFor(x, dtype) : x.ref)))
  })
  return {
    lowering: {
      ...lowering,
      sum: (x) => lowering.sum(x).astype(np.float64),
      pow: (a, b) => power(a, b, numbers, lowering.pow),
    },
    scalar(value) {
      const array = double(value)
      numbers.set(array, value)
      return array
    },
    choose: (condition, next, old) =>
      np.where(np.greater(scalarFor(condition, np.float64), double(0)), next.ref, old.ref.astype(next.dtype)),
    inTypeOf: (array, { dtype } = { dtype: np.float64 } as np.Array) => array.ref.astype(dtype),
    reshape: (array, shape) => array.ref.reshape([...shape]),
    identity: (n, { dtype }) => np.eye(n, undefined, { dtype }),
  }
}

/** a to the power b. The powers and logarithms of jax-js have errors of 1e-3 and more on wasm. */
function power(
  a: np.Array,
  b: np.Array,
  numbers: ReadonlyMap<np.Array, number>,
  otherwise: (a: np.Array, b: np.Array) => np.Array,
): np.Array {
  const [base, exponent] = [numbers.get(a), numbers.get(b)]
  const isScalar = [a, b].every(({ ndim, dtype }) => ndim === 0 && dtype === np.float64)
  if (!isScalar) return otherwise(a, b)
  if (base !== undefined) return stored(powerOfNumber(base, b.ref))
  if (exponent !== undefined) return stored(powerByNumber(a.ref, exponent))
  return otherwise(a, b)
}

function powerOfNumber(base: number, exponent: np.Array): np.Array {
  const size = np.abs(exponent.ref)
  const whole = np.floor(size.ref)
  const rest = size.sub(whole.ref)
  const fraction = np.where(
    np.greater(rest.ref, double(0)),
    np.exp(rest.mul(double(Math.log(base)))),
    double(1),
  )
  const result = stored(wholePower(base, whole).mul(fraction))
  return np.where(np.less(exponent, double(0)), np.reciprocal(result.ref), result)
}

/** Multiplies squares for the bits of the whole part of the exponent, and square roots for those of its fraction. */
function powerByNumber(base: np.Array, exponent: number): np.Array {
  let result = double(1)
  let [square, whole] = [base.ref, Math.floor(Math.abs(exponent))]
  for (; whole > 0; whole = Math.floor(whole / 2)) {
    if (whole % 2 === 1) result = result.mul(square.ref)
    square = stored(np.square(square))
  }
  let [root, fraction] = [base, Math.abs(exponent) % 1]
  for (; fraction > 0; fraction = (2 * fraction) % 1) {
    root = stored(np.sqrt(root))
    if (fraction >= 0.5) result = result.mul(root.ref)
  }
  return exponent < 0 ? np.reciprocal(result) : result
}
