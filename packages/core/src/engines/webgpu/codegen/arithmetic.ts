import type { BarrierOp, ConditionOp, ElementwiseOp, LeafOp, Op, ScalarOp } from '../../../graph/algebra.js'

/**
 * Functions in WGSL. It lets a compiler assume that there are no infinities and NaNs, and leaves functions undefined outside
 * their domains. So both are recognised by their bits, made of bits that no compiler knows, and kept where a function might
 * lose them.
 */
export const arithmetic = `
var<private> nanBits: u32 = 0x7fc00000u;
var<private> infinityBits: u32 = 0x7f800000u;
fn nan() -> f32 { return bitcast<f32>(nanBits); }
fn infinity() -> f32 { return bitcast<f32>(infinityBits); }
fn isNan(x: f32) -> bool { return (bitcast<u32>(x) & 0x7fffffffu) > 0x7f800000u; }
fn isFinite(x: f32) -> bool { return (bitcast<u32>(x) & 0x7f800000u) != 0x7f800000u; }
fn zeroIfFinite(x: f32) -> f32 { return select(nan(), 0f, isFinite(x)); }
fn larger(a: f32, b: f32) -> f32 { return select(max(a, b), nan(), isNan(a) || isNan(b)); }
fn smaller(a: f32, b: f32) -> f32 { return select(min(a, b), nan(), isNan(a) || isNan(b)); }
fn root(x: f32) -> f32 { return select(sqrt(x), nan(), x < 0f || isNan(x)); }
fn logarithm(x: f32) -> f32 {
  let usual = select(log(x), nan(), x < 0f || isNan(x));
  return select(usual, -infinity(), x == 0f);
}
fn signOf(x: f32) -> f32 { return select(sign(x), x, isNan(x)); }
fn power(a: f32, b: f32) -> f32 {
  let size = abs(a);
  var result = exp2(b * log2(size));
  if (size == 0f) { result = select(0f, infinity(), b < 0f); }
  if (a < 0f) {
    if (b != floor(b)) { result = nan(); }
    else if (b - 2f * floor(b * 0.5f) == 1f) { result = -result; }
  }
  if (isNan(a) || isNan(b)) { result = nan(); }
  return select(result, 1f, b == 0f);
}
fn arctangent(x: f32) -> f32 {
  // From 0 to 1, as in Cephes: the built-in function may be wrong by 4096 units of rounding.
  let isLarge = x > 0.41421356f;
  let y = select(x, (x - 1f) / (x + 1f), isLarge);
  let z = y * y;
  let series = ((8.05374449538e-2f * z - 1.38776856032e-1f) * z + 1.99777106478e-1f) * z - 3.33329491539e-1f;
  return select(0f, 0.78539816f, isLarge) + (series * z * y + y);
}
fn angle(y: f32, x: f32) -> f32 {
  let p = abs(y);
  let q = abs(x);
  var result = 0f;
  if (p > q) { result = 1.5707963f - arctangent(q / p); }
  else if (p > 0f) { result = arctangent(p / q); }
  if (x < 0f) { result = 3.1415927f - result; }
  if (y < 0f) { result = -result; }
  return select(result, nan(), isNan(x) || isNan(y));
}
`

/** The operations that have one value for operands at one place. */
type ValueOp = ElementwiseOp | ScalarOp | ConditionOp

/** The other operations, which kernels compute by loops or reads of their own. */
type PlacedOp = BarrierOp | LeafOp

/** An operation as an expression of WGSL. An operation of the algebra without an entry here or above does not compile. */
const expressions: Readonly<Record<Exclude<Op, PlacedOp>, (a: string, b: string, c: string) => string>> = {
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
  greater: (a, b) => `select(0f, 1f, ${a} > ${b})`,
  select: (a, b, c) => `select(${c}, ${b}, ${a} > 0f)`,
  floor: (a) => `floor(${a})`,
  finite: (a) => `select(0f, 1f, isFinite(${a}))`,
  // Counts of steps are known to the device alone, so both values are computed.
  when: (a, b, c) => `select(${c}, ${b}, ${a} > 0f)`,
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
  if (rounded === Infinity) return 'infinity()'
  if (rounded === -Infinity) return '(-infinity())'
  return Object.is(rounded, -0) || rounded < 0 ? `(-${-rounded}f)` : `${rounded}f`
}
