// Functions in double precision that replace kernels which the runtime has in float only.

/** 2/√π·∫₀ˣ exp(−t²): by its series, whose terms are all of one sign. */
export function erf(x: number): number {
  let term = x
  let sum = x
  for (let n = 1; Math.abs(term) > 1e-18 * Math.abs(sum); n++) {
    term *= (2 * x * x) / (2 * n + 1)
    sum += term
  }
  return (2 / Math.sqrt(Math.PI)) * Math.exp(-x * x) * sum
}

/** Each run of so many elements, centred if `centered`, divided by the root of their mean square plus epsilon. */
export function normalized(x: Float64Array, count: number, epsilon: number, centered: boolean): Float64Array {
  const y = Float64Array.from(x)
  for (let start = 0; start < x.length; start += count) {
    const run = y.subarray(start, start + count)
    if (centered) {
      const mean = run.reduce((a, b) => a + b, 0) / count
      run.forEach((value, i) => (run[i] = value - mean))
    }
    const scale = 1 / Math.sqrt(run.reduce((sum, value) => sum + value * value, 0) / count + epsilon)
    run.forEach((value, i) => (run[i] = value * scale))
  }
  return y
}

/** For each element of a shape, the element of a tensor that broadcasts to it. */
export function stretchedIndices(from: readonly number[], to: readonly number[]): number[] {
  const size = to.reduce((a, b) => a * b, 1)
  const missing = to.length - from.length
  return Array.from({ length: size }, (_, index) => {
    let rest = index
    let position = 0
    let stride = 1
    for (let axis = to.length - 1; axis >= missing; axis--) {
      const [extent, own] = [to[axis]!, from[axis - missing]!]
      position += own === 1 ? 0 : (rest % extent) * stride
      rest = Math.floor(rest / extent)
      stride *= own
    }
    return position
  })
}
