import { afterEach, expect, it, vi } from 'vitest'
import { cases, selectCases } from '../src/index.js'
import { shardOfToday } from './conformance/shard.js'

// What the tests of the adapters ask: a part of the suite, which moves on every day.

const noon = Date.UTC(2026, 0, 1, 12)
const days = (n: number) => Array.from({ length: n }, (_, i) => noon + i * 86_400_000)

afterEach(() => vi.unstubAllEnvs())

it.each([1, 4, 7])('in %i days, each of as many parts is asked once, and so is each case', (n) => {
  vi.stubEnv('CONFORMANCE_SHARD', '')
  const shards = days(n).map((at) => shardOfToday(n, 0, 1, at))
  expect(new Set(shards).size).toBe(n)
  const ids = shards.flatMap((shard) => selectCases(undefined, false, shard)).map(({ id }) => id)
  expect(ids.sort()).toEqual(cases.map(({ id }) => id).sort())
})

it('is the same all day, and another for another engine', () => {
  vi.stubEnv('CONFORMANCE_SHARD', '')
  expect(shardOfToday(8, 0, 1, noon + 11 * 3_600_000)).toBe(shardOfToday(8, 0, 1, noon - 11 * 3_600_000))
  expect(new Set([0, 1, 2, 3].map((offset) => shardOfToday(4, offset, 1, noon))).size).toBe(4)
})

it('stays in a quarter, if it moves by a half', () => {
  vi.stubEnv('CONFORMANCE_SHARD', '')
  const shards = new Set(days(8).map((at) => shardOfToday(8, 2, 4, at)))
  expect([...shards].sort()).toEqual(['3/8', '7/8'])
  const ids = [...shards].flatMap((shard) => selectCases(undefined, false, shard)).map(({ id }) => id)
  expect(ids.sort()).toEqual(
    selectCases(undefined, false, '3/4')
      .map(({ id }) => id)
      .sort(),
  )
})

it('is the one that the environment names', () => {
  vi.stubEnv('CONFORMANCE_SHARD', '3/5')
  expect(shardOfToday(8)).toBe('3/5')
})
