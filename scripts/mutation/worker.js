// A process that runs the conformance suite on mutants of the core, one after the other, until a case fails.
// Its parent starts it with --experimental-vm-modules, and kills it where a mutant never ends.
import { readFileSync } from 'node:fs'
import { Session } from 'node:inspector'
import { join, relative, sep } from 'node:path'
import { pathToFileURL } from 'node:url'
import { SourceTextModule } from 'node:vm'
import { cases, runCase } from '@induced-metric/conformance'
import { dist } from './list.js'
import { createTarget } from './target.js'

/** @typedef {import('./list.js').Found} Found */
/** @typedef {{ mutant?: Found, order?: readonly string[], probe?: readonly Found[] }} Task */

const byId = new Map(cases.map((one) => [one.id, one]))

/** @type {Map<string, string>} */
const sources = new Map()

/** The text of a module of the core. */
function sourceOf(/** @type {string} */ path) {
  const text = sources.get(path) ?? readFileSync(path, 'utf8')
  sources.set(path, text)
  return text
}

/** @param {string} path */
function fileOf(path) {
  return relative(dist, path).split(sep).join('/').replace(/\.js$/, '')
}

/**
 * Loads the core anew, with a mutant where one is given.
 *
 * @param {Found} [mutant]
 * @returns {Promise<import('@induced-metric/conformance').Core>}
 */
async function loadCore(mutant) {
  /** @type {Map<string, SourceTextModule>} */
  const modules = new Map()
  const moduleAt = (/** @type {string} */ path) => {
    const text = sourceOf(path)
    const isMutated = mutant !== undefined && fileOf(path) === mutant.file
    const source = isMutated
      ? text.slice(0, mutant.start) + mutant.replacement + text.slice(mutant.end)
      : text
    const made = modules.get(path) ?? new SourceTextModule(source, { identifier: pathToFileURL(path).href })
    modules.set(path, made)
    return made
  }
  const entry = moduleAt(join(dist, 'index.js'))
  await entry.link((specifier, { identifier }) => moduleAt(new URL(specifier, identifier).pathname))
  await entry.evaluate()
  return /** @type {import('@induced-metric/conformance').Core} */ (entry.namespace)
}

/**
 * Runs cases on a mutant until one fails.
 *
 * @param {Found} mutant
 * @param {readonly string[]} order
 * @returns {Promise<string | undefined>} the id of the case that failed, or why the mutant can't be loaded
 */
async function kill(mutant, order) {
  let target
  try {
    target = createTarget(await loadCore(mutant))
  } catch {
    return 'it cannot be loaded'
  }
  for (const id of order) {
    process.send?.({ running: id })
    const { status } = await runCase(
      target,
      /** @type {import('@induced-metric/conformance').Case} */ (byId.get(id)),
      {
        seed: 1,
      },
    )
    if (status === 'failed') return id
  }
  return undefined
}

/**
 * Runs all cases on the core as it is, and finds the mutants whose place each group of them executes. (To ask after every case
 * would take much longer than the cases.)
 *
 * @param {readonly Found[]} mutants
 */
async function probe(mutants) {
  const inspector = new Session()
  inspector.connect()
  const post = (/** @type {string} */ method, /** @type {object} */ given = {}) =>
    new Promise((resolve, reject) =>
      inspector.post(method, given, (error, result) => (error ? reject(error) : resolve(result))),
    )
  await post('Profiler.enable')
  await post('Profiler.startPreciseCoverage', { callCount: true, detailed: true })
  /** The indices of the mutants that are executed, since the last time. */
  const executed = async () => {
    const { result } = /** @type {import('node:inspector').Profiler.TakePreciseCoverageReturnType} */ (
      await post('Profiler.takePreciseCoverage')
    )
    return mutants.flatMap(({ file, start }, i) => {
      const script = result.find(({ url }) => url === pathToFileURL(join(dist, `${file}.js`)).href)
      return script !== undefined && isExecuted(script, start) ? [i] : []
    })
  }
  const target = createTarget(await loadCore())
  const onLoading = await executed()
  const groups = []
  for (const [name, members] of groupsOf(cases)) {
    const timed = []
    for (const one of members) {
      const start = process.cpuUsage().user
      const { status, message } = await runCase(target, one, { seed: 1 })
      timed.push({ id: one.id, milliseconds: (process.cpuUsage().user - start) / 1000 })
      if (status === 'failed') throw new Error(`the core itself fails ${one.id}: ${message}`)
      process.send?.({ running: one.id })
    }
    groups.push({ name, members: timed, executed: await executed() })
  }
  inspector.disconnect()
  return { onLoading, groups }
}

/**
 * The cases of one table and type.
 *
 * @param {readonly import('@induced-metric/conformance').Case[]} all
 */
function groupsOf(all) {
  /** @type {Map<string, import('@induced-metric/conformance').Case[]>} */
  const groups = new Map()
  for (const one of all) {
    const name = one.id.slice(0, one.id.lastIndexOf('/'))
    groups.set(name, [...(groups.get(name) ?? []), one])
  }
  return groups
}

/** @type {(script: import('node:inspector').Profiler.ScriptCoverage, at: number) => boolean} */
function isExecuted({ functions }, at) {
  let [length, count] = [Infinity, 0]
  for (const { ranges } of functions) {
    for (const { startOffset, endOffset, count: times } of ranges) {
      if (startOffset > at || at >= endOffset || endOffset - startOffset >= length) continue
      ;[length, count] = [endOffset - startOffset, times]
    }
  }
  return count > 0
}

/** @param {Task} task */
async function answer({ mutant, order = [], probe: all }) {
  try {
    const done = all === undefined ? await kill(/** @type {Found} */ (mutant), order) : await probe(all)
    process.send?.({ done: done ?? null })
  } catch (error) {
    process.send?.({ error: String(error) })
  }
}

process.on('message', (/** @type {Task} */ task) => void answer(task))
// A promise of a mutant that nobody awaits must not end the process.
process.on('unhandledRejection', () => {})
