import { lax, numpy as np } from '@jax-js/jax'

// Numbers of a state in single precision, for devices without float64. A state keeps the bits of a float64, so that it goes on
// anywhere. Bits are moved here as whole numbers, which lose none.

/** What the exponents of both types differ by, in their bits. */
const bias = 1023 - 127
const infinite = 0x7f800000

/** A scalar of float32. */
export function single(value: number): np.Array {
  return np.array(Math.fround(value), { dtype: np.float32 })
}

function word(value: number): np.Array {
  return np.array(value, { dtype: np.uint32 })
}

const right = (bits: np.Array, by: number): np.Array => np.rightShift(bits, word(by))
const left = (bits: np.Array, by: number): np.Array => np.leftShift(bits, word(by))
const masked = (bits: np.Array, mask: number): np.Array => np.bitwiseAnd(bits, word(mask))

/**
 * Converts pairs of uint32, the bits of a float64 with the lower half first, to the nearest float32. Numbers that are too large
 * become the largest finite ones, and those below the normal ones 0. Consumes them.
 */
export function readSingles(words: np.Array): np.Array {
  const pairs = words.reshape([-1, 2])
  const low = pairs.ref.slice([], 0)
  const high = pairs.slice([], 1)
  const sign = left(right(high.ref, 31), 31)
  const exponent = masked(right(high.ref, 20), 0x7ff)
  const fraction = left(masked(high, 0xfffff), 3).add(right(low.ref, 29))
  const half = masked(right(low, 28), 1)
  const isSmall = np.lessEqual(exponent.ref, word(bias))
  const isLarge = np.greaterEqual(exponent.ref, word(bias + 255))
  // Rounding may carry into the exponent, as it should.
  const rounded = left(exponent.sub(word(bias)), 23)
    .add(fraction)
    .add(half)
  const finite = np.minimum(np.where(isLarge, word(infinite - 1), rounded), word(infinite - 1))
  const size = np.where(isSmall, word(0), finite)
  return lax.bitcastConvertType(np.bitwiseOr(size, sign), np.float32)
}

/**
 * The bits of the same numbers as float64, lower half first. Infinite numbers become the largest finite ones, and subnormal
 * numbers 0. Consumes the values.
 */
export function writeSingles(values: np.Array): np.Array {
  const bits = lax.bitcastConvertType(values, np.uint32)
  const sign = left(right(bits.ref, 31), 31)
  const size = np.minimum(masked(bits, 0x7fffffff), word(infinite - 1))
  const exponent = right(size.ref, 23)
  const fraction = masked(size, 0x7fffff)
  const isNormal = np.greater(exponent.ref, word(0))
  const upper = left(exponent.add(word(bias)), 20).add(right(fraction.ref, 3))
  const high = np.bitwiseOr(np.where(isNormal.ref, upper, word(0)), sign)
  const low = np.where(isNormal, left(masked(fraction, 7), 29), word(0))
  return np.stack([low, high], 1).ravel()
}

const bits = Array.from({ length: 24 }, (_, bit) => 2 ** bit)

/** A vector of float32. */
function singles(values: readonly number[]): np.Array {
  return np.array(Float32Array.from(values))
}

/** By bit of a whole number 0 ≤ n < 2^24, whether it is set: a vector. Consumes n. */
function bitsOf(n: np.Array): np.Array {
  return np.greaterEqual(np.floor(n.mul(singles(bits.map((bit) => 1 / bit)))).mod(single(2)), single(1))
}

/**
 * base^n for whole numbers 0 ≤ n < 2^24: a product over a vector of constants, as one over scalars is a shader of a hundred
 * thousand characters. Consumes n.
 */
export function wholePower(base: number, n: np.Array): np.Array {
  return np.prod(np.where(bitsOf(n), singles(bits.map((bit) => base ** bit)), single(1)))
}

/** 1 − base^n, to the last digits of float32. Consumes n. */
export function wholePowerComplement(base: number, n: np.Array): np.Array {
  // 1 − abc = (1 − a) + a(1 − b) + ab(1 − c)
  const isSet = bitsOf(n)
  const powers = np.where(isSet.ref, singles(bits.map((bit) => base ** bit)), single(1))
  const isBefore = np.array(bits.map((row) => bits.map((column) => column < row)))
  const products = np.prod(np.where(isBefore, powers.reshape([1, bits.length]), single(1)), 1)
  const rests = singles(bits.map((bit) => -Math.expm1(bit * Math.log(base))))
  return products.mul(np.where(isSet, rests, single(0))).sum()
}

/** 1 where a float32 is finite, else 0. By its bits, as shader languages may assume that all are finite. Consumes the values. */
export function isFinite(values: np.Array): np.Array {
  const exponents = masked(lax.bitcastConvertType(values, np.uint32), infinite)
  return np.notEqual(exponents, word(infinite)).astype(np.float32)
}
