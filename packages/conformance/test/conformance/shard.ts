/** A day in milliseconds. */
const day = 86_400_000

/**
 * The part of the suite that an adapter's tests ask today: another one every day, and with a step of 1 all of them in n days. The
 * table asks everything at once. The title of the suite says which part it was; `CONFORMANCE_SHARD=3/8` asks that part again,
 * and `CONFORMANCE_SHARD=1/1` asks all.
 *
 * @param n - the number of parts
 * @param offset - moves the part on, so that engines of one adapter are asked different parts on the same day
 * @param step - how far a day moves it: by 4 of 8, the parts are the halves of one quarter only
 * @param at - the time in milliseconds since 1970; the default is now
 * @returns a shard for `mountConformance`, such as `3/8`
 */
export function shardOfToday(n: number, offset = 0, step = 1, at = Date.now()): string {
  const given = process.env['CONFORMANCE_SHARD']
  if (given !== undefined && given !== '') return given
  return `${((step * Math.floor(at / day) + offset) % n) + 1}/${n}`
}
