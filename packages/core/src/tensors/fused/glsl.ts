import { shaderDialect } from '../../graph/shaderDialect.js'

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

/** The expressions of GLSL. */
export const { isValueOp, expressionOf, literalOf } = /* @__PURE__ */ shaderDialect({
  choose: (condition, a, b) => `(${condition} ? ${a} : ${b})`,
  literal: (digits) => (/[.e]/.test(digits) ? digits : `${digits}.0`),
})
