/** Zero crossings of the sinc on each side. */
const crossings = 8

/**
 * Changes the sampling rate by a sinc under a Hann window, which cuts off at nine tenths of the lower of the two Nyquist
 * frequencies.
 */
export function resample(samples: Float32Array, from: number, to: number): Float32Array {
  if (from === to) return samples
  const cutoff = 0.9 * Math.min(1, to / from)
  const reach = Math.ceil(crossings / cutoff)
  const kernels = new Map<number, Float64Array>()
  const divisor = gcd(from, to)
  const phases = to / divisor
  const stride = from / divisor
  const result = new Float32Array(Math.floor((samples.length * to) / from))
  for (let i = 0; i < result.length; i++) {
    const base = Math.floor((i * stride) / phases)
    const phase = (i * stride) % phases
    const kernel = kernels.get(phase) ?? kernelOf(phase / phases, reach, cutoff)
    kernels.set(phase, kernel)
    let sum = 0
    const first = Math.max(0, reach - base)
    const last = Math.min(kernel.length, samples.length - base + reach)
    for (let k = first; k < last; k++) sum += kernel[k]! * samples[base + k - reach]!
    result[i] = sum
  }
  return result
}

/** Weights of the samples from −reach to reach + 1 around a place that is a fraction of a sample behind one. */
function kernelOf(fraction: number, reach: number, cutoff: number): Float64Array {
  const kernel = Float64Array.from({ length: 2 * reach + 2 }, (_, k) => {
    const x = k - reach - fraction
    const window = Math.abs(x) > reach ? 0 : Math.cos((Math.PI * x) / (2 * reach)) ** 2
    return sinc(x * cutoff) * window
  })
  const total = kernel.reduce((sum, x) => sum + x, 0)
  return kernel.map((x) => x / total)
}

const sinc = (x: number): number => (x === 0 ? 1 : Math.sin(Math.PI * x) / (Math.PI * x))

const gcd = (a: number, b: number): number => (b === 0 ? a : gcd(b, a % b))
