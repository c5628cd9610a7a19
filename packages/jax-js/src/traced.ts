import { InducedMetricError, type StepReport } from '@induced-metric/core'
import type { TensorStep, TracedBackend } from '@induced-metric/core/adapter'
import { jit, numpy as np } from '@jax-js/jax'
import { double, readDoubles, stored, wholePower, writeDoubles } from './doubles.js'
import { mapLowering } from './lowering.js'
import { namedSlots, type InducedState } from './state.js'

/** The options of a step. */
export interface StepOptions {
  readonly loss?: number | np.Array
}

/** The arrays that a step reads, by parameter in the order of its state. */
export interface StepArrays {
  /** None, where the caller gives no parameters. */
  readonly parameters: np.Array[]
  readonly gradients: readonly (np.Array | null)[]
}

/** The result of a step. */
export interface TakenStep {
  /** Δθ, by parameter; `null` where it is left alone. */
  readonly updates: readonly (np.Array | null)[]
  readonly state: InducedState
  readonly report?: StepReport
}

/**
 * Takes a step inside of a trace. It is compiled by itself, which makes it one operation of the trace around it; the arrays
 * that it makes on the way are none, and need not be freed. Consumes all arrays, unless it throws.
 */
export function traceStep(
  step: TensorStep<np.Array>,
  before: InducedState,
  { parameters: given, gradients }: StepArrays,
  { loss, ...options }: StepOptions,
): TakenStep {
  const run = jit((before: InducedState, parameters: np.Array[], active: np.Array[], losses: np.Array[]) => {
    const of = gradients.map((gradient) => gradient && active.shift()!)
    const slots = Object.values(before.slots)
    const { values, state } = step.trace(createTracedBackend(), {
      parameters,
      gradients: of,
      state: { numbers: [...readDoubles(before.numbers)], slots },
      options: { ...options, ...(losses[0] && { loss: losses[0].astype(np.float64) }) },
    })
    const numbers = writeDoubles(np.stack(state.numbers.map(({ ref }) => ref)))
    return {
      updates: values.filter((value) => value !== null),
      state: { numbers, slots: namedSlots(Object.keys(before.slots), state.slots) },
    }
  })
  try {
    const active = gradients.filter((gradient) => gradient !== null)
    const losses = loss === undefined ? [] : [typeof loss === 'number' ? double(loss) : loss]
    const { updates, state } = run(before, given, active, losses)
    return { updates: gradients.map((gradient) => gradient && updates.shift()!), state }
  } finally {
    run.dispose()
  }
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
