import { describe, expect, it } from 'vitest'
import { thoroughCases } from '../src/cases/thorough.js'
import { command } from '../src/cli.js'
import type { CommandIo } from '../src/commandIo.js'
import {
  badgeJson,
  badgeOf,
  badgeSvg,
  htmlReport,
  runConformance,
  selectCases,
  type ConformanceReport,
  type ConformanceTarget,
  type Session,
} from '../src/index.js'
import { coreTarget } from './conformance/targets.js'

const { manifest } = coreTarget('reference')
const report: ConformanceReport = {
  format: 'induced-metric-conformance',
  version: 3,
  manifest: { ...manifest, name: '<my> & "adapter"' },
  seed: 1,
  totals: { passed: 1, failed: 1, 'not-supported-as-declared': 1 },
  cases: [
    { id: 'step/a/f32/0001', family: 'step', title: 'a < b', status: 'passed', worst: { error: 1e-6, tolerance: 2e-5, where: 'x' } },
    { id: 'step/a/f64/0001', family: 'step', title: 'b', status: 'failed', message: 'b\n  call 1: <script>alert(1)</script>' },
    { id: 'edge/c/f32/0001', family: 'edge', title: 'c', status: 'not-supported-as-declared', message: 'no groups' },
  ],
} // prettier-ignore

