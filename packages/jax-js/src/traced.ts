import type { TracedBackend, TreeStep } from '@induced-metric/core/adapter'
import { defaultDevice, numpy as np, type JsTree } from '@jax-js/jax'
import { double, readDoubles, wholePower as powerInDouble, writeDoubles } from './doubles.js'
import { mapLowering } from './lowering.js'
import { powerByNumber, powerOfNumber, stored, type WholePowers } from './powers.js'
import { isFinite, readSingles, single, wholePower, wholePowerComplement, writeSingles } from './singles.js'
import type { InducedState } from './state.js'

/** The element type of a step's scalars inside a trace. */
export interface ScalarType {
  readonly dtype: typeof np.float32 | typeof np.float64
  /** A scalar of this type. */
  readonly number: (value: number) => np.Array
  readonly whole: WholePowers
  /** The numbers of a state, from the bits of float64. Consumes them. */
  readonly read: (words: np.Array) => np.Array
  /** The inverse. Consumes the values. */
  readonly write: (values: np.Array) => np.Array
}

export const doubles: ScalarType = {
  dtype: np.float64,
  number: double,
  whole: { power: powerInDouble },
  read: readDoubles,
  write: writeDoubles,
}
export const singles: ScalarType = {
  dtype: np.float32,
  number: single,
  whole: { power: wholePower, complement: wholePowerComplement },
  read: readSingles,
  write: writeSingles,
}

/** Takes a step inside a trace. Consumes nothing. Scalars are float64, and float32 on a GPU, which has no other. */
export function trace<P extends JsTree<np.Array>>(
  step: TreeStep<np.Array>,
  grads: P,
  state: InducedState,
  params: P | undefined,
  loss: number | np.Array | undefined,
): { readonly updates: P; readonly state: InducedState; readonly replaced: readonly np.Array[] } {
  const device = defaultDevice()
  const type = device === 'webgpu' || device === 'webgl' ? singles : doubles
  const numbers = [...type.read(state.numbers.ref)]
  const scalar = typeof loss === 'number' ? type.number(loss) : loss?.ref.astype(type.dtype)
  const taken = step.trace(createTracedBackend(type), grads, { ...state, numbers }, params, {
    ...(scalar && { loss: scalar }),
  })
  const { numbers: next, slots } = taken.state
  return { ...taken, state: { numbers: writeNumbers(type, state.numbers, numbers, next), slots } }
}

/** The bits of the numbers after a step. Those that are as before keep theirs, which a float32 may not hold. */
function writeNumbers(
  type: ScalarType,
  words: np.Array,
  before: readonly np.Array[],
  next: readonly np.Array[],
): np.Array {
  const written = type.write(np.stack(next.map(({ ref }) => ref)))
  if (type === doubles) return written
  const changed = next.flatMap((number, i) => Array<boolean>(2).fill(number !== before[i]))
  return np.where(np.array(changed), written, words.ref)
}

/**
 * Creates the operations of one trace. Scalars have a type of their own, and are rounded when they meet a tensor of float32. The
 * arrays of a trace take no memory, so none is freed.
 */
export function createTracedBackend(type: ScalarType): TracedBackend<np.Array> {
  const numbers = new Map<np.Array, number>()
  const powers = createPowers(type, numbers)
  const isSingle = type.dtype === np.float32
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
    const hasTensor = operands.some(({ ndim }) => ndim > 0) || dtype !== type.dtype
    const isScalar = (x: np.Array): boolean => x.ndim === 0 && x.dtype === type.dtype
    return operation(...operands.map((x) => (hasTensor && isScalar(x) ? scalarFor(x, dtype) : x.ref)))
  })
  return {
    lowering: {
      ...lowering,
      ...(isSingle && { finite: (x) => isFinite(x.ref) }),
      sum: (x) => lowering.sum(x).astype(type.dtype),
      pow: (a, b) => powers.pow(a, b) ?? lowering.pow(a, b),
      sub: (a, b) => powers.complement(a, b) ?? lowering.sub(a, b),
    },
    scalar(value) {
      const array = type.number(value)
      numbers.set(array, value)
      return array
    },
    choose: (condition, next, old) =>
      np.where(
        np.greater(scalarFor(condition, type.dtype), type.number(0)),
        next.ref,
        old.ref.astype(next.dtype),
      ),
    inTypeOf: (array, { dtype } = { dtype: type.dtype } as np.Array) => array.ref.astype(dtype),
    reshape: (array, shape) => array.ref.reshape([...shape]),
    identity: (n, { dtype }) => np.eye(n, undefined, { dtype }),
  }
}

/** Powers of scalars, of which one is a number, and what they leave of 1. Both are `undefined` for what they do not cover. */
function createPowers(type: ScalarType, numbers: ReadonlyMap<np.Array, number>) {
  const { number, whole } = type
  const made = new Map<np.Array, { readonly base: number; readonly exponent: np.Array }>()
  const isScalar = (x: np.Array): boolean => x.ndim === 0 && x.dtype === type.dtype
  return {
    /** a to the power b. */
    pow(a: np.Array, b: np.Array): np.Array | undefined {
      const [base, exponent] = [numbers.get(a), numbers.get(b)]
      if (!isScalar(a) || !isScalar(b)) return undefined
      if (base === undefined)
        return exponent === undefined ? undefined : stored(powerByNumber(a.ref, exponent, number))
      const power = stored(powerOfNumber(base, b.ref, type))
      if (base >= 0 && base <= 1) made.set(power, { base, exponent: b })
      return power
    },
    /** a − b, where a is 1, and b a power of a number between 0 and 1. */
    complement(a: np.Array, b: np.Array): np.Array | undefined {
      const given = made.get(b)
      if (whole.complement === undefined || given === undefined || numbers.get(a) !== 1) return undefined
      const { base, exponent } = given
      const count = np.floor(np.maximum(exponent.ref, number(0)))
      // Exponents are counts of steps, as a rule.
      const isWhole = np.equal(count.ref, exponent.ref)
      return stored(np.where(isWhole, whole.complement(base, count), number(1).sub(b.ref)))
    },
  }
}
