import { readFileSync } from 'node:fs'
import * as core from '@induced-metric/core'
import { Ajv2020 } from 'ajv/dist/2020.js'
import { beforeAll, describe, expect, it } from 'vitest'
import type { DataFile } from '../src/data/format.js'
import { suiteData } from '../src/data/suite.js'
import { cases, runCase, selectCases, type ConformanceTarget } from '../src/index.js'
import { shardOfToday } from './conformance/shard.js'
import { coreTarget } from './conformance/targets.js'
import { runDataCase } from './data/runner.js'
import { brokenTarget } from './targets/broken.js'

/** What a program in another language reads: text, and nothing but text. */
let files: readonly DataFile[]

beforeAll(async () => {
  files = JSON.parse(JSON.stringify(await suiteData(core))) as DataFile[]
}, 900_000)

/** The faults of a target, by the ids of the cases that show them. */
async function faultsOf(
  target: ConformanceTarget,
  chosen: (id: string) => boolean,
): Promise<Map<string, string>> {
  const faults = new Map<string, string>()
  for (const { cases: list } of files) {
    for (const one of list) {
      for (const [dtype, id] of Object.entries(one.ids) as ['float32' | 'float64', string][]) {
        if (!chosen(id)) continue
        const fault = await runDataCase(target, one, dtype)
        if (fault !== undefined) faults.set(id, fault)
      }
    }
  }
  return faults
}

it('holds every case of the suite as data, or names it with the reason why it is none', () => {
  const held = files.flatMap(({ cases: list }) => list.flatMap(({ ids }) => Object.values(ids)))
  const code = files.flatMap((file) => file.code.flatMap(({ ids }) => ids))
  expect([...held, ...code].sort()).toEqual(cases.map(({ id }) => id).sort())
  expect(code.length).toBeLessThan(cases.length / 10)
})

it('follows its schema', () => {
  const schema = JSON.parse(readFileSync(new URL('../suite.schema.json', import.meta.url), 'utf8')) as object
  const validate = new Ajv2020({ strict: true, allowUnionTypes: true }).compile(schema)
  for (const file of files)
    expect([validate(file), validate.errors, file.family]).toEqual([true, null, file.family])
})

it('passes on the reference engine, as the suite does', async () => {
  const chosen = new Set(selectCases(undefined, false, shardOfToday(8)).map(({ id }) => id))
  expect([...(await faultsOf(coreTarget('reference'), (id) => chosen.has(id)))]).toEqual([])
}, 600_000)

describe('finds the faults that the suite finds', () => {
  it.each([
    ['κ ignored', /^(step\/tied-sgd|option\/tied)\//],
    ['decay always scaled', /^option\/(decayScaling|decay)\//],
    ['reset keeps the slots', /^checkpoint\/reset\//],
    ['s of lion as ⟨g, d⟩', /^(option\/dual|step\/lion)\//],
    ['one report for all units', /^option\/(groups|scope|report)\//],
    ['the gradient for x̂', /^step\/averaged-heavyBall\//],
  ] as const)('%s', async (name, filter) => {
    const target = brokenTarget(name)
    const known = new Set(files.flatMap(({ cases: list }) => list.flatMap(({ ids }) => Object.values(ids))))
    const found = []
    for (const one of cases) {
      if (!filter.test(one.id) || !known.has(one.id)) continue
      if ((await runCase(target, one)).status === 'failed') found.push(one.id)
    }
    expect(found.length).toBeGreaterThan(0)
    const faults = await faultsOf(target, (id) => filter.test(id))
    expect(found.filter((id) => !faults.has(id))).toEqual([])
  })
})
