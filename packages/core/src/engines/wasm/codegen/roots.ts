import type { Bytes } from './encoder.js'
import { get, i32, set, simd } from './instructions.js'
import { bits, type VectorOp, type VectorType } from './vectors.js'

/**
 * Powers ½ and ⅓, and atan2, with the special values of `Math`. They work in the tensors' own type, with errors of about
 * one unit in the last place.
 */

/** The code around a function. */
export interface Surroundings {
  readonly type: VectorType
  /** A local to work in. Functions that are not within each other's operands share them. */
  readonly local: (purpose: string) => number
  /** A number in every lane. */
  readonly constant: (value: number) => Bytes
}

const not = simd(0x4d)
const signExtendShift = { float32: simd(0xac), float64: simd(0xcc) } as const

/** Abbreviations for the operations of a type. */
function operations({ op }: VectorType) {
  const binary =
    (name: VectorOp) =>
    (a: Bytes, b: Bytes): Bytes => [a, b, op[name]]
  return {
    add: binary('add'),
    sub: binary('sub'),
    mul: binary('mul'),
    div: binary('div'),
    greater: binary('greater'),
    equal: binary('equal'),
    max: binary('max'),
    min: binary('min'),
    abs: (x: Bytes): Bytes => [x, op.abs],
    /** a where the mask is set, else b. */
    choose: (mask: Bytes, a: Bytes, b: Bytes): Bytes => [a, b, mask, bits.select],
  }
}

/** x^½ of the vector on the stack. */
export function emitSquareRoot({ type, local, constant }: Surroundings): Bytes {
  const x = local('x')
  // −0 has the root 0, and −∞ the root ∞.
  const root = [get(x), constant(0), type.op.add, type.op.sqrt]
  const isFinite = [get(x), constant(-Infinity), type.op.equal, not]
  return [set(x), root, constant(Infinity), isFinite, bits.select]
}

/**
 * x^⅓ of the vector on the stack. Newton's iteration for r = x^−⅓ needs no division, r ← r·(4 − x·r³)/3. It starts from
 * an exponent divided by −3, which is right to 3.5 %; one more iteration is for x·r² itself.
 */
export function emitCubeRoot(surroundings: Surroundings): Bytes {
  const { type, local, constant } = surroundings
  const { add, sub, mul, greater, equal, abs, choose } = operations(type)
  const [x, tiny, scaled, r, y] = [local('x'), local('mask'), local('scaled'), local('r'), local('y')]
  const { smallest, enlarge, reduce, turns } = cubeRoot[type.name]
  const third = constant(1 / 3)
  const cube = mul(mul(get(scaled), get(r)), mul(get(r), get(r)))
  const better = mul(get(r), sub(constant(4 / 3), mul(cube, third)))
  const error = sub(get(scaled), mul(mul(get(y), get(y)), get(y)))
  const corrected = add(get(y), mul(mul(error, mul(get(r), get(r))), third))
  const isOrdinary = [greater(get(x), constant(0)), greater(constant(Infinity), get(x)), bits.and]
  const isExtreme = [equal(get(x), constant(0)), equal(abs(get(x)), constant(Infinity)), bits.or]
  return [
    set(x),
    set(tiny, greater(constant(smallest), get(x))),
    set(scaled, choose(get(tiny), mul(get(x), constant(enlarge)), get(x))),
    set(r, firstGuess(surroundings, get(scaled))),
    Array.from({ length: turns }, () => set(r, better)),
    set(y, mul(mul(get(scaled), get(r)), get(r))),
    set(y, mul(corrected, choose(get(tiny), constant(reduce), constant(1)))),
    choose(isOrdinary, get(y), choose(isExtreme, abs(get(x)), constant(NaN))),
  ]
}

/** Numbers below `smallest` are not normal: they are enlarged by a cube. */
const cubeRoot = {
  float32: { smallest: 2 ** -126, enlarge: 2 ** 24, reduce: 2 ** -8, turns: 3 },
  float64: { smallest: 2 ** -1022, enlarge: 2 ** 54, reduce: 2 ** -18, turns: 4 },
} as const

