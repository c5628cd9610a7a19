import { numpy as np } from '@jax-js/jax'

// Powers of scalars inside of a trace, in the element type of these. The powers and logarithms of jax-js have errors of 1e-3 and
// more on wasm.

/**
 * The same values, which `jit` then computes only once. It fuses an operation with those that read its result, and so repeats it
 * for each of their elements, on cpu even for each of them. It does not fuse a sum with its readers. Consumes the values.
 */
export function stored(values: np.Array): np.Array {
  return values.reshape([...values.shape, 1]).sum(-1)
}

/** Makes a scalar of a number, in some element type. */
type MakeScalar = (value: number) => np.Array

/** Powers of a number with whole exponents. Both consume the exponent. */
export interface WholePowers {
  /** base^n */
  readonly power: (base: number, n: np.Array) => np.Array
  /**
   * 1 − base^n for a base in [0, 1], where a difference would leave few digits: in single precision, if the base is near 1. Types
   * that have more digits than enough leave it out.
   */
  readonly complement?: (base: number, n: np.Array) => np.Array
}

/** base^x for any x, by the exponential function for the fraction. Consumes x. */
export function powerOfNumber(
  base: number,
  exponent: np.Array,
  { number, whole: { power } }: { readonly number: MakeScalar; readonly whole: WholePowers },
): np.Array {
  const size = np.abs(exponent.ref)
  const whole = np.floor(size.ref)
  const rest = size.sub(whole.ref)
  const fraction = np.where(
    np.greater(rest.ref, number(0)),
    np.exp(rest.mul(number(Math.log(base)))),
    number(1),
  )
  const result = stored(power(base, whole).mul(fraction))
  return np.where(np.less(exponent, number(0)), np.reciprocal(result.ref), result)
}

/**
 * x to the power of a number: multiplies squares for the bits of the whole part of the exponent, and square roots for those of
 * its fraction. Consumes x.
 */
export function powerByNumber(base: np.Array, exponent: number, number: MakeScalar): np.Array {
  let result = number(1)
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
