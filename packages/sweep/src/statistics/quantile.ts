/**
 * A quantile by linear interpolation between the order statistics (type 7 of R. Hyndman and Y. Fan, 1996).
 *
 * @param sorted - ascending, at least one
 * @param share - in [0, 1]
 */
export function quantile(sorted: readonly number[], share: number): number {
  const place = (sorted.length - 1) * share
  const [low, high] = [sorted[Math.floor(place)]!, sorted[Math.ceil(place)]!]
  return low === high ? low : low + (place - Math.floor(place)) * (high - low)
}

/** The arithmetic mean of at least one number. */
export function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length
}