/** x^−⅓ to 3.5 %: the bits of a number are about its logarithm. */
function firstGuess({ type, constant }: Surroundings, x: Bytes): Bytes {
  const { add, sub, mul } = operations(type)
  const third = constant(1 / 3)
  if (type.name === 'float32') {
    const [toFloats, toIntegers] = [simd(0xfa), simd(0xf8)]
    return [sub(constant(1_419_910_954), mul([x, toFloats], third)), toIntegers]
  }
  // There is no conversion of 64-bit integers: the high half of x goes through the low bits of 2⁵² + n.
  const [shiftLeft, shiftRight] = [simd(0xcb), simd(0xcd)]
  const high = sub([x, i32(32), shiftRight, constant(2 ** 52), bits.or], constant(2 ** 52))
  return [add(sub(constant(1_430_187_664), mul(high, third)), constant(2 ** 52)), i32(32), shiftLeft]
}

/** (arctan(t)/t − 1)/t² in powers of t², up to t = √2 − 1, by element type: to 7e-18 and to 2e-9. */
const arctangent = {
  float64: [
    -0.3333333333333333, 0.19999999999995516, -0.14285714284665682, 0.11111111015187018, -0.0909090457530649,
    0.07692183125376892, -0.06664510525508936, 0.05858140904866328, -0.050854078345894844,
    0.03923044778479309, -0.019175404711104932,
  ],
  float32: [
    -0.33333331760434554, 0.1999954031495797, -0.14263949753605723, 0.10743668324830098, -0.06451718869358958,
  ],
} as const

/** Numbers above `large` are reduced before two of them are added, and those below `small` have too few bits. */
const sizes = {
  float32: { large: 2 ** 126, small: 2 ** -100, enlarge: 2 ** 100 },
  float64: { large: 2 ** 1022, small: 2 ** -900, enlarge: 2 ** 900 },
} as const

/**
 * The angle of the point with ordinate y and abscissa x, which are on the stack in this order. With s the smaller one of
 * |x| and |y| and l the larger one, arctan(s/l) is π/4 + arctan((s − l)/(s + l)) where s/l > √2 − 1. So one division
 * leaves an argument below √2 − 1 for the polynomial.
 */
export function emitAtan2({ type, local, constant }: Surroundings): Bytes {
  const { add, sub, mul, div, max, min, greater, equal, abs, choose } = operations(type)
  const [y, x, s, l] = [local('y'), local('x'), local('s'), local('l')]
  const [isSteep, t, z, angle] = [local('mask'), local('t'), local('z'), local('angle')]
  const scale = local('scaled')
  const { large, small, enlarge } = sizes[type.name]
  const series = polynomial(arctangent[type.name], get(z), constant, type)
  const [numerator, denominator] = [sub(get(s), get(l)), add(get(s), get(l))]
  // 0/0 and ∞/∞, of which the first has the angle 0 and the second the angle π/4.
  const isUndefined = [equal(get(l), constant(0)), equal(get(s), constant(Infinity)), bits.or]
  const signOf = (value: number): Bytes => [get(value), type.signBits, bits.and]
  const isNegative = [get(x), i32(8 * type.bytes - 1), signExtendShift[type.name]]
  return [
    set(x),
    set(y),
    set(s, min(abs(get(x)), abs(get(y)))),
    set(l, max(abs(get(x)), abs(get(y)))),
    set(scale, choose(greater(get(l), constant(large)), constant(0.25), constant(1))),
    set(scale, choose(greater(constant(small), get(l)), constant(enlarge), get(scale))),
    set(s, mul(get(s), get(scale))),
    set(l, mul(get(l), get(scale))),
    set(isSteep, [
      greater(get(s), mul(get(l), constant(Math.SQRT2 - 1))),
      equal(get(s), constant(Infinity)),
      bits.or,
    ]),
    set(t, div(choose(get(isSteep), numerator, get(s)), choose(get(isSteep), denominator, get(l)))),
    set(t, [get(t), isUndefined, bits.andNot]),
    set(z, mul(get(t), get(t))),
    set(angle, add(mul(mul(get(z), get(t)), series), get(t))),
    set(angle, add(get(angle), [get(isSteep), constant(Math.PI / 4), bits.and])),
    set(angle, choose(greater(abs(get(y)), abs(get(x))), sub(constant(Math.PI / 2), get(angle)), get(angle))),
    set(angle, choose(isNegative, sub(constant(Math.PI), get(angle)), get(angle))),
    [get(angle), signOf(y), bits.or],
  ]
}

/** c₀ + c₁x + c₂x² + … */
function polynomial(
  coefficients: readonly number[],
  x: Bytes,
  constant: Surroundings['constant'],
  { op }: VectorType,
): Bytes {
  return coefficients.reduceRight<Bytes>(
    (sum, c) => (sum.length === 0 ? constant(c) : [sum, x, op.mul, constant(c), op.add]),
    [],
  )
}
