/**
 * Times functions by turns, so that what else the machine does meets all of them alike: each round runs every one, as
 * often as fits a slice of time.
 *
 * @param {Record<string, () => unknown>} subjects
 * @param {{ rounds: number, slice: number }} options `slice`: milliseconds per subject and round
 * @returns {Record<string, number[]>} milliseconds per run, round by round
 */
export function measure(subjects, { rounds, slice }) {
  const entries = Object.entries(subjects)
  const repeats = entries.map(([, run]) => {
    warmUp(run, slice)
    return Math.max(1, Math.floor(slice / clock(run, 1)))
  })
  const times = Object.fromEntries(entries.map(([name]) => [name, []]))
  for (let round = 0; round < rounds; round++) {
    entries.forEach(([name, run], i) => times[name].push(clock(run, repeats[i])))
  }
  return times
}

/** Until the compilers are done with it, but not for ever. */
function warmUp(run, slice) {
  const start = performance.now()
  let count = 0
  do run()
  while (++count < 50 && performance.now() - start < 4 * slice)
}

function clock(run, repeats) {
  const start = performance.now()
  for (let i = 0; i < repeats; i++) run()
  return (performance.now() - start) / repeats
}

/**
 * @param {readonly number[]} values
 * @returns {number}
 */
export function median(values) {
  const sorted = [...values].sort((a, b) => a - b)
  const middle = sorted.length >> 1
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2
}

/**
 * The median of the rounds' ratios a/b: what slows a whole round down cancels.
 *
 * @param {readonly number[]} a
 * @param {readonly number[]} b
 */
export function medianRatio(a, b) {
  return median(a.map((value, i) => value / b[i]))
}
