/** A stream of numbers in [0, 1). */
export type Random = () => number

/**
 * Small seeded generator (Marsaglia's xorshift32 behind a Weyl sequence), so that every optimiser and every
 * framework starts from the same weights and sees the same batches.
 *
 * @param seed - any integer from 0 to 2³²−1
 */
export function createRandom(seed: number): Random {
  let state = (seed ^ 0x9e3779b9) >>> 0 || 1
  let weyl = 0
  const next = (): number => {
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    state >>>= 0
    weyl = (weyl + 0x6d2b79f5) >>> 0
    return (state + weyl) >>> 0
  }
  // Neighbouring seeds start alike; a few iterations separate them.
  for (let turn = 0; turn < 16; turn++) next()
  return () => ((next() >>> 5) * 0x4000000 + (next() >>> 6)) / 0x20000000000000
}

/** A standard normal number, drawn again while it is outside ±`bound`. */
export function truncatedNormal(random: Random, bound: number): number {
  for (;;) {
    // Box–Muller; 1 − u keeps the logarithm finite.
    const value = Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random())
    if (Math.abs(value) <= bound) return value
  }
}

/** The numbers 0 … count−1 in a random order (Fisher–Yates). */
export function permutation(count: number, random: Random): Uint32Array {
  const order = Uint32Array.from({ length: count }, (_, index) => index)
  for (let last = count - 1; last > 0; last--) {
    const chosen = Math.floor(random() * (last + 1))
    const kept = order[last]!
    order[last] = order[chosen]!
    order[chosen] = kept
  }
  return order
}
