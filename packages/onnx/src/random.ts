/** A stream of numbers. */
export type Random = () => number

/**
 * Creates a stream of numbers from 0 to 2³²−1: a counter, mixed by multiplications and shifts (splitmix32).
 *
 * @param seed any integer; only its lowest 32 bits matter
 */
export function createRandom(seed: number): Random {
  let state = seed >>> 0
  return () => {
    state = (state + 0x9e3779b9) >>> 0
    let mixed = state ^ (state >>> 16)
    mixed = Math.imul(mixed, 0x21f0aaad)
    mixed ^= mixed >>> 15
    mixed = Math.imul(mixed, 0x735a2d97)
    return (mixed ^ (mixed >>> 15)) >>> 0
  }
}

/** Draws a number from the half-open interval [0, 1). */
export function uniform(random: Random): number {
  return random() / 2 ** 32
}

/** Draws a standard normal number (Box and Muller). */
export function normal(random: Random): number {
  // 1 − u keeps the logarithm finite.
  return Math.sqrt(-2 * Math.log(1 - uniform(random))) * Math.cos(2 * Math.PI * uniform(random))
}
