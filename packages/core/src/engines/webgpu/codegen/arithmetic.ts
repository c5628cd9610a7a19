import { shaderDialect } from '../../../graph/shaderDialect.js'

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

/** The expressions of WGSL. */
export const { isValueOp, expressionOf, literalOf } = /* @__PURE__ */ shaderDialect({
  choose: (condition, a, b) => `select(${b}, ${a}, ${condition})`,
  literal: (digits) => `${digits}f`,
})
