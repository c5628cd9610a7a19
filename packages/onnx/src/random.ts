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

/**
 * The order in which an epoch visits the rows: a shuffle that depends on the seed and the epoch only. So a training
 * that was killed continues with the same rows that it would have visited.
 *
 * @param count - the number of rows
 * @param seed - any integer from 0 to 2³²−1
 * @param epoch - counted from 0
 */
export function epochOrder(count: number, seed: number, epoch: number): Uint32Array {
  const order = Uint32Array.from({ length: count }, (_, row) => row)
  const random = generator(seed, epoch)
  for (let last = count - 1; last > 0; last--) {
    const chosen = Math.floor(uniform(random) * (last + 1))
    const kept = order[last]!
    order[last] = order[chosen]!
    order[chosen] = kept
  }
  return order
}

/** Every epoch has a stream of its own. */
function generator(seed: number, epoch: number): Random {
  return createRandom(Math.imul(seed ^ 0x5bf03635, 0x9e3779b1) + Math.imul(epoch + 1, 0x85ebca6b))
}
