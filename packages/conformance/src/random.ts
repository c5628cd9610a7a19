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

/** Starts a stream. Equal seeds give equal streams. */
export function createRandom(seed: number): Random {
  let state = seed >>> 0
  const bits = (): number => {
    state = (state + 0x9e3779b9) >>> 0
    let z = state ^ (state >>> 16)
    z = Math.imul(z, 0x21f0aaad)
    z ^= z >>> 15
    z = Math.imul(z, 0x735a2d97)
    return (z ^ (z >>> 15)) >>> 0
  }
  const uniform = (): number => bits() / 2 ** 32
  return {
    uniform,
    below: (n) => Math.floor(uniform() * n),
    normal() {
      let sum = -6
      for (let i = 0; i < 12; i++) sum += uniform()
      const value = Math.round(sum * 4096) / 4096
      return value === 0 ? 1 / 4096 : value
    },
  }
}
