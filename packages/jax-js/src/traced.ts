import { InducedMetricError } from '@induced-metric/core'
import type { TensorStep, TracedBackend } from '@induced-metric/core/adapter'
import { Array as JaxArray, jit, numpy as np } from '@jax-js/jax'
import { double, readDoubles, stored, wholePower, writeDoubles } from './doubles.js'
import { mapLowering } from './lowering.js'

/** Whether a value is one of a trace (`jit`, `grad`, `vmap`), which has a shape and a type but no elements. */
export function isTraced(value: unknown): value is np.Array {
  return !(value instanceof JaxArray) && typeof value === 'object' && value !== null && 'aval' in value
}

/**
 * Takes a step inside of a trace. It is compiled by itself: that way it is one operation of any trace around it, and all it
 * makes on the way costs nothing. Consumes all arrays.
 *
 * @returns Δθ of the parameters that have a gradient, and the next state
 */
export function traceStep(
  step: TensorStep<np.Array>,
  given: StepArrays & { readonly parameters: np.Array[]; readonly gradients: readonly (np.Array | null)[] },
  options: { readonly loss?: np.Array | number } = {},
): StepArrays & { readonly updates: (np.Array | null)[] } {
  const { loss, ...others } = options
  const gradients = given.gradients.filter((gradient) => gradient !== null)
  const run = jit(
    (
      numbers: np.Array,
      slots: StepArrays['slots'],
      parameters: np.Array[],
      active: np.Array[],
      losses: np.Array[],
    ) => {
      const own = given.gradients.map((gradient) => gradient && active.shift()!)
      const { values, state } = step.trace(createTracedBackend(), {
        parameters,
        gradients: own,
        state: { numbers: [...readDoubles(numbers)], slots },
        options: { ...others, ...(losses.length > 0 && { loss: losses[0]!.astype(np.float64) }) },
      })
      return {
        updates: values.filter((value) => value !== null),
        numbers: writeDoubles(np.stack(state.numbers.map(({ ref }) => ref))),
        slots: state.slots.map((of) => ({ ...of })),
      }
    },
  )
  try {
    const losses = loss === undefined ? [] : [typeof loss === 'number' ? double(loss) : loss]
    const { updates, numbers, slots } = run(given.numbers, given.slots, given.parameters, gradients, losses)
    return { updates: given.gradients.map((gradient) => gradient && updates.shift()!), numbers, slots }
  } finally {
    run.dispose()
  }
}

/** The arrays of a state, its slots by parameter. */
interface StepArrays {
  readonly numbers: np.Array
  readonly slots: Record<string, np.Array>[]
}

/**
 * The operations inside of one trace. Scalars are float64; they are rounded where they meet a tensor of float32. Arrays of a
 * trace cost nothing, so none is freed.
 */
export function createTracedBackend(): TracedBackend<np.Array> {
  const numbers = new Map<np.Array, number>()
  const met = { float32: new Map<np.Array, np.Array>(), float64: new Map<np.Array, np.Array>() }
  /** A scalar that meets tensors of a type. */
  const scalarFor = (scalar: np.Array, dtype: typeof np.float32 | typeof np.float64): np.Array => {
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
      pow: (a, b) => power(a, b, numbers),
    },
    scalar(value) {
      const array = double(value)
      numbers.set(array, value)
      return array
    },
    choose: (condition, next, old) =>
      np.where(np.greater(scalarFor(condition, np.float64), double(0)), next.ref, old.ref.astype(next.dtype)),
  }
}

/** a to the power b, one of which is a number. The powers of jax-js, and its logarithms, are off by 1e-3 and more on wasm. */
function power(a: np.Array, b: np.Array, numbers: ReadonlyMap<np.Array, number>): np.Array {
  const [base, exponent] = [numbers.get(a), numbers.get(b)]
  if (base !== undefined) return stored(powerOfNumber(base, b.ref))
  if (exponent !== undefined) return stored(powerByNumber(a.ref, exponent))
  throw new InducedMetricError(
    'ERR_NOT_SUPPORTED',
    'a power whose base and exponent are both known only inside of the trace; take the step outside of it',
  )
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

/** By squares for the bits of the whole part, and by square roots for those of the fraction. */
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
