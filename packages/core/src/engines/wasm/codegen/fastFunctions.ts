import type { Bytes } from './encoder.js'
import { call, get, i32, set, simd, vectorWhen } from './instructions.js'
import type { Surroundings } from './roots.js'
import { bits, vectorTypes } from './vectors.js'

/**
 * The cube root and atan2 in single precision, for ordinary numbers. They stand in the loop, as bases that take them do
 * so for every element. A vector with any other number goes to the module's function.
 */

const { op, signBits } = vectorTypes.float32
const anyTrue = simd(0x53)
const toFloats = simd(0xfa)
const shiftLeft = simd(0xab)
const shiftRightSigned = simd(0xac)

const add = (a: Bytes, b: Bytes): Bytes => [a, b, op.add]
const sub = (a: Bytes, b: Bytes): Bytes => [a, b, op.sub]
const mul = (a: Bytes, b: Bytes): Bytes => [a, b, op.mul]

/**
 * x^⅓ of the vector on the stack. The bits of x are about its logarithm: from them comes r = x^−⅓, right to 3.5 %. They
 * are divided by 256 as well, so that the result is an integer below 2²³ and its bits follow by adding 2²³. A step of
 * Newton's iteration, with its numbers set for the least error, leaves 0.1 %. With e = 1 − x·r³ the root is then
 * x·r²·(1 − e)^−⅔, of which three terms are enough.
 *
 * @param otherwise the number of the function for any vector
 */
export function emitFastCubeRoot({ local, constant }: Surroundings, otherwise: number): Bytes {
  const [x, r, y, e] = [local('x'), local('r'), local('y'), local('s')]
  const third = mul([get(x), toFloats], constant(1 / 768))
  const guess = [sub(constant(1_419_800_955 / 256 + 2 ** 23), third), i32(8), shiftLeft]
  const cube = mul(mul(get(x), get(r)), mul(get(r), get(r)))
  const series = mul(get(e), add(mul(get(e), constant(5 / 9)), constant(2 / 3)))
  const isOdd = [
    [constant(2 ** -126), get(x), op.greater],
    [get(x), constant(Infinity), op.equal],
    bits.or,
    anyTrue,
  ]
  const root = [
    set(r, guess),
    set(r, mul(get(r), sub(constant(1.3463261488569085), mul(cube, constant(0.3453401645766791))))),
    set(y, mul(mul(get(x), get(r)), get(r))),
    set(e, sub(constant(1), mul(get(y), get(r)))),
    add(get(y), mul(get(y), series)),
  ]
  return [set(x), vectorWhen(isOdd, [get(x), call(otherwise)], root)]
}

/** (arctan(t)/t − 1)/t² in powers of t², up to t = 1: to 6e-8. */
const arctangent = [
  -0.33333323100516077, 0.1999868117224476, -0.1425704492587806, 0.10865759084376636, -0.0800968171696076,
  0.04891432153762489, -0.020026747641797547, 0.003866738913916773,
] as const

/**
 * The angle of the point with ordinate y and abscissa x, which are on the stack in this order: that of the smaller one of
 * |x| and |y| to the larger one, and then what its octant makes of it.
 *
 * @param otherwise the number of the function for any vectors
 */
export function emitFastAtan2({ local, constant }: Surroundings, otherwise: number): Bytes {
  const [y, x, ordinate, abscissa] = [local('y'), local('x'), local('ordinate'), local('abscissa')]
  const [l, t, angle, mask] = [local('l'), local('t'), local('angle'), local('mask')]
  const [z, z2] = [local('z'), local('z2')]
  const [c0, c1, c2, c3, c4, c5, c6, c7] = arctangent.map(constant) as [
    Bytes,
    Bytes,
    Bytes,
    Bytes,
    Bytes,
    Bytes,
    Bytes,
    Bytes,
  ]
  const linear = (a: Bytes, b: Bytes): Bytes => add(a, mul(b, get(z)))
  // In pairs, and pairs of pairs: the processor then works several of them at once.
  const [low, high] = [
    add(linear(c0, c1), mul(linear(c2, c3), get(z2))),
    add(linear(c4, c5), mul(linear(c6, c7), get(z2))),
  ]
  const series = add(low, mul(high, mul(get(z2), get(z2))))
  const signs = (of: Bytes): Bytes => [of, signBits, bits.and]
  /** ±angle + addend, where the mask is set −angle + addend. */
  const reflect = (addend: number): Bytes =>
    add([get(angle), signs(get(mask)), bits.xor], [get(mask), constant(addend), bits.and])
  const pseudo = vectorTypes.float32
  const isOdd = [
    [constant(2 ** -126), get(l), op.greater],
    [get(l), constant(2 ** 126), op.greater],
    bits.or,
    anyTrue,
  ]
  const fast = [
    // A NaN is in one of them.
    set(t, [get(abscissa), get(ordinate), pseudo.pseudoMin], get(l), op.div),
    set(z, mul(get(t), get(t))),
    set(z2, mul(get(z), get(z))),
    set(angle, add(mul(mul(get(z), get(t)), series), get(t))),
    set(mask, get(ordinate), get(abscissa), op.greater),
    set(angle, reflect(Math.PI / 2)),
    set(mask, get(x), i32(31), shiftRightSigned),
    [reflect(Math.PI), signs(get(y)), bits.or],
  ]
  return [
    set(x),
    set(y),
    set(abscissa, get(x), op.abs),
    set(ordinate, get(y), op.abs),
    set(l, get(ordinate), get(abscissa), pseudo.pseudoMax),
    vectorWhen(isOdd, [get(y), get(x), call(otherwise)], fast),
  ]
}
