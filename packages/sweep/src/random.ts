/** A source of uniform numbers in [0, 1). */
export type Random = () => number

/** Mixes whole numbers into 32 bits, by the finaliser of MurmurHash3 after each. */
function mix(parts: readonly number[]): number {
  let hash = 0x9e3779b9
  for (const part of parts) {
    hash = Math.imul(hash ^ part, 0xcc9e2d51)
    hash ^= hash >>> 16
    hash = Math.imul(hash, 0x85ebca6b)
    hash ^= hash >>> 13
    hash = Math.imul(hash, 0xc2b2ae35)
    hash ^= hash >>> 16
  }
  return hash >>> 0
}

/**
 * A generator (sfc32) whose stream depends on whole numbers alone: the same ones give the same numbers on every machine.
 *
 * @param parts - a seed, and what the stream is for
 */
export function createRandom(...parts: number[]): Random {
  let [a, b, c] = [mix([1, ...parts]), mix([2, ...parts]), mix([3, ...parts])]
  let counter = 1
  const next = (): number => {
    const sum = (a + b + counter) | 0
    counter = (counter + 1) | 0
    a = b ^ (b >>> 9)
    b = (c + (c << 3)) | 0
    c = (((c << 21) | (c >>> 11)) + sum) | 0
    return sum >>> 0
  }
  for (let round = 0; round < 12; round++) next()
  // 53 bits, as many as a double has.
  return () => (next() * 2 ** 21 + (next() >>> 11)) * 2 ** -53
}

/** The numbers from 0 to `size` − 1 in random order. */
export function permutation(size: number, random: Random): number[] {
  const order = Array.from({ length: size }, (_, index) => index)
  for (let last = size - 1; last > 0; last--) {
    const other = Math.floor(random() * (last + 1))
    const kept = order[last]!
    order[last] = order[other]!
    order[other] = kept
  }
  return order
}
