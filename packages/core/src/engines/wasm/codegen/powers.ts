import type { Bytes, FunctionCode } from './encoder.js'
import { get, i32, Locals, set, simd } from './instructions.js'
import { emitAtan2, emitCubeRoot } from './roots.js'
import { bits, pair, vectorTypes, type VectorType } from './vectors.js'

/**
 * Functions of vectors that loops call, with the special values of `Math`. eˣ, ln x and xʸ work in double
 * precision, for float32 as well, since a power multiplies the error of its logarithm by ln xʸ; there the polynomials are
 * shorter. Relative errors: below 1e-15 for float64, but 1e-16 times |ln xʸ| for powers; for float32 that of rounding.
 *
 * With x = 2ᵉ·m and s = (m − 1)/(m + 1): ln x = e·ln 2 + 2 artanh s. With n the integer next to x/ln 2: eˣ = 2ⁿ·eʳ, where
 * |r| ≤ ln 2/2. The polynomials interpolate the functions at the zeros of a Chebyshev polynomial.
 */

/** The functions. */
export type PowerName = 'exp' | 'log' | 'pow' | 'cbrt' | 'atan2'

const { op } = vectorTypes.float64
const shiftLeft = simd(0xcb)
const shiftRightSigned = simd(0xcc)
const shiftRight = simd(0xcd)
const nearest = simd(0x94)
const isNotEqual = simd(0x48)
const demote = simd(0x5e)
/** The low halves of two vectors. */
const joinLow = simd(0x0d, 0, 1, 2, 3, 4, 5, 6, 7, 16, 17, 18, 19, 20, 21, 22, 23)

/** (artanh(s)/s − 1)/s² in powers of s², up to s = 3 − 2√2, by element type: to 1e-18 and to 2e-11. */
const logarithm = {
  float64: [
    0.3333333333333333, 0.2000000000000044, 0.14285714285401616, 0.11111111195900235, 0.09090897815442377,
    0.07693120102906739, 0.06634379834280306, 0.06543383504974087,
  ],
  float32: [0.33333333277225824, 0.20000060938486, 0.14275408299855774, 0.11665290969120946],
} as const

/** (eʳ − 1 − r)/r² in powers of r, up to |r| = ln 2/2: to 1e-17 and to 2e-10. */
const exponential = {
  float64: [
    0.5000000000000001, 0.16666666666666669, 0.04166666666662413, 0.008333333333330062, 0.0013888888917213717,
    0.00019841269863053618, 2.4801521295954376e-5, 2.7557268459997064e-6, 2.7620088445409746e-7,
    2.510038549551032e-8,
  ],
  float32: [
    0.500000001346581, 0.16666666681623232, 0.041666464925285904, 0.0083333109254809, 0.0013933649996309251,
    0.00019890990824673654,
  ],
} as const

/** ln 2 in two parts: the first has 24 bits, so that its product with an exponent is exact. */
const ln2 = [0.6931471824645996, -1.904654299957768e-9] as const

const real = (value: number): Bytes => vectorTypes.float64.constant(value)
const add = (a: Bytes, b: Bytes): Bytes => [a, b, op.add]
const sub = (a: Bytes, b: Bytes): Bytes => [a, b, op.sub]
const mul = (a: Bytes, b: Bytes): Bytes => [a, b, op.mul]
const and = (a: Bytes, b: Bytes): Bytes => [a, b, bits.and]
const equal = (a: Bytes, b: Bytes): Bytes => [a, b, op.equal]
const greater = (a: Bytes, b: Bytes): Bytes => [a, b, op.greater]
/** a where the mask is set, else b. */
const choose = (mask: Bytes, a: Bytes, b: Bytes): Bytes => [a, b, mask, bits.select]
/** The value on the stack where the mask is set, else b. */
const unless = (mask: Bytes, b: Bytes): Bytes => [b, mask, bits.select]
/** The bits of a fraction. */
const fractionBits = simd(0x0c, ...fraction(), ...fraction())

function fraction(): number[] {
  return [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x0f, 0x00]
}

/** c₀ + c₁x + c₂x² + … */
function polynomial(x: Bytes, coefficients: readonly number[]): Bytes {
  return coefficients.reduceRight<Bytes>(
    (sum, coefficient) => (sum.length === 0 ? real(coefficient) : add(mul(sum, x), real(coefficient))),
    [],
  )
}

/** 2ⁿ for integers |n| ≤ 1022: adding 2⁵² leaves n + 1023 in the low bits. */
function powerOfTwo(n: Bytes): Bytes {
  return [add(n, real(2 ** 52 + 1023)), i32(52), shiftLeft]
}

/** A function under construction: its locals, by purpose. Those of the parts of a power are different. */
interface Scope {
  readonly type: VectorType
  readonly local: (purpose: string) => number
}

/** eʳ·2ⁿ, for r and an integer |n| ≤ 2000 in locals. The scaling has two parts, of which only the last one rounds. */
function scaledExponential({ type, local }: Scope, r: number, n: number): Bytes {
  const half = local('half')
  const square = mul(get(r), get(r))
  const power = add(add(mul(square, polynomial(get(r), exponential[type.name])), get(r)), real(1))
  return [
    set(half, mul(get(n), real(0.5)), nearest),
    mul(mul(power, powerOfTwo(get(half))), powerOfTwo(sub(get(n), get(half)))),
  ]
}

/** x limited to ±most; NaN remains. */
function clamp(x: Bytes, most: number): Bytes {
  return [x, real(most), op.min, real(-most), op.max]
}

