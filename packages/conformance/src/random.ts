/**
 * The kit's random numbers: splitmix32, 32 bits of state, the same on every engine. Values come in multiples of
 * 2⁻¹², so that float32 and float64 cases use the same numbers.
 */
export interface Random {
  /** Uniform in [0, 1). */
  uniform(): number
  /** Roughly normal, mean 0 and variance 1, never 0, at most 6 in magnitude; a multiple of 2⁻¹². */
  normal(): number
  /** A whole number from 0 to below `n`. */
  below(n: number): number
}

/** The bits of a state of splitmix32. */
function bitsOf(state: number): number {
  let z = state ^ (state >>> 16)
  z = Math.imul(z, 0x21f0aaad)
  z ^= z >>> 15
  z = Math.imul(z, 0x735a2d97)
  return (z ^ (z >>> 15)) >>> 0
}

const increment = 0x9e3779b9

/** The next normal number after a state, which is twelve states further on. */
function normalAfter(state: number): number {
  let sum = 0
  for (let i = 1; i <= 12; i++) sum += bitsOf((state + Math.imul(i, increment)) >>> 0)
  const value = Math.round((sum / 2 ** 32 - 6) * 4096) / 4096
  return value === 0 ? 1 / 4096 : value
}

/** Fills an array with the first normal numbers of a stream, times a scale. */
export function fillNormal(values: Float32Array | Float64Array, seed: number, scale: number): void {
  let state = seed >>> 0
  for (let i = 0; i < values.length; i++) {
    values[i] = normalAfter(state) * scale
    state = (state + Math.imul(12, increment)) >>> 0
  }
}

/** Starts a stream. Equal seeds give equal streams. */
export function createRandom(seed: number): Random {
  let state = seed >>> 0
  const uniform = (): number => {
    state = (state + increment) >>> 0
    return bitsOf(state) / 2 ** 32
  }
  return {
    uniform,
    below: (n) => Math.floor(uniform() * n),
    normal() {
      const value = normalAfter(state)
      state = (state + Math.imul(12, increment)) >>> 0
      return value
    },
  }
}
