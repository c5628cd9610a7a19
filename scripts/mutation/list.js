// The list of mutants: drawn once, committed, and found again in a core that has changed since.
import { createHash } from 'node:crypto'
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join, sep } from 'node:path'
import { root } from '../workspace.js'
import { mutantsOf } from './operators.js'

/**
 * @typedef {object} Entry - A mutant of the list.
 * @property {string} file - from the core's `src`, without its ending
 * @property {string} kind
 * @property {string} at - the line
 * @property {string} from - the changed text, shortened
 * @property {string} to - the new text, shortened
 * @property {number} nth - counts the mutants of a file that agree in all of these, from 1
 * @property {string} [killedBy] - the case that failed in the latest run
 * @property {string} [equivalent] - the reason why no case can fail
 */

/** @typedef {Entry & { start: number, end: number, replacement: string }} Found - A mutant in today's core. */

/** The built core, whose modules are mutated. */
export const dist = join(root, 'packages/core/dist')

const listFile = join(root, 'scripts/mutation/mutants.json')

/** The parts of the core, each with its share of the list. */
const parts = /** @type {readonly (readonly [part: string, share: number, files: RegExp])[]} */ ([
  ['the step', 45, /^step\/(?!plan$|fusedStepper$|withValues$|epsilons$)/],
  ['the plan, groups and names', 25, /^(step\/plan|transformation\/(groups|namesInOptions|tiedXi))$/],
  ['bases', 40, /^transformation\/(preconditioners\/|preconditioner$|recordUpdate|rateFree|adamw)/],
  ['embeddings', 12, /^transformation\/embedding$/],
  ['schedules', 25, /^transformation\/(schedule|schedules|scheduleJSON|trainingSchedules)$/],
  [
    'options and their JSON',
    30,
    /^(transformation\/(transformation|hyperparameter|fromJSON|toJSON)|validation\/(?!nearest))/,
  ],
  ['checkpoints', 40, /^checkpoint\//],
  ['the optimiser', 25, /^arrays\/(plannedOptimizer|optimizer|checks)$/],
  ['the algebra and the reference engine', 38, /^(graph|engines\/reference)\//],
])

/** Functions that no case reaches, since a target's interface has nothing for them. */
const unreached = ['add', 'withAveragedWeights', 'checkOwnValues', 'checkLearningRate', 'learningRateAt']

/** The names of the parts, in order. */
export const partNames = parts.map(([part]) => part)

/** The part of the core that a file belongs to. */
export function partOf(/** @type {{ file: string }} */ { file }) {
  return parts.find(([, , files]) => files.test(file))?.[0]
}

/**
 * All mutants of today's core.
 *
 * @returns {Found[]}
 */
export function findMutants() {
  const files = readdirSync(dist, { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.js'))
    .map((file) => file.slice(0, -'.js'.length).replaceAll(sep, '/'))
    .filter((file) => partOf({ file }) !== undefined)
    .sort()
  return files.flatMap((file) => {
    const text = readFileSync(join(dist, `${file}.js`), 'utf8')
    /** @type {Map<string, number>} */
    const counts = new Map()
    return mutantsOf(text, file, unreached).map(({ start, end, to, kind }) => {
      const lineStart = text.lastIndexOf('\n', start) + 1
      const line = text.slice(lineStart, text.indexOf('\n', start))
      const entry = {
        file,
        kind,
        at: shorten(line),
        from: shorten(text.slice(start, end)),
        to: shorten(to),
        nth: 1,
      }
      const alike = keyOf(entry)
      entry.nth = (counts.get(alike) ?? 0) + 1
      counts.set(alike, entry.nth)
      return { ...entry, start, end, replacement: to }
    })
  })
}

/** @param {string} text */
function shorten(text) {
  const line = text.replace(/\s+/g, ' ').trim()
  return line.length <= 120 ? line : `${line.slice(0, 119)}…`
}

/** @param {Entry} entry */
function keyOf({ file, kind, at, from, to, nth }) {
  return [file, kind, at, from, to, nth].join('\n')
}

/**
 * The committed list.
 *
 * @returns {Entry[]}
 */
export function readList() {
  return /** @type {Entry[]} */ (JSON.parse(readFileSync(listFile, 'utf8')))
}

/** @param {readonly Entry[]} list */
export function writeList(list) {
  writeFileSync(listFile, `[\n${list.map((entry) => JSON.stringify(entry)).join(',\n')}\n]\n`)
}

/**
 * The entries of a list in today's core, and those whose code is gone.
 *
 * @param {readonly Entry[]} list
 */
export function locate(list) {
  const now = new Map(findMutants().map((mutant) => [keyOf(mutant), mutant]))
  /** @type {Found[]} */
  const found = []
  /** @type {Entry[]} */
  const gone = []
  for (const entry of list) {
    const mutant = now.get(keyOf(entry))
    if (mutant === undefined) gone.push(entry)
    else found.push({ ...mutant, ...entry })
  }
  return { found, gone }
}

/**
 * Draws the list. Each mutant's rank follows from its text and the seed, so that in a core that has changed most of the drawn
 * mutants are drawn again. What is known of them is kept.
 *
 * @param {readonly Entry[]} before
 * @returns {Entry[]}
 */
export function drawList(before, seed = 1) {
  const known = new Map(before.map((entry) => [keyOf(entry), entry]))
  const ranked = findMutants()
    .map(({ start: _, end: __, replacement: ___, ...entry }) => ({ entry, rank: rankOf(entry, seed) }))
    .sort((a, b) => (a.rank < b.rank ? -1 : 1))
    .map(({ entry }) => entry)
  return parts.flatMap(([part, share]) =>
    ranked
      .filter((entry) => partOf(entry) === part)
      .slice(0, share)
      .sort((a, b) => (keyOf(a) < keyOf(b) ? -1 : 1))
      .map((entry) => ({ ...entry, ...known.get(keyOf(entry)) })),
  )
}

/** @type {(entry: Entry, seed: number) => string} */
function rankOf(entry, seed) {
  return createHash('sha256')
    .update(`${seed}\n${keyOf(entry)}`)
    .digest('hex')
}
