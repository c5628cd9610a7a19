import { describe, expect, it } from 'vitest'
import type { CommandIo } from '../src/commandIo.js'
import { diffCommand } from '../src/diffCommand.js'
import {
  allCapabilities,
  allCapabilitiesBut,
  compareReports,
  runConformance,
  type CaseStatus,
  type ConformanceReport,
  type Manifest,
} from '../src/index.js'
import { coreTarget } from './conformance/targets.js'

const manifest: Manifest = {
  name: 'tiny',
  version: '1.0.0',
  framework: { name: 'net', version: '2.0.0' },
  backend: 'wasm',
  dtypes: ['float32', 'float64'],
  arithmetic: {
    float32: { elementwise: 'float32', sums: 'float64' },
    float64: { elementwise: 'float64', sums: 'float64' },
  },
  capabilities: allCapabilities,
}

const short: Readonly<Record<string, CaseStatus>> = {
  p: 'passed',
  f: 'failed',
  n: 'not-supported-as-declared',
}

/** A report of cases `step/1`, `step/2` …, one for each letter: p(assed), f(ailed), n(ot supported), or - for none. */
function report(letters: string, given: Partial<ConformanceReport> = {}): ConformanceReport {
  const cases = letters.split('').flatMap((letter, i) => {
    const status = short[letter]
    if (status === undefined) return []
    const title = `case ${i + 1}`
    const message = status === 'failed' ? { message: `${title}\n  element 0: 1, expected 2` } : {}
    return [{ id: `step/${i + 1}`, family: 'step', title, status, ...message }]
  })
  const count = (status: CaseStatus): number => cases.filter((one) => one.status === status).length
  return {
    format: 'induced-metric-conformance',
    version: 1,
    manifest,
    seed: 1,
    totals: {
      passed: count('passed'),
      failed: count('failed'),
      'not-supported-as-declared': count('not-supported-as-declared'),
    },
    cases,
    ...given,
  }
}

const ids = (cases: readonly { readonly id: string }[]): string[] => cases.map(({ id }) => id)

describe('two reports', () => {
  it('that are the same differ in nothing', () => {
    const { facts, regressed, ...lists } = compareReports(report('pfn'), report('pfn'))
    expect(facts).toEqual([])
    expect(regressed).toBe(false)
    expect(ids(lists.stillFailing)).toEqual(['step/2'])
    for (const key of ['newlyFailing', 'fixed', 'withdrawn', 'gained', 'added', 'gone'] as const)
      expect(lists[key]).toEqual([])
  })

  // One case of each: from what, to what, and where it is listed.
  it.each([
    ['p', 'f', 'newlyFailing', true],
    ['n', 'f', 'newlyFailing', true],
    ['-', 'f', 'newlyFailing', true],
    ['p', 'n', 'withdrawn', true],
    ['p', '-', 'gone', true],
    ['f', '-', 'gone', true],
    ['f', 'p', 'fixed', false],
    ['f', 'n', 'fixed', false],
    ['n', 'p', 'gained', false],
    ['-', 'p', 'added', false],
    ['-', 'n', 'added', false],
    ['f', 'f', 'stillFailing', false],
  ] as const)('a case from %s to %s is %s', (before, after, list, regressed) => {
    const difference = compareReports(report(`p${before}`), report(`p${after}`))
    expect(ids(difference[list])).toEqual(['step/2'])
    expect(difference.regressed).toBe(regressed)
    const lists = ['newlyFailing', 'withdrawn', 'gone', 'fixed', 'gained', 'added', 'stillFailing'] as const
    expect(lists.filter((key) => difference[key].length > 0)).toEqual([list])
  })

  it('that change nothing but versions are not worse', () => {
    const after = {
      ...manifest,
      version: '1.1.0',
      framework: { name: 'net', version: '3.0.0' },
      backend: 'webgpu',
    }
    const { facts, regressed } = compareReports(
      report('p'),
      report('p', { manifest: after, version: 2, seed: 7 }),
    )
    expect(facts.map(({ what, before, after }) => [what, before, after])).toEqual([
      ['suite', 'version 1', 'version 2'],
      ['adapter', 'tiny 1.0.0', 'tiny 1.1.0'],
      ['framework', 'net 2.0.0', 'net 3.0.0'],
      ['backend', 'wasm', 'webgpu'],
      ['seed', '1', '7'],
    ])
    expect(regressed).toBe(false)
  })

  it('of which the later promises less are worse, and better the other way round', () => {
    const less: Manifest[] = [
      { ...manifest, capabilities: allCapabilitiesBut('groups') },
      { ...manifest, capabilities: allCapabilitiesBut('bitwise') },
      { ...manifest, dtypes: ['float32'] },
      {
        ...manifest,
        arithmetic: { ...manifest.arithmetic, float32: { elementwise: 'float32', sums: 'float32' } },
      },
    ]
    for (const after of less) {
      const [one, other] = [report('p'), report('p', { manifest: after })]
      expect(compareReports(one, other)).toMatchObject({ regressed: true, facts: [{ regression: true }] })
      expect(compareReports(other, one)).toMatchObject({ regressed: false, facts: [{ regression: false }] })
    }
  })

  it('of which the later is of a part are worse, even where all else is the same', () => {
    const part = report('p', { filter: 'step/' })
    const fact = { what: 'part of the suite', before: 'all', after: 'step/', regression: true }
    expect(compareReports(report('p'), part)).toMatchObject({ regressed: true, facts: [fact] })
    expect(compareReports(part, report('p'))).toMatchObject({
      regressed: false,
      facts: [{ regression: false }],
    })
    expect(compareReports(part, part)).toMatchObject({ regressed: false, facts: [] })
  })

  it('of real runs', async () => {
    const filter = 'step/adam/f32'
    const good = await runConformance(coreTarget('wasm'), { filter })
    const target = coreTarget('wasm')
    const bad = await runConformance(
      {
        ...target,
        async create(...given) {
          const session = await target.create(...given)
          // Adds more to every parameter than any tolerance allows.
          return {
            ...session,
            read: async () => (await session.read()).map((data) => data.map((x) => x + 1)),
          }
        },
      },
      { filter },
    )
    const { newlyFailing, regressed } = compareReports(good, bad)
    expect(regressed).toBe(true)
    expect(newlyFailing).toHaveLength(good.totals.passed)
    expect(compareReports(bad, good).fixed).toHaveLength(good.totals.passed)
  })
})

