import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { entriesOf, duels, median } from '../scripts/evidence-benchmark.js'
import { evidenceFiles } from '../scripts/evidence-files.js'
import { share, signedShare } from '../scripts/evidence-text.js'
import { type Benchmark, comparePairs, readEvidence } from '../scripts/evidence.js'
import { root } from '../scripts/workspace.js'

const again = 'run `npm run docs:evidence`'
const files = [...evidenceFiles()]

describe('the page of the evidence', () => {
  it.each(files)('%s is what the stored results say', (file, content) => {
    const path = join(root, file)
    expect(existsSync(path) && readFileSync(path, 'utf8') === content, again).toBe(true)
  })

  it('shows every chart that there is, and no other', () => {
    const stored = readdirSync(join(root, 'docs/images')).filter((name) => name.startsWith('evidence-'))
    const charts = files.slice(1).map(([file]) => file.replace('docs/images/', ''))
    expect(charts.sort()).toEqual(stored.sort())
    const page = files[0]![1]
    for (const chart of charts) expect(page).toContain(`](images/${chart})`)
  })

  it('has MNIST with several seeds, and the benchmark with all workloads and bases', () => {
    const { mnist, tuned, selfTuning } = readEvidence()
    expect(mnist!.trials).toHaveLength(7)
    for (const { runs } of mnist!.trials) expect(runs.length).toBeGreaterThan(1)
    expect(tuned!.workloads).toHaveLength(8)
    expect(selfTuning!.workloads.length).toBeGreaterThanOrEqual(3)
    for (const track of [tuned!, selfTuning!]) {
      for (const { rows } of track.workloads) expect(new Set(rows.map(([base]) => base)).size).toBe(38)
    }
  })

  it('comes from results that are small', () => {
    const folders = ['examples/paper/results', 'examples/optimizer-benchmark/results']
    const bytes = folders
      .flatMap((folder) => readdirSync(join(root, folder)).map((name) => join(root, folder, name)))
      .reduce((sum, path) => sum + readFileSync(path).length, 0)
    expect(bytes).toBeLessThan(300_000)
  })
})

describe('numbers', () => {
  it('lose no digit but the zero before the point', () => {
    expect([0.98155, 10.815, -0.5, 20].map((value) => share(value, 3))).toEqual([
      '.982',
      '10.815',
      '-.500',
      '20.000',
    ])
    expect([0.0031, -10.2].map((value) => signedShare(value, 4))).toEqual(['+.0031', '−10.2000'])
  })
})

describe('scores', () => {
  const workload = (id: string, rows: Benchmark['workloads'][number]['rows']) => ({
    id,
    title: id,
    description: '',
    steps: 100,
    rows,
  })
  const track: Benchmark = {
    command: '',
    planned: 0,
    runs: 0,
    failed: 0,
    minutes: 0,
    workloads: [
      workload('one', [
        ['a', 'plain', 1, [], [0.2, 0.2, 0.3], [1, 1, 1]],
        ['a', 'root', 1, [], [0.5, null, 0.3], [0.5, null, 0.5]],
        ['b', 'plain', 1, [], [0.24], [2]],
      ]),
      workload('two', [
        ['a', 'plain', 1, [], [0.8], [4]],
        ['a', 'root', 1, [], [0.4], [8]],
        ['b', 'plain', null, [], [], []],
      ]),
    ],
  }

  it('are areas under performance profiles', () => {
    const entries = entriesOf(track)
    const [best] = entries
    const of = (base: string, variant: string) =>
      entries.find((entry) => entry.base === base && entry.variant === variant)!
    // Ratios of 1 and 2, of 2.5 and 1, of 1.2 and infinity.
    expect(of('a', 'plain').score).toBeCloseTo((1 + 2 / 3) / 2, 12)
    expect(of('a', 'root').score).toBeCloseTo((0.5 + 1) / 2, 12)
    expect(of('b', 'plain').score).toBeCloseTo(2.8 / 3 / 2, 12)
    expect(of('a', 'root').timeScore).toBeCloseTo((1 + 2 / 3) / 2, 12)
    expect(best).toBe(of('a', 'plain'))
    expect(entries.map(({ reached }) => reached)).toEqual([2, 2, 1])
  })

  it('count a run that misses as the slowest', () => {
    expect(median([0.1, null, 0.3])).toBe(0.3)
    expect(median([null, null, 0.3])).toBe(Infinity)
    expect(median([])).toBe(Infinity)
  })

  it('tell who needs fewer steps', () => {
    const counts = duels(track, entriesOf(track), 'root')
    expect(counts).toEqual([
      { title: 'one', wins: 0, ties: 0, losses: 1, neither: 0 },
      { title: 'two', wins: 1, ties: 0, losses: 0, neither: 0 },
    ])
  })

  it('are compared in pairs', () => {
    const { difference, interval, seeds } = comparePairs([
      { a: 2, b: 1 },
      { a: 5, b: 3 },
    ])
    expect([difference, seeds]).toEqual([1.5, 2])
    expect(interval).toEqual([1, 2])
  })
})
