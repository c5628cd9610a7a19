/**
 * Times functions by turns, so that whatever else the machine does affects all of them alike: each round runs every
 * one, as often as fits a slice of time.
 *
 * @param {Record<string, () => unknown>} subjects
 * @param {{ rounds: number, slice: number }} options `slice`: milliseconds per subject and round
 * @returns {Record<string, number[]>} milliseconds per run, round by round
 */
export function measure(subjects, { rounds, slice }) {
  const entries = Object.entries(subjects).map(([name, run]) => {
    const once = warmUp(run, slice)
    // A subject that takes seconds runs less often.
    const most = Math.max(1, Math.floor(longest / once))
    return {
      run,
      repeats: Math.max(1, Math.floor(slice / once)),
      rounds: Math.min(rounds, most),
      times: /** @type {number[]} */ ([]),
      name,
    }
  })
  for (let round = 0; round < rounds; round++) {
    for (const { run, repeats, rounds: own, times } of entries) {
      if (round < own) times.push(clock(run, repeats))
    }
  }
  return Object.fromEntries(entries.map(({ name, times }) => [name, times]))
}

/** Milliseconds that all rounds of one subject may take where a single run exceeds its slice. */
const longest = 5000

/**
 * Runs until the compilers have finished with it, but not for ever.
 *
 * @param {() => unknown} run
 * @param {number} slice
 * @returns {number} milliseconds of the last run
 */
function warmUp(run, slice) {
  const start = performance.now()
  let count = 0
  let last
  do last = clock(run, 1)
  while (++count < 50 && performance.now() - start < 4 * slice)
  return last
}

/**
 * @param {() => unknown} run
 * @param {number} repeats
 */
function clock(run, repeats) {
  const start = performance.now()
  for (let i = 0; i < repeats; i++) run()
  return (performance.now() - start) / repeats
}

/**
 * @param {readonly number[]} values
 * @returns {number} NaN where there are none
 */
export function median(values) {
  const sorted = [...values].sort((a, b) => a - b)
  const middle = sorted.length >> 1
  const upper = sorted[middle] ?? NaN
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? NaN) + upper) / 2
}

/**
 * The ratios a/b, round by round: a disturbance that slows a whole round down cancels.
 *
 * @param {readonly number[] | undefined} a
 * @param {readonly number[] | undefined} b
 * @returns {{ median: number, low: number, high: number }} their median, and the bounds of their middle half
 */
export function ratios(a = [], b = []) {
  const rounds = Math.min(a.length, b.length)
  const values = a.slice(0, rounds).map((value, i) => value / (b[i] ?? NaN))
  const sorted = [...values].sort((x, y) => x - y)
  const at = (/** @type {number} */ share) => sorted[Math.floor(share * sorted.length)] ?? NaN
  return { median: median(values), low: at(0.25), high: at(0.75) }
}

/**
 * The median of the ratios a/b.
 *
 * @param {readonly number[]} a
 * @param {readonly number[]} b
 */
export function medianRatio(a, b) {
  return ratios(a, b).median
}
