import { fileURLToPath } from 'node:url'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { sampleOfToday } from '../../conformance/test/browser/sample.js'
import { reports, wholeReport } from '../../conformance/test/browser/wholeReport.js'
import { hardware } from '../../core/test/browser/chromium.js'
import { openGpuTab, type GpuTab } from '../../core/test/browser/gpuTab.js'
import type { Page } from './browser/page.js'

// SwiftShader computes in place of a GPU. Its WebGPU loses the device when jax-js reads an array at once, so the tests there take steps
// inside of jit, where nothing is read.

let tab: GpuTab<Page>
beforeAll(async () => {
  tab = await openGpuTab(fileURLToPath(new URL('browser/page.ts', import.meta.url)))
})
afterAll(() => tab.close())
afterEach(() => expect(tab.problems.splice(0)).toEqual([]))

function expectClose(found: readonly number[], expected: readonly number[], tolerance: number): void {
  expect(found).toHaveLength(expected.length)
  const distance = Math.hypot(...expected.map((value, i) => value - found[i]!))
  expect(distance).toBeLessThanOrEqual(tolerance * Math.hypot(...expected))
}

it.each(hardware ? (['webgl', 'webgpu'] as const) : (['webgl'] as const))(
  'passes the conformance suite on %s',
  async (device) => {
    const run = (ids: readonly string[]) => tab.call('conformance', device, ids)
    const report = await (reports === undefined
      ? run(sampleOfToday(80))
      : wholeReport(reports, `jax-js-${device}`, run))
    const failed = report.cases.filter(({ status }) => status === 'failed')
    expect(failed.map(({ id, message }) => `${id}: ${message}`)).toEqual([])
    expect(report.totals.passed).toBeGreaterThan(reports === undefined ? 3 : 1900)
  },
  7_200_000,
)

it('takes steps on webgl as on wasm', async () => {
  const name = 'adam, log and weight decay'
  const expected = await tab.call('train', 'wasm', name, 'itself')
  const found = await tab.call('train', 'webgl', name, 'itself')
  expected.values.forEach((values, i) => expectClose(found.values[i]!, values, 1e-5))
})

/** A sample for webgl, whose shaders SwiftShader takes longer to compile, and what together has most that a step can have. */
const names = {
  webgl: ['adam, log and weight decay', 'muon, a floor that follows, averaged weights'],
  webgpu: [
    'adam, log and weight decay',
    'heavyBall, clipped',
    'lion, a metric for each parameter',
    'muon, a floor that follows, averaged weights',
    'groups, clipped each',
    'adam, accumulated',
  ],
} as const

describe.each(['webgl', 'webgpu'] as const)('inside of jit on %s', (device) => {
  it.each(names[device])('%s is what it is on wasm', async (name) => {
    const expected = await tab.call('train', 'wasm', name, 'itself')
    const found = await tab.call('train', device, name, 'jit')
    const tolerance = name.startsWith('muon') ? 2e-4 : 1e-5
    expected.values.forEach((values, i) => expectClose(found.values[i]!, values, tolerance))
    expectClose(found.numbers, expected.numbers, tolerance)
  })

  it('refuses float64, which the device does not have', async () => {
    expect(await tab.call('doubles', device)).toBe('ERR_NOT_SUPPORTED')
  })

  it('skips what must be skipped, and leaves no trace of it', async () => {
    expect(await tab.call('refused', device)).toEqual({ same: Array(5).fill(true), skipped: 5, distance: 0 })
  })
})

it('refuses on webgpu in software what reads at once, and saves from wasm what was trained there', async () => {
  const { codes, steps, distance } = await tab.call('moved')
  expect(codes).toEqual(Array(3).fill(hardware ? 'done' : 'ERR_NOT_SUPPORTED'))
  expect(steps).toBe(2)
  expect(distance).toBeLessThan(1e-6)
})
