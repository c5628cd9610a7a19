/** Draws numbers. */
export interface Random {
  /** A number in [0, 1). */
  readonly next: () => number
  /** A number in [from, to). */
  readonly between: (from: number, to: number) => number
  /** A whole number in [0, count). */
  readonly below: (count: number) => number
  /** An element. */
  readonly pick: <T>(list: readonly T[]) => T
  /** A number of mean 0 and variance 1. */
  readonly normal: () => number
  /** A copy in random order. */
  readonly shuffled: <T>(list: readonly T[]) => T[]
}

/** Draws numbers from a seed: mulberry32, by Tommy Ettinger (public domain). */
export function createRandom(seed: number): Random {
  let state = seed >>> 0
  const next = (): number => {
    state = (state + 0x6d2b79f5) >>> 0
    let t = state
    t = Math.imul(t ^ (t >>> 15), t | 1)
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61)
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32
  }
  const below = (count: number): number => Math.floor(next() * count)
  return {
    next,
    below,
    between: (from, to) => from + (to - from) * next(),
    pick: (list) => list[below(list.length)]!,
    normal: () => Math.sqrt(-2 * Math.log(1 - next())) * Math.cos(2 * Math.PI * next()),
    shuffled: (list) => {
      const copy = [...list]
      for (let i = copy.length - 1; i > 0; i--) {
        const j = below(i + 1)
        ;[copy[i], copy[j]] = [copy[j]!, copy[i]!]
      }
      return copy
    },
  }
}
