/**
 * @typedef {object} Subject
 * @property {string} name
 * @property {() => void} run does the work once
 */

/**
 * Times subjects by turns, so that what else the machine does meets all of them alike: each round runs every subject,
 * as often as fits a slice of time.
 *
 * @param {Subject[]} subjects
 * @param {{ rounds: number, slice: number }} options `slice`: milliseconds per subject and round
 * @returns {Map<string, number[]>} milliseconds per run, round by round
 */
export function measure(subjects, { rounds, slice }) {
  const times = new Map()
  const repeats = subjects.map(({ run }) => {
    // Until the compilers are done with it, but not for ever.
    const start = performance.now()
    let count = 0
    do {
      run()
      count++
    } while (performance.now() - start < 4 * slice && count < 50)
    const once = clock(run, 1)
    return Math.max(1, Math.floor(slice / once))
  })
  for (let round = 0; round < rounds; round++) {
    subjects.forEach(({ name, run }, i) => {
      const list = times.get(name) ?? []
      list.push(clock(run, repeats[i]))
      times.set(name, list)
    })
  }
  return times
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
 * The median of the rounds' ratios a/b: what disturbs a whole round cancels.
 *
 * @param {readonly number[]} a
 * @param {readonly number[]} b
 */
export function medianRatio(a, b) {
  return median(a.map((value, i) => value / b[i]))
}
