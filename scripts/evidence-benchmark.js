// The scores of the benchmark: steps and time to a target, and performance profiles.

/**
 * @typedef {import('./evidence.js').Benchmark} Benchmark
 * @typedef {import('./evidence.js').BenchmarkRow} BenchmarkRow
 */

/**
 * An optimiser over all workloads.
 *
 * @typedef {object} Entry
 * @property {string} base
 * @property {string} variant
 * @property {Record<string, number>} steps - by workload, the median over the seeds; Infinity where it is not reached
 * @property {Record<string, number>} seconds - of processor time, by workload
 * @property {number} reached - on how many workloads
 * @property {number} score - by steps, 0 to 1
 * @property {number} timeScore - by processor time, 0 to 1
 */

/** Profiles are looked at up to this multiple of the best, as in AlgoPerf. */
export const HORIZON = 4

/**
 * All entries of a track, the best first.
 *
 * @param {Benchmark} track
 * @returns {Entry[]}
 */
export function entriesOf({ workloads }) {
  /** @type {Map<string, Entry>} */
  const entries = new Map()
  for (const { id, steps, rows } of workloads)
    for (const [base, variant, , , scores, seconds] of rows) {
      const key = `${base} ${variant}`
      const entry = entries.get(key) ?? {
        base,
        variant,
        steps: {},
        seconds: {},
        reached: 0,
        score: 0,
        timeScore: 0,
      }
      entries.set(key, entry)
      entry.steps[id] = steps * median(scores)
      entry.seconds[id] = median(seconds)
      if (entry.steps[id] < Infinity) entry.reached++
    }
  const ids = workloads.map(({ id }) => id)
  for (const entry of entries.values()) {
    entry.score = area(ratiosOf([...entries.values()], entry, 'steps', ids))
    entry.timeScore = area(ratiosOf([...entries.values()], entry, 'seconds', ids))
  }
  return [...entries.values()].sort(
    (a, b) => b.score - a.score || (`${a.base} ${a.variant}` < `${b.base} ${b.variant}` ? -1 : 1),
  )
}

/**
 * An entry's steps or time on each workload, as multiples of the best entry's.
 *
 * @param {readonly Entry[]} entries
 * @param {Entry} entry
 * @param {'steps' | 'seconds'} what
 * @param {readonly string[]} ids
 */
export function ratiosOf(entries, entry, what, ids) {
  return ids.map((id) => {
    const best = Math.min(...entries.map((other) => other[what][id] ?? Infinity))
    const own = entry[what][id] ?? Infinity
    return own < Infinity ? own / best : Infinity
  })
}

/**
 * The area under the performance profile from 1 to the horizon, over that of an entry which is best everywhere.
 *
 * @param {readonly number[]} ratios
 */
function area(ratios) {
  const parts = ratios.map((ratio) => Math.max(0, HORIZON - ratio) / (HORIZON - 1))
  return parts.reduce((sum, part) => sum + part, 0) / parts.length
}

/**
 * The middle one; of an even number the worse of the two.
 *
 * @param {readonly (number | null)[]} values
 */
export function median(values) {
  const sorted = values.map((value) => value ?? Infinity).sort((a, b) => a - b)
  return sorted.length === 0 ? Infinity : /** @type {number} */ (sorted[Math.floor(sorted.length / 2)])
}

/**
 * The pairs of bases with and without the metric, on each workload: which one needs fewer steps. A difference of one
 * measurement of the loss (a twenty-fifth of the run) is a tie.
 *
 * @param {Benchmark} track
 * @param {readonly Entry[]} entries
 * @param {string} variant
 */
export function duels({ workloads }, entries, variant) {
  return workloads.map(({ id, title, steps }) => {
    const counts = { title, wins: 0, ties: 0, losses: 0, neither: 0 }
    for (const entry of entries.filter((one) => one.variant === variant)) {
      const plain = entries.find((one) => one.base === entry.base && one.variant === 'plain')
      const [own = Infinity, other = Infinity] = [entry.steps[id], plain?.steps[id]]
      if (own === Infinity && other === Infinity) counts.neither++
      else if (Math.abs(own - other) <= steps / 25 + 1e-9) counts.ties++
      else if (own < other) counts.wins++
      else counts.losses++
    }
    return counts
  })
}