describe('a report as a page', () => {
  const page = htmlReport(report)
  it('shows failures, counts and every case, and no text as markup', () => {
    expect(page).toContain('<h1>Conformance of &lt;my&gt; &amp; &quot;adapter&quot; 0.1.0</h1>')
    expect(page).toContain('call 1: &lt;script&gt;alert(1)&lt;/script&gt;')
    expect(page).toMatch(
      /<td>step<\/td><td class="n">1<\/td><td class="n">1<\/td><td class="n">0<\/td><td class="n">0\.050</,
    )
    for (const { id } of report.cases) expect(page).toContain(id)
    expect(page).toContain('no groups')
  })
  it('needs nothing from elsewhere, and no script', () => {
    expect(page).not.toMatch(/<script|<link|<img|https?:|@import|url\(/)
    expect(page).toContain('prefers-color-scheme: dark')
    expect(page).toContain('<html lang="en">')
  })
  it('opens the families with failures, and says that a part is one', () => {
    expect(page).toMatch(/<details open><summary>step \(2\)[^]*<details><summary>edge \(1\)/)
    expect(page).not.toContain('a part shows no conformance')
    expect(htmlReport({ ...report, filter: 'step/' })).toContain('step/: a part shows no conformance')
  })
})

describe('a badge', () => {
  const good = { ...report, totals: { passed: 5, failed: 0, 'not-supported-as-declared': 0 } }
  it('has the suite’s version and the result', () => {
    expect(badgeOf(good)).toEqual({
      label: 'induced-metric suite 3',
      message: '5 passed',
      color: 'brightgreen',
    })
    expect(badgeOf({ ...good, totals: { ...good.totals, 'not-supported-as-declared': 2 } }).message).toBe(
      '5 passed, 2 not supported',
    )
    expect(badgeOf(report)).toMatchObject({ message: '1 failed', color: 'red' })
    expect(badgeOf({ ...good, filter: 'step/' })).toMatchObject({
      message: '5 of a part passed',
      color: 'lightgrey',
    })
  })
  it('is JSON for an endpoint, or an image that reads aloud', () => {
    expect(JSON.parse(badgeJson(badgeOf(good)))).toEqual({ schemaVersion: 1, ...badgeOf(good) })
    const image = badgeSvg(badgeOf(good))
    expect(image).toMatch(/^<svg [^>]*aria-label="induced-metric suite 3: 5 passed">/)
    expect(image.match(/<text /g)).toHaveLength(2)
  })
})

describe('the command', () => {
  const run = async (options: Parameters<typeof command>[0]) => {
    const files: Record<string, string> = {}
    let out = ''
    const io: CommandIo = {
      out: (text) => void (out += text),
      err: (text) => void (out += text),
      load: () => Promise.resolve({ target: coreTarget('reference') }),
      loadCore: () => import('@induced-metric/core'),
      prepare: () => () => {
        throw new Error('no process')
      },
      read: () => Promise.reject(new Error('no file')),
      write(path, text) {
        if (path.startsWith('/nowhere')) return Promise.reject(new Error('ENOENT'))
        files[path] = text
        return Promise.resolve()
      },
    }
    return { code: await command({ target: './x.js', filter: 'error/disposed', ...options }, io), out, files }
  }

  it('writes the page, and the badge in the form that the name asks for', async () => {
    const { code, out, files } = await run({ html: 'a.html', badge: 'a.svg' })
    expect(code).toBe(0)
    expect(files['a.html']).toMatch(/^<!doctype html>/)
    expect(files['a.svg']).toMatch(/^<svg/)
    expect(out).toMatch(/\npage: a\.html\nbadge: a\.svg\n$/)
    expect(JSON.parse((await run({ badge: 'a.json' })).files['a.json']!)).toMatchObject({ schemaVersion: 1 })
    const failed = await run({ html: '/nowhere/a.html' })
    expect([failed.code, failed.out]).toEqual([2, expect.stringContaining('--html /nowhere/a.html: ENOENT')])
  })

  it('names a shard in its report', async () => {
    const { code, files } = await run({ filter: 'error/disposed', shard: '1/1', json: 'a.json' })
    expect([code, JSON.parse(files['a.json']!)]).toMatchObject([0, { filter: 'error/disposed, shard 1/1' }])
    await expect(run({ shard: '3/2' })).resolves.toMatchObject({ code: 2 })
  })

  it('runs the thorough stage when it is asked to', async () => {
    const filter = 'thorough/size/f32/0002'
    await expect(run({ filter })).resolves.toMatchObject({ code: 2 })
    const { code, out, files } = await run({ filter, thorough: true, json: 'a.json' })
    expect(code).toBe(0)
    expect(out).toContain('with the thorough stage')
    expect(JSON.parse(files['a.json']!)).toMatchObject({ thorough: true, totals: { passed: 1 } })
  })
})

describe('a question that a session cannot be asked', () => {
  it('is no case that passed, and the result says why', async () => {
    const ids = ['option/rateSet/f32/0001']
    const whole = coreTarget('reference')
    const without: ConformanceTarget = {
      ...whole,
      async create(...given) {
        const shown = Object.entries(await whole.create(...given))
        return Object.fromEntries(shown.filter(([name]) => !/learningRate/i.test(name))) as unknown as Session
      },
    }
    const { totals, cases: results } = await runConformance(without, { filter: ids })
    expect(totals).toEqual({ passed: 0, failed: 0, 'not-supported-as-declared': 1 })
    expect(results[0]!.message).toBe('the session does not show its learning rate')
    expect((await runConformance(whole, { filter: ids })).totals.passed).toBe(1)
  })
})

describe('a shard', () => {
  it('is one of parts that are the suite together, each of every family', () => {
    const whole = selectCases().map(({ id }) => id)
    const parts = [1, 2, 3, 4].map((k) => selectCases(undefined, false, `${k}/4`).map(({ id }) => id))
    expect(parts.flat().sort()).toEqual([...whole].sort())
    for (const part of parts) {
      expect(Math.abs(part.length / whole.length - 1 / 4)).toBeLessThan(0.03)
      const families = (ids: readonly string[]) => new Set(ids.map((id) => id.split('/')[0]))
      expect(families(part)).toEqual(families(whole))
    }
    expect(selectCases('step/', false, '1/1')).toEqual(selectCases('step/'))
  })

  it.each(['0/2', '3/2', '1', '1/2/3', '-1/2', 'a/b', '01/2'])('is refused: %s', (shard) => {
    expect(() => selectCases(undefined, false, shard)).toThrow(`a shard is k/n, such as 2/3`)
  })

  it('is refused where it has no case', () => {
    const filled = [1, 2].filter((k) => {
      try {
        return selectCases(['step/sgd/f64/0001'], false, `${k}/2`).length === 1
      } catch (error) {
        expect(error).toMatchObject({
          message: expect.stringMatching(/^no case is in shard [12]\/2 of 1 cases$/),
        })
        return false
      }
    })
    expect(filled).toHaveLength(1)
  })
})

describe('the thorough stage', () => {
  it('is no part of the suite, and its ids stay', () => {
    expect(selectCases().some(({ id }) => id.startsWith('thorough/'))).toBe(false)
    expect(selectCases(undefined, true)).toHaveLength(selectCases().length + thoroughCases.length)
    const of = (kind: string, dtype: string, ns: readonly string[]) =>
      ns.map((n) => `thorough/${kind}/${dtype}/00${n}`)
    expect(thoroughCases.map(({ id }) => id)).toEqual([
      ...['f32', 'f64'].flatMap((dtype) => of('size', dtype, ['01', '02', '11', '12', '21', '22'])),
      ...of('length', 'f32', ['02', '12', '22']),
      ...of('length', 'f64', ['01', '02', '11', '12', '21', '22']),
    ])
  })
})
