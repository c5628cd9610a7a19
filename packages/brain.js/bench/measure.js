/**
 * Times functions by turns, so that what else the machine does meets all of them alike.
 *
 * @param {Record<string, () => void>} subjects
 * @param {{ rounds: number, slice: number }} options `slice`: milliseconds per subject and round
 * @returns {Record<string, number[]>} milliseconds per run, round by round
 */
export function measure(subjects, { rounds, slice }) {
  const entries = Object.entries(subjects)
  const repeats = entries.map(([, run]) => {
    const start = performance.now()
    do run()
    while (performance.now() - start < 3 * slice)
    return Math.max(1, Math.floor(slice / clock(run, 1)))
  })
  /** @type {Record<string, number[]>} */
  const times = Object.fromEntries(entries.map(([name]) => [name, []]))
  for (let round = 0; round < rounds; round++) {
    entries.forEach(([name, run], i) => times[name]?.push(clock(run, repeats[i] ?? 1)))
  }
  return times
}

/**
 * @param {() => void} run
 * @param {number} repeats
 */
function clock(run, repeats) {
  const start = performance.now()
  for (let i = 0; i < repeats; i++) run()
  return (performance.now() - start) / repeats
}

/** @param {readonly number[]} values */
export function median(values) {
  const sorted = [...values].sort((a, b) => a - b)
  return sorted[sorted.length >> 1] ?? NaN
}

/**
 * The median of the rounds' ratios a/b, and the middle half of them: what slows a whole round down cancels.
 *
 * @param {readonly number[] | undefined} a
 * @param {readonly number[] | undefined} b
 */
export function ratio(a = [], b = []) {
  const ratios = a.map((value, i) => value / (b[i] ?? NaN)).sort((x, y) => x - y)
  const at = (/** @type {number} */ share) => ratios[Math.floor(share * ratios.length)] ?? NaN
  return { median: median(ratios), low: at(0.25), high: at(0.75) }
}
