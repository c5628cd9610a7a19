import { readFileSync } from 'node:fs'
import { decodeCheckpoint, encodeCheckpoint } from '@induced-metric/core'
import { describe, expect, it } from 'vitest'
import {
  caseIds,
  caseResults,
  checkpoints,
  engines,
  optimizerModels,
  packModel,
  runModel,
  shorten,
  unpackModel,
  wholeCheckpoints,
} from '../scripts/behaviour.js'

// The fixture was made by `npm run fixture:behaviour` before the code was laid out anew: a change of shape must leave
// all of this alone, bit for bit. Make it again only where behaviour changes on purpose, and say so in the changelog.

interface Fixture {
  /** How many cases there are, and the fingerprint of their ids. */
  readonly caseIds: string
  /** By engine and family: a mark of each case's status and numbers. */
  readonly results: Record<string, Record<string, string>>
  /** By transformation and engine: structural hash, and marks of checkpoint, parameters and reports. */
  readonly states: Record<string, Record<string, string>>
  /** A few whole checkpoints, in base64. */
  readonly checkpoints: Record<string, string>
  /** Optimizer models as they were, and all that `optimizerModel` said of them. */
  readonly models: readonly { readonly name: string; readonly facts: string; readonly model: string }[]
}

const fixture = JSON.parse(
  readFileSync(new URL('fixtures/behaviour.json', import.meta.url), 'utf8'),
) as Fixture

describe('the conformance suite', () => {
  it('has the cases it had', () => {
    expect(caseIds).toBe(fixture.caseIds)
  })

  it.each(engines)('gives the statuses and the numbers it gave, on %s', async (engine) => {
    expect(shorten(await caseResults(engine))).toEqual(fixture.results[engine])
  })
})

describe('checkpoints', () => {
  const now = checkpoints()

  it('have the bytes and the structural hashes they had, and parameters and reports are the same', () => {
    const states: Fixture['states'] = {}
    for (const { name, engine, result } of now) states[name] = { ...states[name], [engine]: result }
    expect(states).toEqual(fixture.states)
    expect(Object.keys(states).length).toBeGreaterThan(300)
  })

  it.each(wholeCheckpoints)('are written as they were, and read: %s', (name) => {
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
      const expected = await runModel(unpackModel(before.model), before.facts, index)
      expect(await runModel(after.model, after.facts, index)).toEqual(expected)
    },
  )

  it('are compared by bits that their inputs decide', async () => {
    const one = now[0]!
    const bits = await runModel(one.model, one.facts, 0)
    const parameters = Object.entries(bits).filter(([name]) => name.includes('wide.next'))
    expect(parameters).toHaveLength(6)
    // The fifth step has a gradient that is not finite, and leaves everything as it was.
    expect(new Set(parameters.map(([, mark]) => mark)).size).toBe(5)
    expect(unpackModel(packModel(one.model))).toEqual(one.model)
  })
})
