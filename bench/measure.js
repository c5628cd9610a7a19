/**
 * Times functions by turns, so that what else the machine does meets all of them alike: each round runs every one, as
 * often as fits a slice of time.
 *
 * @param {Record<string, () => unknown>} subjects
 * @param {{ rounds: number, slice: number }} options `slice`: milliseconds per subject and round
 * @returns {Record<string, number[]>} milliseconds per run, round by round
 */
export function measure(subjects, { rounds, slice }) {
  const entries = Object.entries(subjects).map(([name, run]) => {
    const once = warmUp(run, slice)
    // What takes seconds is not run as often.
    const most = Math.max(1, Math.floor(longest / once))
    return { name, run, repeats: Math.max(1, Math.floor(slice / once)), rounds: Math.min(rounds, most) }
  })
  const times = Object.fromEntries(entries.map(({ name }) => [name, []]))
  for (let round = 0; round < rounds; round++) {
    for (const entry of entries) {
      if (round < entry.rounds) times[entry.name].push(clock(entry.run, entry.repeats))
    }
  }
  return times
}

/** Milliseconds that all rounds of one subject may take where a single run exceeds its slice. */
const longest = 5000

/** Runs until the compilers are done with it, but not for ever; milliseconds of the last run. */
function warmUp(run, slice) {
  const start = performance.now()
  let count = 0
  let last
  do last = clock(run, 1)
  while (++count < 50 && performance.now() - start < 4 * slice)
  return last
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
  const rounds = Math.min(a.length, b.length)
  return median(a.slice(0, rounds).map((value, i) => value / b[i]))
}