describe('induced-conformance diff', () => {
  async function diff(...reports: unknown[]): Promise<{ code: number; out: string; err: string }> {
    const written = { out: '', err: '' }
    const io: Pick<CommandIo, 'out' | 'err' | 'read'> = {
      out: (text) => void (written.out += text),
      err: (text) => void (written.err += text),
      read: (path) => {
        const value = reports[Number(path)]
        if (value === undefined) return Promise.reject(new Error('ENOENT'))
        return Promise.resolve(typeof value === 'string' ? value : JSON.stringify(value))
      },
    }
    const code = await diffCommand(Object.keys(reports), io)
    return { code, ...written }
  }

  it('says what is worse first, and why, and exits with 1', async () => {
    const after = { ...manifest, version: '1.1.0', capabilities: allCapabilitiesBut('groups') }
    const { code, out } = await diff(report('ppnfp-'), report('fpnp-p', { manifest: after }))
    expect(`\n${out}`).toBe(`
  changed  before      after
  adapter  tiny 1.0.0  tiny 1.1.0
✗ groups   declared    not declared

newly failing: 1
  ✗ step/1  passed → failed  case 1
      element 0: 1, expected 2

gone: 1
  ✗ step/5  passed → not there  case 5

fixed: 1
  ✓ step/4  failed → passed  case 4

new cases: 1
  + step/6  not there → passed  case 6

cases          before  after
passed              3      3
failed              1      1
not supported       1      1

worse: 1 newly failing, 1 gone, 1 promise of the manifest withdrawn
`)
    expect(code).toBe(1)
  })

  it('exits with 0 where nothing is worse, and gives long lists by family', async () => {
    const { code, out } = await diff(report('ffffffffffff'), report('pppppppppppp'))
    expect(out).toContain('fixed: 12\n  ✓ step 12\n')
    expect(out).toMatch(/nothing is worse\n$/)
    expect(code).toBe(0)
  })

  it('says that a part of the suite is not all of it', async () => {
    const part = report('p', { filter: 'step/' })
    const less = await diff(report('p'), part)
    expect(less.out).toMatch(/^ {2}changed +before +after\n✗ part of the suite +all +step\/\n/)
    expect(less.out).toMatch(/worse: only a part of the suite was run\n$/)
    expect(less.code).toBe(1)
    const same = await diff(part, part)
    expect(same.out).toMatch(/nothing is worse in a part of the suite: step\/\n$/)
    expect(same.code).toBe(0)
  })

  it.each<[string, unknown[], RegExp]>([
    ['one report', [report('p')], /diff compares two reports/],
    ['three reports', [report('p'), report('p'), report('p')], /diff compares two reports/],
    ['no JSON', [report('p'), 'x'], /1: .*JSON/],
    ['another JSON', [{ a: 1 }, report('p')], /0: it is no report of this suite/],
    ['null', ['null', report('p')], /0: it is no report of this suite/],
    ['a summary', [report('p'), { ...report('p'), cases: undefined }], /1: it has no cases/],
    ['half a manifest', [report('p'), { ...report('p'), manifest: {} }], /1: its manifest is not complete/],
  ])('exits with 2 and says why: %s', async (_, reports, says) => {
    const { code, err, out } = await diff(...reports)
    expect(err).toMatch(says)
    expect(out).toBe('')
    expect(code).toBe(2)
  })
})
