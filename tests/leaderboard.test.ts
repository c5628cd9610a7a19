import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeAll, describe, expect, it } from 'vitest'
import {
  findSources,
  leaderboardPage,
  measure,
  readLeaderboard,
  renderLeaderboard,
  type Summary,
} from '../scripts/leaderboard.js'
import { root, runTool } from '../scripts/workspace.js'

const again = 'run `npm run docs:leaderboard`'
const sources = await findSources()
const stored = readLeaderboard()
const here = sources.filter(({ missing }) => missing === undefined)

describe('the leaderboard', () => {
  beforeAll(() => {
    // Targets in other languages are run by the command.
    const { status, output } = runTool('tsc', ['-b', 'packages/conformance'])
    expect(status, output).toBe(0)
  })

  it('shows what is stored', () => {
    expect(readFileSync(join(root, leaderboardPage), 'utf8'), again).toBe(renderLeaderboard(stored))
  })

  it('has every optimiser that can be measured, and no other', () => {
    const files = (given: readonly string[]) => [...new Set(given)].sort()
    expect(files(stored.map(({ source }) => source)), again).toEqual(files(sources.map(({ file }) => file)))
    // The framework's own optimisers, and the languages that are on this machine.
    expect(here.length).toBeGreaterThanOrEqual(8)
  })

  it.each(here)('$name ($file) is as measured now', async (source) => {
    const now = await measure(source)
    const { name, version } = now.manifest
    const kept = stored.filter(({ manifest }) => manifest.name === name)
    // Another machine may have another version of torch, with the same conventions.
    const of = kept.find(({ manifest }) => manifest.version === version) ?? kept[0]
    expect(of && { ...of, manifest: now.manifest }, again).toEqual(now)
  })
})

describe('what it found', () => {
  const of = (name: string): Summary['conventions'] =>
    stored.find(({ manifest }) => manifest.name === name)!.conventions
  const row = (name: string, base: string) => of(name).find((it) => it.base === base)!

  it('is a place of ε, with its reason', () => {
    const { status, error, agreesWith } = row('tf.train', 'rmsprop(decay: 0.75, epsilon: 0.125)')
    expect({ status, agreesWith }).toEqual({ status: 'deviates', agreesWith: ['epsilon → 0'] })
    expect(error).toBeGreaterThan(0.1)
  })

  it('is a stale average, for which no hyperparameter is the reason', () => {
    expect(row('brain.js, biases of NeuralNetwork', 'adam()')).toMatchObject({ status: 'deviates', call: 1 })
    expect(row('brain.js, biases of NeuralNetwork', 'adam()').agreesWith).toBeUndefined()
    expect(row('brain.js, weights of NeuralNetwork', 'adam()').status).toBe('follows')
  })

  it('is nothing in torch.optim and in the classes of the paper', () => {
    for (const name of ['torch.optim', "the paper's classes"]) {
      const statuses = new Set(of(name).map(({ status }) => status))
      expect([...statuses].sort()).toEqual(['follows', 'refused'])
    }
  })
})
