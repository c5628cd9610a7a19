import { numpy as np } from '@jax-js/jax'
import { stored } from './powers.js'

/** A scalar of float64. */
export function double(value: number): np.Array {
  return np.array(value, { dtype: np.float64 })
}

/** base^n for whole numbers 0 ≤ n < 2^bits: a product of constants. Consumes n. */
export function wholePower(base: number, n: np.Array, bits = 32): np.Array {
  let product = double(1)
  for (let bit = 0; bit < bits; bit++) {
    const isSet = np.greaterEqual(np.floor(n.ref.mul(double(2 ** -bit))).mod(double(2)), double(1))
    product = product.mul(np.where(isSet, double(base ** (2 ** bit)), double(1)))
  }
  n.dispose()
  return product
}

/** Converts pairs of uint32, the bits of a number with the lower half first, to float64. Consumes them. */
export function readDoubles(words: np.Array): np.Array {
  const pairs = words.astype(np.float64).reshape([-1, 2])
  const low = pairs.ref.slice([], 0)
  const high = pairs.slice([], 1)
  const sign = np.floor(high.ref.mul(double(2 ** -31)))
  const rest = high.sub(sign.ref.mul(double(2 ** 31)))
  const exponent = np.floor(rest.ref.mul(double(2 ** -20)))
  const fraction = rest
    .sub(exponent.ref.mul(double(2 ** 20)))
    .mul(double(2 ** 32))
    .add(low)
    .mul(double(2 ** -52))
  // A subnormal number has the exponent of the smallest normal one, and no leading 1.
  const leading = np.greater(exponent.ref, double(0)).astype(np.float64)
  const power = np.maximum(exponent, double(1)).sub(double(1023))
  return double(1)
    .sub(sign.mul(double(2)))
    .mul(fraction.add(leading))
    .mul(wholePower(2, np.maximum(power.ref, double(0)), 10))
    .mul(wholePower(0.5, np.maximum(np.negative(power), double(0)), 10))
}

/**
 * The inverse of {@link readDoubles}. Infinite numbers become the largest finite ones, and subnormal numbers 0. Consumes the
 * values.
 */
export function writeDoubles(values: np.Array): np.Array {
  const sign = np.less(values.ref, double(0)).astype(np.float64)
  const size = np.minimum(np.abs(values), double(Number.MAX_VALUE))
  let fraction = size.ref
  let exponent = np.zerosLike(size.ref)
  // Scales the size into [1, 2), and finds the exponent bit by bit.
  for (const step of [512, 256, 128, 64, 32, 16, 8, 4, 2, 1]) {
    const isLarge = np.greaterEqual(fraction.ref, double(2 ** step))
    const isSmall = np.less(fraction.ref, double(2 ** (1 - step)))
    const either = (large: number, small: number, none: number): np.Array =>
      np.where(isLarge.ref, double(large), np.where(isSmall.ref, double(small), double(none)))
    fraction = stored(fraction.mul(either(2 ** -step, 2 ** step, 1)))
    exponent = exponent.add(either(step, -step, 0))
  }
  const isNormal = np.greaterEqual(size, double(2 ** -1022))
  const biased = np.where(isNormal.ref, exponent.add(double(1023)), double(0))
  const bits = np.where(isNormal, fraction.sub(double(1)).mul(double(2 ** 52)), double(0))
  const above = np.floor(bits.ref.mul(double(2 ** -32)))
  const low = bits.sub(above.ref.mul(double(2 ** 32)))
  const high = sign
    .mul(double(2 ** 31))
    .add(biased.mul(double(2 ** 20)))
    .add(above)
  const columns = (values: np.Array, first: number, second: number): np.Array =>
    values.reshape([-1, 1]).mul(np.array([[first, second]]).astype(np.float64))
  return columns(low, 1, 0)
    .add(columns(high, 0, 1))
    .astype(np.uint32)
    .ravel()
}
