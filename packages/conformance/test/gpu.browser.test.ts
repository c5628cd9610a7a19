import { fileURLToPath } from 'node:url'
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest'
import { openGpuTab, type GpuTab } from '../../core/test/browser/gpuTab.js'
import type { Page } from './browser/gpuPage.js'
import { sampleOfToday } from './browser/sample.js'
import { reports, wholeReport } from './browser/wholeReport.js'

// The core's kernels on WebGPU, where SwiftShader computes in place of a GPU: slowly, so that only a sample of the suite is run,
// unless CONFORMANCE_REPORTS asks for the whole.

let tab: GpuTab<Page>
beforeAll(async () => {
  tab = await openGpuTab(fileURLToPath(new URL('browser/gpuPage.ts', import.meta.url)))
})
afterAll(() => tab.close())
afterEach(() => expect(tab.problems.splice(0)).toEqual([]))

it('passes the conformance suite', async () => {
  const run = (ids: readonly string[]) => tab.call('conformance', ids)
  const report = await (reports === undefined
    ? run(sampleOfToday(0))
    : wholeReport(reports, 'core-webgpu', run))
  const failed = report.cases.filter(({ status }) => status === 'failed')
  expect(failed.map(({ id, message }) => `${id}: ${message}`)).toEqual([])
  expect(report.totals.passed).toBeGreaterThan(reports === undefined ? 3 : 1900)
}, 2_400_000)

it('takes steps with everything in the algebra, and names what it cannot', async () => {
  const distances = await tab.call('algebra')
  for (const [name, found] of Object.entries(distances)) {
    // Normal numbers come from the host.
    if (name === 'noisy') expect([name, found]).toEqual([name, 'ERR_NOT_SUPPORTED'])
    else expect([name, Number(found) < 2e-5 ? 'near' : found]).toEqual([name, 'near'])
  }
})
