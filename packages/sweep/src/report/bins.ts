/** A part of an axis. */
export interface Bin {
  readonly low: number
  readonly high: number
  /** Where it is drawn: its only value, or its middle. */
  readonly centre: number
}

/** Divides an axis. */
export interface Bins {
  readonly bins: readonly Bin[]
  /** The index of a value's bin. */
  readonly of: (value: number) => number
}

/** The largest number of different values that each get a bin of their own. */
const mostOwn = 16

/**
 * Divides the values of a hyperparameter: each has its own bin if they are few, as in a grid; otherwise into equal parts, of
 * the logarithm where it is searched by that.
 *
 * @param values - at least one
 * @param isLog - all values are above zero
 * @param share - fewer parts, where the values are divided in another way as well
 */
export function divide(values: readonly number[], isLog: boolean, share = 1): Bins {
  const distinct = [...new Set(values)].sort((a, b) => a - b)
  if (distinct.length <= mostOwn && distinct.length * 2 <= values.length) {
    return {
      bins: distinct.map((value) => ({ low: value, high: value, centre: value })),
      of: (value) => distinct.indexOf(value),
    }
  }
  const [to, from] = isLog ? [Math.log, Math.exp] : [(x: number) => x, (x: number) => x]
  const [low, high] = [to(distinct[0]!), to(distinct.at(-1)!)]
  const count = Math.min(Math.max(Math.round(Math.sqrt(values.length * share)), 3), 12)
  const width = (high - low) / count || 1
  return {
    bins: Array.from({ length: count }, (_, index) => ({
      low: from(low + index * width),
      high: from(low + (index + 1) * width),
      centre: from(low + (index + 0.5) * width),
    })),
    of: (value) => Math.min(Math.floor((to(value) - low) / width), count - 1),
  }
}
