import type { Lowering } from './backend.js'

/** The functions that {@link createFunctions} makes. */
export type MadeFunctions<V> = Pick<Lowering<V>, 'exp' | 'log' | 'pow' | 'atan2'>

/** The operations that those functions are made of. */
export interface FunctionParts<V> {
  readonly lowering: Pick<
    Lowering<V>,
    'add' | 'sub' | 'mul' | 'div' | 'max' | 'min' | 'sqrt' | 'square' | 'abs' | 'floor' | 'greater' | 'select'
  >
  /** A number as a scalar. */
  readonly constant: (value: number) => V
  /** Makes sure that a value which several operations read is computed only once. Default: it is. */
  readonly stored?: (value: V) => V
}

/**
 * Makes exp, log, pow and atan2 for double precision of operations that every framework has, where a framework lacks them or has them
 * in single precision only. Relative errors are below 1e-13 wherever results are from 2^−1021 to 2^1021 in size; beyond, they may
 * be 0 or infinite. `atan2` takes finite numbers, and −0 for 0.
 */
export function createFunctions<V>(parts: FunctionParts<V>): MadeFunctions<V> {
  const { lowering, constant, stored = (x: V) => x } = parts
  const { add, sub, mul, div, max, square, abs, floor, greater, select } = lowering
  const [zero, one] = [constant(0), constant(1)]
  const times = (x: V, factor: number): V => mul(x, constant(factor))
  const polynomial = createPolynomial(parts)
  const isOdd = (x: V): V => sub(floor(x), times(floor(times(x, 0.5)), 2))
  /** base^n for whole numbers 0 ≤ n < 1024. */
  const wholePower = (base: number, n: V): V => {
    let product = one
    for (let bit = 0; bit < 10; bit++) {
      const isSet = isOdd(times(n, 2 ** -bit))
      product = mul(product, select(isSet, constant(base ** (2 ** bit)), one))
    }
    return product
  }

  const exp = (x: V): V => {
    // x = k·ln 2 + r. ln 2 is in two parts, of which the first times k is exact.
    const k = stored(floor(add(times(x, Math.LOG2E), constant(0.5))))
    const r = stored(sub(sub(x, times(k, ln2High)), times(k, ln2Low)))
    const power = mul(wholePower(2, max(k, zero)), wholePower(0.5, max(sub(zero, k), zero)))
    const result = stored(mul(polynomial(r, exponentialSeries), power))
    const isLarge = greater(x, constant(largestExponent))
    const isSmall = greater(constant(-largestExponent), x)
    return select(isLarge, constant(Infinity), select(isSmall, zero, result))
  }

  const log = (x: V): V => {
    let [fraction, exponent] = [x, zero]
    // Scales x to a number near 1, and finds the exponent bit by bit.
    for (let step = 512; step >= 1; step /= 2) {
      const either = (large: number, small: number, none: number): V => {
        const isSmall = greater(constant(2 ** (0.5 - step)), fraction)
        const other = select(isSmall, constant(small), constant(none))
        return select(greater(fraction, constant(2 ** (step - 0.5))), constant(large), other)
      }
      const [factor, bits] = [either(2 ** -step, 2 ** step, 1), either(step, -step, 0)]
      exponent = stored(add(exponent, bits))
      fraction = stored(mul(fraction, factor))
    }
    // log m = 2·artanh((m − 1)/(m + 1)).
    const s = stored(div(sub(fraction, one), add(fraction, one)))
    const series = mul(times(s, 2), polynomial(stored(square(s)), artanhSeries))
    const result = add(times(exponent, ln2High), add(times(exponent, ln2Low), series))
    // 0 gives −∞, and NaN stays NaN.
    const atMostZero = select(greater(zero, x), constant(NaN), add(x, constant(-Infinity)))
    const finite = select(greater(x, zero), result, atMostZero)
    return select(greater(x, constant(Number.MAX_VALUE)), x, finite)
  }

  const pow = (a: V, b: V): V => {
    const size = stored(exp(stored(mul(b, stored(log(abs(a)))))))
    const isFraction = greater(b, floor(b))
    const ofNegative = select(isFraction, constant(NaN), select(isOdd(b), sub(zero, size), size))
    const isZero = greater(constant(2 ** -1021), abs(b))
    return select(isZero, one, select(greater(zero, a), ofNegative, size))
  }

  return { exp, log, pow, atan2: createAtan2(parts) }
}

/** Σ cᵢ·xⁱ */
function createPolynomial<V>({ lowering: { add, mul }, constant }: FunctionParts<V>) {
  return (x: V, coefficients: readonly number[]): V =>
    coefficients
      .slice(0, -1)
      .reduceRight((sum, c) => add(mul(sum, x), constant(c)), constant(coefficients.at(-1)!))
}

function createAtan2<V>(parts: FunctionParts<V>): MadeFunctions<V>['atan2'] {
  const { lowering, constant, stored = (x: V) => x } = parts
  const { add, sub, mul, div, max, min, sqrt, square, abs, greater, select } = lowering
  const [zero, one] = [constant(0), constant(1)]
  const polynomial = createPolynomial(parts)
  return (y, x) => {
    const [height, width] = [abs(y), abs(x)]
    const largest = max(height, width)
    const ratio = stored(select(greater(largest, zero), div(min(height, width), largest), mul(largest, zero)))
    // Three times half the angle, by tan(α/2) = tan α/(1 + √(1 + tan² α)).
    let tangent = ratio
    for (let i = 0; i < 3; i++) tangent = stored(div(tangent, add(one, sqrt(add(one, square(tangent))))))
    const angle = stored(mul(mul(tangent, polynomial(stored(square(tangent)), arctanSeries)), constant(8)))
    const steep = select(greater(height, width), sub(constant(Math.PI / 2), angle), angle)
    const left = stored(select(greater(zero, x), sub(constant(Math.PI), steep), steep))
    return select(greater(zero, y), sub(zero, left), left)
  }
}

const ln2High = 0.69314718036912381649
const ln2Low = 1.90821492927058770002e-10
const largestExponent = 708

/** Σ xⁱ/i!, for |x| ≤ ln 2 / 2. */
const exponentialSeries = Array.from({ length: 15 }, (_, i) => 1 / factorial(i))
/** artanh(x)/x = Σ x²ⁱ/(2i + 1), for |x| ≤ 0.18. */
const artanhSeries = Array.from({ length: 12 }, (_, i) => 1 / (2 * i + 1))
/** arctan(x)/x, for |x| ≤ 0.1. */
const arctanSeries = Array.from({ length: 9 }, (_, i) => (-1) ** i / (2 * i + 1))

function factorial(n: number): number {
  return n < 2 ? 1 : n * factorial(n - 1)
}
