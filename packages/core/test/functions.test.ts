import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { evaluateScalar, type Op } from '../src/graph/algebra.js'
import { createFunctions, type FunctionParts } from '../src/tensors/functions.js'

const of =
  (op: Op) =>
  (a: number, b = 0, c = 0): number =>
    evaluateScalar(op, a, b, c)
const parts: FunctionParts<number> = {
  lowering: {
    add: of('add'),
    sub: of('sub'),
    mul: of('mul'),
    div: of('div'),
    max: of('max'),
    min: of('min'),
    sqrt: of('sqrt'),
    square: of('square'),
    abs: of('abs'),
    floor: of('floor'),
    greater: of('greater'),
    select: of('select'),
  },
  constant: (value) => value,
}
const { exp, log, pow, atan2 } = createFunctions(parts)

function agree(actual: number, expected: number, tolerance = 1e-13): void {
  if (Number.isFinite(expected) && expected !== 0)
    expect(Math.abs(actual - expected) / Math.abs(expected)).toBeLessThan(tolerance)
  else expect(actual + 0).toBe(expected + 0)
}
// Adding 0 makes 0 of −0, whose sign these functions ignore.
const number = (min: number, max: number) => fc.double({ min, max, noNaN: true }).map((x) => x + 0)
const single = number(-9, 9).map((x) => Math.fround(x) + 0)
/** Numbers of all sizes: exponents are spread evenly. */
const positive = number(-300, 300).map((exponent) => 10 ** exponent)

describe('functions of operations that every framework has', () => {
  test('agree with those of JavaScript', () => {
    fc.assert(fc.property(number(-700, 700), (x) => agree(exp(x), Math.exp(x))))
    fc.assert(fc.property(positive, (x) => agree(log(x), Math.log(x))))
    fc.assert(fc.property(number(0.5, 2), (x) => agree(log(x), Math.log(x))))
    fc.assert(fc.property(single, single, (y, x) => agree(atan2(y, x), Math.atan2(y, x))))
    const exponent = fc.oneof(fc.integer({ min: -9, max: 9 }), single)
    const base = fc.oneof(
      single,
      number(-60, 60).map((x) => 10 ** x),
    )
    fc.assert(
      fc.property(base, exponent, (a, b) => {
        fc.pre(a !== 0 || b >= 0)
        // An error of ε in b·log a, of up to 745 before it overflows, is one of 745 ε in the power.
        agree(pow(a, b), Math.pow(a, b), 5e-13)
      }),
    )
  })

  test('at their edges, too', () => {
    for (const x of [-Infinity, -800, 0, 800, Infinity, NaN]) agree(exp(x), Math.exp(x))
    for (const x of [-1, 0, 1, Infinity, NaN]) agree(log(x), Math.log(x))
    for (const b of [-2, -0.5, 0, 0.5, 1, 2, 3, NaN]) {
      for (const a of [-2, -1, 0, 1, 2, Infinity, NaN]) agree(pow(a, b), Math.pow(a, b))
    }
    for (const y of [-1, 0, 1]) for (const x of [-1, 0, 1]) agree(atan2(y, x), Math.atan2(y, x))
    expect(atan2(NaN, 1)).toBeNaN()
    expect(atan2(1, NaN)).toBeNaN()
  })
})
