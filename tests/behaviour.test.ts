import { readFileSync } from 'node:fs'
import { decodeCheckpoint, encodeCheckpoint } from '@induced-metric/core'
import { describe, expect, it } from 'vitest'
import {
  caseIds,
  caseResults,
  checkpoints,
  engines,
  optimizerModels,
  pack,
  roundingOfPowers,
  runModel,
  shorten,
  unpack,
  unpackIds,
  wholeCheckpoints,
} from '../scripts/behaviour.js'

// `npm run fixture:behaviour` wrote the fixture before the code was reorganised. A change of structure must leave all of
// this unchanged, bit for bit. Write it again only if behaviour changes on purpose, and say so in the changelog.

type Table = Record<string, Record<string, string>>

interface Fixture {
  /** The ids of the cases, in order. The suite may gain others. */
  readonly cases: string
  /** By engine and family: a mark of each case's status and numbers. */
  readonly results: Table
  /** By transformation and engine: structural hash, and marks of checkpoint, parameters and reports. */
  readonly states: Table
  /** By the rounding of powers, which depends on the release of Node: the entries that differ there. */
  readonly roundings: Record<string, { readonly results: Table; readonly states: Table }>
  /** A few whole checkpoints, in base64. */
  readonly checkpoints: Record<string, string>
  /** Optimizer models as they were, and all that `optimizerModel` said of them. */
  readonly models: readonly { readonly name: string; readonly facts: string; readonly model: string }[]
}

const fixture = JSON.parse(
  readFileSync(new URL('fixtures/behaviour.json', import.meta.url), 'utf8'),
) as Fixture

const ids = unpackIds(fixture.cases)
const differing = fixture.roundings[roundingOfPowers()]

/** The fixture's entries on this release of Node. */
function expected(table: Table, changed: Table | undefined): Table {
  return Object.fromEntries(
    Object.entries(table).map(([name, row]) => [name, { ...row, ...changed?.[name] }]),
  )
}

it('the fixture has the rounding of powers of this release of Node', () => {
  expect(differing, 'add it, as scripts/behaviour-fixture.js explains').toBeDefined()
})

describe('the conformance suite', () => {
  it('has the cases it had', () => {
    const known = new Set(ids)
    expect(caseIds.filter((id) => known.has(id))).toEqual(ids)
    expect(ids).toHaveLength(1878)
  })

  it.each(engines)(
    'gives the statuses and the numbers it gave, on %s',
    async (engine) => {
      const results = expected(fixture.results, differing?.results)
      expect(shorten(await caseResults(engine, ids), ids)).toEqual(results[engine])
    },
    300_000,
  )
})

describe('checkpoints', () => {
  const now = checkpoints()

  it('have the bytes and the structural hashes they had, and parameters and reports are the same', () => {
    const states: Fixture['states'] = {}
    for (const { name, engine, result } of now) states[name] = { ...states[name], [engine]: result }
    expect(states).toEqual(expected(fixture.states, differing?.states))
    expect(Object.keys(states).length).toBeGreaterThan(300)
  })

  it.each(wholeCheckpoints)('are written as they were, and can be read: %s', (name) => {
    const bytes =
      now.find((one) => one.name === name && one.engine === 'wasm')?.checkpoint ?? new Uint8Array()
    const before = new Uint8Array(Buffer.from(fixture.checkpoints[name] ?? '', 'base64'))
    expect([...bytes]).toEqual([...before])
    expect([...encodeCheckpoint(decodeCheckpoint(before))]).toEqual([...before])
  })
})

describe('optimizer models', () => {
  const now = optimizerModels()

  it('are those of the fixture', () => {
    expect(now.map(({ name }) => name)).toEqual(fixture.models.map(({ name }) => name))
    expect(now.length).toBeGreaterThan(40)
  })

  // Both are run here: sums and exponentials of the runtime are not the same bits on every processor.
  it.each(fixture.models.map(({ name }, index) => [name, index] as const))(
    'have the same inputs, outputs and state, and compute the same bits: %s',
    async (_, index) => {
      const [before, after] = [fixture.models[index]!, now[index]!]
      expect(JSON.parse(after.facts)).toEqual(JSON.parse(before.facts))
      const outputs = await runModel(unpack(before.model), before.facts, index)
      expect(await runModel(after.model, after.facts, index)).toEqual(outputs)
    },
  )

  it('are compared by bits that their inputs decide', async () => {
    const one = now[0]!
    const bits = await runModel(one.model, one.facts, 0)
    const parameters = Object.entries(bits).filter(([name]) => name.includes('wide.next'))
    expect(parameters).toHaveLength(6)
    // The fifth step has a gradient that is not finite, and leaves everything as it was.
    expect(new Set(parameters.map(([, mark]) => mark)).size).toBe(5)
    expect(unpack(pack(one.model))).toEqual(one.model)
  })
})
