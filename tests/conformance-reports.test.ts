import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { allCapabilities, cases, casesVersion, type ConformanceReport } from '@induced-metric/conformance'
import { describe, expect, it } from 'vitest'
import { adapterPackages } from '../scripts/adapters.js'
import {
  listingProblems,
  matrixPage,
  pages,
  readSummaries,
  renderMatrix,
  renderPage,
  renderTable,
  replaceTable,
  summarize,
} from '../scripts/conformance-reports.js'
import { readManifest, root, workspaces } from '../scripts/workspace.js'

const again = 'run `npm run docs:table`'
const summaries = readSummaries()

describe('the table of adapters', () => {
  it.each(pages)('in %s is what the reports in docs/conformance say', (page) => {
    const text = readFileSync(join(root, page), 'utf8')
    expect(renderPage(text, page, summaries), again).toBe(text)
  })

  it.each(
    summaries.map(
      ({ manifest, ...rest }) => [`${manifest.name} ${manifest.backend}`, { manifest, ...rest }] as const,
    ),
  )('has a report of %s of this suite, and without a failure', (_, { manifest, version, totals }) => {
    expect(version, again).toBe(casesVersion)
    expect(totals.passed + totals['not-supported-as-declared'], again).toBe(cases.length)
    expect(totals.failed).toBe(0)
    const home = workspaces().find(({ manifest: { name } }) => name === manifest.name)
    if (home) expect(manifest.version, again).toBe(readManifest(home.folder).version)
  })

  it('is shown with what each adapter declares', () => {
    expect(pages).toContain(matrixPage)
  })

  it('shows the engines of the core and every backend of TensorFlow.js, jax-js and onnxruntime', () => {
    const names = summaries.map(({ manifest: { name, backend } }) => `${name} ${backend}`)
    const engines = ['reference', 'wasm', 'webgpu'].map((engine) => `@induced-metric/core ${engine}`)
    const tfjs = ['cpu', 'wasm', 'webgl', 'webgl, operations', 'webgpu', 'webgpu, operations']
    const backends = tfjs.map((backend) => `@induced-metric/tfjs ${backend}`)
    const jax = ['cpu', 'wasm', 'webgl'].map((backend) => `@induced-metric/jax-js ${backend}`)
    const onnxruntime = ['cpu', 'wasm', 'webgpu'].map((backend) => `@induced-metric/onnxruntime ${backend}`)
    expect(names).toEqual(expect.arrayContaining([...engines, ...backends, ...jax, ...onnxruntime]))
  })
})

describe('a summary', () => {
  const report: ConformanceReport = {
    format: 'induced-metric-conformance',
    version: 3,
    manifest: {
      name: 'x', version: '1.2.3', dtypes: ['float32'], arithmetic: {},
      capabilities: allCapabilities.filter((name) => name !== 'groups'),
    }, // prettier-ignore
    seed: 1,
    totals: { passed: 2, failed: 1, 'not-supported-as-declared': 4 },
    cases: [],
  }
  it('keeps all but the single cases', () => {
    const summary = summarize(report)
    const { version, manifest, seed, totals } = report
    expect(summary).toEqual({ version, manifest, seed, totals })
    expect(renderTable([summary], 'README.md').split('\n').at(-1)).toBe(
      '| x 1.2.3 |  |  | float32 | 2 | 4 | 1 | `float64` `groups` |',
    )
  })
  it('is a column of the matrix, with a row for all that can be declared', () => {
    const rows = renderMatrix([summarize(report)]).split('\n')
    expect(rows).toHaveLength(2 + 5 + 2 + allCapabilities.length)
    expect(rows.slice(0, 9)).toEqual([
      '|  | x |', '| --- | --- |', '| framework |  |', '| backend |  |', '| adapter | 1.2.3 |', '| suite | 3 |',
      '| failed | 1 |', '| `float32` | ✓ |', '| `float64` | – |',
    ]) // prettier-ignore
    expect(rows).toContain('| `groups` | – |')
    expect(rows).toContain('| `base/adam` | ✓ |')
  })
  it('is not made of a part of the suite', () => {
    expect(() => summarize({ ...report, filter: 'step/' })).toThrow('step/')
  })
  it('is not made of a manifest that is not filled in', () => {
    const manifest = { ...report.manifest, framework: { name: 'x', version: 'FILL IN' } }
    expect(() => summarize({ ...report, manifest })).toThrow(/manifest of x .* version of the framework/)
  })
  it('is not made of a report with the thorough stage', () => {
    expect(() => summarize({ ...report, thorough: true })).toThrow('thorough')
  })
  it('names the limits of the framework among what is left out', () => {
    const manifest = { ...report.manifest, limits: ['emptyTensors' as const] }
    expect(renderTable([summarize({ ...report, manifest })], 'README.md')).toMatch(
      /`groups` `emptyTensors` \|$/,
    )
  })
  it('is written of no adapter whose page or manifest is unfinished', () => {
    const finished = { name: '@induced-metric/x', peerDependencies: { x: '^1.0.0' } }
    expect(listingProblems(finished, '# x\n')).toEqual([])
    expect(listingProblems({ name: '@induced-metric/x' }, '*To be written: measured.*')).toEqual([
      expect.stringContaining('packages/x/package.json has no peerDependencies'),
      'docs/adapters/x.md says "To be written"',
    ])
    for (const { folder, manifest } of adapterPackages()) {
      const file = join(root, 'docs/adapters', `${folder.split('/').at(-1)}.md`)
      expect(listingProblems(manifest, existsSync(file) ? readFileSync(file, 'utf8') : '')).toEqual([])
    }
  })
  it('goes between the markers, and a page without them is an error', () => {
    const page = 'a\n<!-- conformance table -->\nold\n<!-- end of the conformance table -->\nb\n'
    expect(replaceTable(page, 'table', 'new')).toBe(page.replace('old', 'new'))
    expect(() => replaceTable('nothing', 'table', 'new')).toThrow('conformance table')
    expect(() => replaceTable(page, 'matrix', 'new')).toThrow('conformance matrix')
  })
})
