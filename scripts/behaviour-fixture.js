// npm run fixture:behaviour
//
// Writes the fixture of tests/behaviour.test.ts from the code as it is, so run it only where behaviour is meant to
// change, and review the difference. It reads what is built.
import { mkdirSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { fileURLToPath } from 'node:url'
import {
  caseIds,
  caseResults,
  checkpoints,
  engines,
  optimizerModels,
  packModel,
  shorten,
  wholeCheckpoints,
} from './behaviour.js'

const file = fileURLToPath(new URL('../tests/fixtures/behaviour.json', import.meta.url))

/** @type {Record<string, Record<string, string>>} */
const results = {}
for (const engine of engines) results[engine] = shorten(await caseResults(engine))

const trained = checkpoints()
/** @type {Record<string, Record<string, string>>} */
const states = {}
for (const { name, engine, result } of trained) states[name] = { ...states[name], [engine]: result }

const fixture = {
  caseIds,
  results,
  states,
  checkpoints: Object.fromEntries(
    trained
      .filter(({ name, engine }) => engine === 'wasm' && wholeCheckpoints.includes(name))
      .map(({ name, checkpoint }) => [name, Buffer.from(checkpoint ?? []).toString('base64')]),
  ),
  models: optimizerModels().map(({ name, model, facts }) => ({
    name,
    facts,
    model: packModel(model),
  })),
}
mkdirSync(dirname(file), { recursive: true })
writeFileSync(file, `${JSON.stringify(fixture, undefined, 1)}\n`)