/** eˣ, of a local. */
function emitExp(scope: Scope, x: number): Bytes {
  const [n, r] = [scope.local('n'), scope.local('r')]
  const rest = sub(get(x), mul(get(n), real(ln2[0])))
  return [
    // Beyond ±760 the result is 0 or ∞.
    set(x, clamp(get(x), 760)),
    set(n, mul(get(x), real(Math.LOG2E)), nearest),
    set(r, sub(rest, mul(get(n), real(ln2[1])))),
    scaledExponential(scope, r, n),
  ]
}

/** 2ᵗ, of a local. */
function emitExp2(scope: Scope, t: number): Bytes {
  const [n, r] = [scope.local('n'), scope.local('r')]
  return [
    set(t, clamp(get(t), 1100)),
    set(n, get(t), nearest),
    set(r, mul(sub(get(t), get(n)), real(Math.LN2))),
    scaledExponential(scope, r, n),
  ]
}

/** ln x, or log₂ x, of a local. */
function emitLog(scope: Scope, x: number, binary: boolean): Bytes {
  const { type, local } = scope
  const [scaled, mask, e, m] = [local('scaled'), local('mask'), local('e'), local('m')]
  const [s, z] = [local('s'), local('z')]
  const series = mul(get(z), polynomial(get(z), logarithm[type.name]))
  // 2 artanh s
  const ofFraction = mul(add(get(s), get(s)), add(series, real(1)))
  const result = binary
    ? add(mul(ofFraction, real(Math.LOG2E)), get(e))
    : add(add(ofFraction, mul(get(e), real(ln2[1]))), mul(get(e), real(ln2[0])))
  const smallest = 2 ** -1022
  return [
    // Numbers below the normal ones are scaled by 2⁵⁴.
    set(mask, greater(real(smallest), get(x))),
    set(scaled, choose(get(mask), mul(get(x), real(2 ** 54)), get(x))),
    set(e, sub([get(scaled), i32(52), shiftRight, real(2 ** 52), bits.or], real(2 ** 52 + 1023))),
    set(e, sub(get(e), and(get(mask), real(54)))),
    // The fraction, first in 1 … 2, then in √½ … √2.
    set(m, [and(get(scaled), fractionBits), real(1), bits.or]),
    set(mask, greater(get(m), real(Math.SQRT2))),
    set(m, choose(get(mask), mul(get(m), real(0.5)), get(m))),
    set(e, add(get(e), and(get(mask), real(1)))),
    set(s, [sub(get(m), real(1)), add(get(m), real(1)), op.div]),
    set(z, mul(get(s), get(s))),
    result,
    unless(greater(get(x), real(0)), choose(equal(get(x), real(0)), real(-Infinity), real(NaN))),
    unless([get(x), real(Infinity), isNotEqual], get(x)),
  ]
}

/** xʸ, of locals: 2 to the power y·log₂|x|, with the sign and the special values of `Math.pow`. */
function emitPow(scope: Scope, x: number, y: number): Bytes {
  const { local } = scope
  const [size, power, negative, whole, odd] = [
    local('size'),
    local('power'),
    local('negative'),
    local('whole'),
    local('odd'),
  ]
  const halved = mul(get(y), real(0.5))
  const isFiniteBelowZero = and(greater(real(0), get(x)), greater(get(x), real(-Infinity)))
  return [
    set(size, get(x), op.abs),
    emitLog(scope, size, true),
    set(power, get(y), op.mul),
    set(negative, get(x), i32(63), shiftRightSigned),
    set(whole, equal([get(y), op.floor], get(y))),
    set(odd, and(get(whole), [halved, op.floor, halved, isNotEqual])),
    emitExp2(scope, power),
    [and(and(get(negative), get(odd)), vectorTypes.float64.signBits), bits.xor],
    // Of a negative number there are whole powers only.
    unless([isFiniteBelowZero, get(whole), bits.andNot, simd(0x4d)], real(NaN)),
    unless([get(y), real(0), isNotEqual], real(1)),
  ]
}

const parts: Readonly<Record<'exp' | 'log' | 'pow', (scope: Scope, ...operands: [number, number]) => Bytes>> =
  {
    exp: emitExp,
    log: (scope, x) => emitLog(scope, x, false),
    pow: emitPow,
  }

/** The functions of a module by name, for an element type. Their operands and results are vectors. */
export function emitPower(name: PowerName, type: VectorType): FunctionCode {
  const operands = name === 'pow' || name === 'atan2' ? [0, 1] : [0]
  const locals = new Locals(operands.length)
  const byPurpose = new Map<string, number>()
  const local = (purpose: string): number => {
    let found = byPurpose.get(purpose)
    if (found === undefined) byPurpose.set(purpose, (found = locals.add('v128')))
    return found
  }
  const scope = { type, local }
  const code = (body: Bytes): FunctionCode => {
    return { parameters: operands.map(() => 'v128' as const), result: 'v128', locals: locals.types, body }
  }
  if (name === 'cbrt' || name === 'atan2') {
    const surroundings = { type, local, constant: (value: number): Bytes => type.constant(value) }
    const emit = name === 'cbrt' ? emitCubeRoot : emitAtan2
    return code([operands.map(get), emit(surroundings)])
  }
  const run = parts[name]
  const inDouble = operands.map((each) => local(`operand ${each}`)) as [number, number]
  const half = (widen: (x: number) => Bytes): Bytes => [
    operands.map((each, i) => set(inDouble[i]!, widen(each))),
    run(scope, ...inDouble),
  ]
  const body =
    type.name === 'float64'
      ? half((x) => get(x))
      : [
          [half((x) => [get(x), pair.promoteLow]), demote],
          [half((x) => [get(x), get(x), pair.high, pair.promoteLow]), demote],
          joinLow,
        ]
  return code(body)
}
