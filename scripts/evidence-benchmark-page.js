// The part of the page of the evidence that shows the benchmark.
import { duels, entriesOf } from './evidence-benchmark.js'
import { comparePairs } from './evidence.js'
import { share, table } from './evidence-text.js'

/**
 * @typedef {import('./evidence.js').Evidence} Evidence
 * @typedef {import('./evidence.js').Benchmark} Benchmark
 * @typedef {import('./evidence-benchmark.js').Entry} Entry
 */

/** @param {Evidence} evidence */
export function benchmarkSection({ tuned, selfTuning, targets }) {
  if (tuned === undefined && selfTuning === undefined) return ''
  const { workloads } = /** @type {Benchmark} */ (tuned ?? selfTuning)
  const rows = workloads.map(({ id, title, description }) => [
    title,
    description,
    String(targets[id] ?? '').replace(/^0\./, '.'),
  ])
  const parts = [
    `## A benchmark of optimisers

In the spirit of [AlgoPerf](https://arxiv.org/abs/2306.07179): workloads with a target each, and an optimiser is judged by the steps and the time that it takes to the target. These
workloads are **very small**: seconds a run. They tell how optimisers compare where JavaScript trains, not how they compare on large models. The target of a workload is the loss that Adam
reaches in three quarters of the steps with a linear decay, at the best of seven rates, the median of three seeds that nothing else uses. Losses are on data apart, measured 25 times a run.

${table(['workload', '', 'target'], rows)}

The score is the area under the performance profile from 1 to 4, by steps: 1 for an optimiser that is best on all workloads, 0 for one that needs more than four times the steps of
the best everywhere.`,
  ]
  if (tuned !== undefined) parts.push(tunedPart(tuned))
  if (selfTuning !== undefined) parts.push(selfTuningPart(selfTuning))
  return parts.join('\n\n')
}

/** @param {Benchmark} track */
function extent({ runs, planned, failed, minutes }) {
  const missing = runs < planned ? ` of ${planned} planned` : ''
  const without = failed === 0 ? '' : ` ${failed} of them ended without a result.`
  return `${runs}${missing} runs, ${Math.round(minutes)} minutes of processor time in their steps.${without}`
}

/** @param {Benchmark} track */
function repeated({ workloads }) {
  const seeds = workloads.flatMap(({ rows }) => rows.flatMap(([, , , , scores]) => scores.length || []))
  return seeds.every((count) => count === 3)
    ? 'The best trial is repeated with two seeds that had no part in the choice; the median of the three counts.'
    : 'The best trial counts, by one seed: a lucky one helps, and it helps everyone alike.'
}

/** @param {Benchmark} track */
function tunedPart(track) {
  const entries = entriesOf(track)
  return `### Tuned

Every base, plain and as \`inducedMetric(base, { learningRate, xi: 'rate', embedding: root() })\`, with the same trials: factors of ${track.factors?.join(', ')} on
the rate that the base's page shows, and a linear decay to 0 except where the authors say otherwise. ${repeated(track)} ${extent(track)}

${pairTable(track, entries, ['plain', 'root'])}

![Performance profiles of tuned optimisers](images/evidence-tuned.svg)

${duelText(track, entries, 'root')}`
}

/** @param {Benchmark} track */
function seedText({ workloads }) {
  const seeds = workloads.flatMap(({ rows }) => rows.map(([, , , , scores]) => scores.length))
  const fewest = Math.min(...seeds)
  return fewest === 1 ? 'One seed.' : `The median of ${fewest} seeds.`
}

/** @param {Benchmark} track */
function selfTuningPart(track) {
  const entries = entriesOf(track)
  return `### Without any trial

Nobody tunes here: a plain base at the rate that its page shows, the metric with a cap of 1 (\`learningRate: 1, xi: 'rate', embedding: root()\`, with the same decay), and
[\`rateFree\`](which-optimizer.md#no-rate-at-all) over the bases that it takes. The rates of the pages are meant for longer runs than these, which is
to the disadvantage of the plain bases. ${seedText(track)} ${extent(track)}

${pairTable(track, entries, ['plain', 'root', 'rateFree'])}

![Performance profiles without tuning](images/evidence-self-tuning.svg)

${duelText(track, entries, 'root')}

${duelText(track, entries, 'rateFree')}`
}

/**
 * A row for each base, the best first.
 *
 * @param {Benchmark} track
 * @param {readonly Entry[]} entries
 * @param {readonly string[]} variants
 */
function pairTable({ workloads }, entries, variants) {
  const bases = [...new Set(entries.map(({ base }) => base))]
  const rows = bases.map((base) => [
    base,
    ...variants.flatMap((variant) => {
      const entry = entries.find((one) => one.base === base && one.variant === variant)
      if (entry === undefined) return ['', '', '']
      return [`${entry.reached}`, share(entry.score, 2), share(entry.timeScore, 2)]
    }),
  ])
  const headings = variants.flatMap((variant) => [
    `${variant}: targets reached, of ${workloads.length}`,
    'score by steps',
    'by time',
  ])
  return table(['base', ...headings], rows)
}

/**
 * @param {Benchmark} track
 * @param {readonly Entry[]} entries
 * @param {string} variant
 */
function duelText(track, entries, variant) {
  const pairs = entries
    .filter((entry) => entry.variant === variant)
    .flatMap(({ base, score: a }) => {
      const plain = entries.find((one) => one.base === base && one.variant === 'plain')
      return plain === undefined ? [] : [{ a, b: plain.score }]
    })
  const { difference, interval } = comparePairs(pairs)
  const signed = (/** @type {number} */ value) => `${value < 0 ? '−' : '+'}${share(Math.abs(value), 3)}`
  const rows = duels(track, entries, variant).map(({ title, wins, ties, losses, neither }) => [
    title,
    String(wins),
    String(ties),
    String(losses),
    String(neither),
  ])
  return `\`${variant}\` against the plain base, by steps (a difference of one measurement is a tie). Over all ${pairs.length} bases its score differs by ${signed(difference)}, bootstrap interval
at 95 % ${signed(interval[0])} to ${signed(interval[1])}:

${table(['workload', `bases better with \`${variant}\``, 'ties', 'bases better plain', 'neither reaches the target'], rows)}`
}

/**
 * The verdicts on the whole of a track, as lines of a list.
 *
 * @param {Evidence} evidence
 */
export function benchmarkVerdicts({ tuned, selfTuning }) {
  const tracks = /** @type {const} */ ([
    ['tuned', tuned, 'root'],
    ['without any trial', selfTuning, 'root'],
    ['without any trial', selfTuning, 'rateFree'],
  ])
  return tracks.flatMap(([name, track, variant]) => {
    if (track === undefined) return []
    const entries = entriesOf(track)
    const pairs = entries
      .filter((entry) => entry.variant === variant)
      .map(({ base, score: a }) => ({
        a,
        b: entries.find((one) => one.base === base && one.variant === 'plain')?.score ?? 0,
      }))
    const [low, high] = comparePairs(pairs).interval
    const verdict = low > 0 ? 'win' : high < 0 ? 'loss' : 'tie'
    return `- Benchmark, ${name}: \`${variant}\` over ${pairs.length} bases against the plain ones is a **${verdict}**.`
  })
}
