import type { BarrierOp, ConditionOp, ElementwiseOp, LeafOp, Op, ScalarOp } from '../../graph/algebra.js'

/**
 * Functions in GLSL ES 3.00. It leaves infinities and NaNs to the implementation, and functions undefined outside their domains. So
 * both are recognised by their bits, and kept where a function might lose them.
 */
export const arithmetic = `
float nan() { return uintBitsToFloat(0x7fc00000u); }
float infinity() { return uintBitsToFloat(0x7f800000u); }
bool isNotNumber(float x) { return (floatBitsToUint(x) & 0x7fffffffu) > 0x7f800000u; }
bool isFinite(float x) { return (floatBitsToUint(x) & 0x7f800000u) != 0x7f800000u; }
float zeroIfFinite(float x) { return isFinite(x) ? 0.0 : nan(); }
float larger(float a, float b) { return isNotNumber(a) || isNotNumber(b) ? nan() : max(a, b); }
float smaller(float a, float b) { return isNotNumber(a) || isNotNumber(b) ? nan() : min(a, b); }
float root(float x) { return x < 0.0 || isNotNumber(x) ? nan() : (x == 0.0 || !isFinite(x) ? x : sqrt(x)); }
float logarithm(float x) {
  if (x < 0.0 || isNotNumber(x)) { return nan(); }
  return x == 0.0 ? -infinity() : log(x);
}
float signOf(float x) { return isNotNumber(x) ? x : sign(x); }
float power(float a, float b) {
  if (b == 0.0) { return 1.0; }
  if (isNotNumber(a) || isNotNumber(b)) { return nan(); }
  float size = abs(a);
  float result = size == 0.0 ? (b < 0.0 ? infinity() : 0.0) : exp2(b * log2(size));
  if (a < 0.0) {
    if (b != floor(b)) { return nan(); }
    if (b - 2.0 * floor(b * 0.5) == 1.0) { return -result; }
  }
  return result;
}
float angle(float y, float x) {
  if (isNotNumber(x) || isNotNumber(y)) { return nan(); }
  return x == 0.0 && y == 0.0 ? 0.0 : atan(y, x);
}
`

/** The operations that have one value for operands at one place. */
type ValueOp = ElementwiseOp | ScalarOp | ConditionOp

/** An operation as an expression of GLSL. An operation of the algebra without an entry does not compile. */
const expressions: Readonly<
  Record<Exclude<Op, BarrierOp | LeafOp>, (a: string, b: string, c: string) => string>
> = {
  add: (a, b) => `${a} + ${b}`,
  // x − x asks whether x is finite, and a compiler may take it for 0.
  sub: (a, b) => (a === b ? `zeroIfFinite(${a})` : `${a} - ${b}`),
  mul: (a, b) => `${a} * ${b}`,
  div: (a, b) => `${a} / ${b}`,
  max: (a, b) => `larger(${a}, ${b})`,
  min: (a, b) => `smaller(${a}, ${b})`,
  sqrt: (a) => `root(${a})`,
  square: (a) => `${a} * ${a}`,
  abs: (a) => `abs(${a})`,
  neg: (a) => `-${a}`,
  sign: (a) => `signOf(${a})`,
  pow: (a, b) => `power(${a}, ${b})`,
  exp: (a) => `exp(${a})`,
  log: (a) => `logarithm(${a})`,
  atan2: (a, b) => `angle(${a}, ${b})`,
  greater: (a, b) => `(${a} > ${b} ? 1.0 : 0.0)`,
  select: (a, b, c) => `(${a} > 0.0 ? ${b} : ${c})`,
  floor: (a) => `floor(${a})`,
  finite: (a) => `(isFinite(${a}) ? 1.0 : 0.0)`,
  when: (a, b, c) => `(${a} > 0.0 ? ${b} : ${c})`,
}

/** Whether an operation is computed from the values of its operands at one place. */
export function isValueOp(op: Op): op is ValueOp {
  return op in expressions
}

/** The expression of an operation on named values. */
export function expressionOf(op: ValueOp, [a = '', b = '', c = '']: readonly string[]): string {
  return expressions[op](a, b, c)
}

/** A number as an expression of single precision. */
export function literalOf(value: number): string {
  const rounded = Math.fround(value)
  if (Number.isNaN(rounded)) return 'nan()'
  if (Math.abs(rounded) === Infinity) return rounded > 0 ? 'infinity()' : '(-infinity())'
  const size = String(Math.abs(rounded))
  const text = /[.e]/.test(size) ? size : `${size}.0`
  return Object.is(rounded, -0) || rounded < 0 ? `(-${text})` : text
}
