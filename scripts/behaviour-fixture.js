// npm run fixture:behaviour [-- --add]
//
// Writes the fixture of tests/behaviour.test.ts from the code as it is. Run it only if behaviour changes on purpose, and
// review the difference. It runs the built code.
//
// --add: a new release of Node may round powers differently. Check that the test passes on an older release, then run
// this on the new one: it keeps the fixture and adds the results that differ.
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import {
  caseIds,
  caseResults,
  checkpoints,
  engines,
  optimizerModels,
  pack,
  roundingOfPowers,
  shorten,
  unpackIds,
  wholeCheckpoints,
} from './behaviour.js'

/** @typedef {Record<string, Record<string, string>>} Table */
/** @typedef {{ results: Table, states: Table }} Numbers */

const file = fileURLToPath(new URL('../tests/fixtures/behaviour.json', import.meta.url))
const { values: flags } = parseArgs({ options: { add: { type: 'boolean', default: false } } })

const known = flags.add
  ? /** @type {Numbers & { cases: string, roundings: Record<string, Numbers> }} */ (
      JSON.parse(readFileSync(file, 'utf8'))
    )
  : undefined
const ids = known === undefined ? caseIds : unpackIds(known.cases)

/** @type {Table} */
const results = {}
for (const engine of engines) results[engine] = shorten(await caseResults(engine, ids), ids)

const trained = checkpoints()
/** @type {Table} */
const states = {}
for (const { name, engine, result } of trained) states[name] = { ...states[name], [engine]: result }

/**
 * @param {Table} table
 * @param {Table} known
 * @returns {Table} the entries that differ from those known
 */
function differing(table, known) {
  const rows = Object.entries(table).map(([name, row]) => {
    const entries = Object.entries(row).filter(([key, value]) => known[name]?.[key] !== value)
    return /** @type {const} */ ([name, Object.fromEntries(entries)])
  })
  return Object.fromEntries(rows.filter(([, row]) => Object.keys(row).length > 0))
}

function fixture() {
  if (known !== undefined) {
    const numbers = {
      results: differing(results, known.results),
      states: differing(states, known.states),
    }
    return { ...known, roundings: { ...known.roundings, [roundingOfPowers()]: numbers } }
  }
  return {
    cases: pack(ids.join('\n')),
    results,
    states,
    roundings: { [roundingOfPowers()]: { results: {}, states: {} } },
    checkpoints: Object.fromEntries(
      trained
        .filter(({ name, engine }) => engine === 'wasm' && wholeCheckpoints.includes(name))
        .map(({ name, checkpoint }) => [name, Buffer.from(checkpoint ?? []).toString('base64')]),
    ),
    models: optimizerModels().map(({ name, model, facts }) => ({ name, facts, model: pack(model) })),
  }
}

mkdirSync(dirname(file), { recursive: true })
writeFileSync(file, `${JSON.stringify(fixture(), undefined, 1)}\n`)
