/**
 * Runs a function that draws from Math.random, as brain.js does for its initial weights, with the same numbers every time
 * (mulberry32).
 */
export function seeded<T>(seed: number, body: () => T): T {
  const { random } = Math
  let state = seed
  Math.random = () => {
    state = (state + 0x6d2b79f5) >>> 0
    let t = state
    t = Math.imul(t ^ (t >>> 15), t | 1)
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61)
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296
  }
  try {
    return body()
  } finally {
    Math.random = random
  }
}
