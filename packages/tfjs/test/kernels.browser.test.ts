import { fileURLToPath } from 'node:url'
import { selectCases } from '@induced-metric/conformance'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { reports, wholeReport } from '../../conformance/test/browser/wholeReport.js'
import { openGpuTab, type GpuTab } from '../../core/test/browser/gpuTab.js'
import type { KernelPage } from './browser/kernelPage.js'

// The core's kernels on the backends of TensorFlow.js, computed by SwiftShader. It takes long to compile them, so these tests ask a
// sample of the suite, unless CONFORMANCE_REPORTS asks for the whole.

/** Few of the cases, and of few bases: each compiles kernels of its own. */
function sample(): string[] {
  const kinds = /^(?:step\/(?:adam|sgd)|edge\/skip|option\/groups)\/f32\/000[12]$|^edge\/shape\/f32\/000[15]$/
  return selectCases(kinds).map(({ id }) => id)
}

/** The most launches of a step of Adam on 6 variables, and on 100. */
const most = { webgpu: [4, 52], webgl: [59, 734] } as const

describe.each(Object.keys(most) as (keyof typeof most)[])('kernels on %s', (engine) => {
  let tab: GpuTab<KernelPage>
  beforeAll(async () => {
    tab = await openGpuTab(fileURLToPath(new URL('browser/kernelPage.ts', import.meta.url)))
    expect(await tab.call('start', engine)).toBe(engine)
  })
  afterAll(() => tab.close())
  afterEach(() => expect(tab.problems.splice(0)).toEqual([]))

  it('pass the conformance suite', async () => {
    const run = (ids: readonly string[]) => tab.call('conformance', 'auto', ids)
    const report = await (reports === undefined ? run(sample()) : wholeReport(reports, `tfjs-${engine}`, run))
    const failed = report.cases.filter(({ status }) => status === 'failed')
    expect(failed.map(({ id, message }) => `${id}: ${message}`)).toEqual([])
    expect(report.totals.passed).toBeGreaterThan(reports === undefined ? 9 : 1900)
  }, 4_800_000)

  it('take few launches, and read nothing back', async () => {
    const found = [await tab.call('launches', engine, 6), await tab.call('launches', engine, 100)]
    expect(found.map(({ reads }) => reads)).toEqual([0, 0])
    expect(found.map(({ launches }) => launches)).toEqual(most[engine])
    expect((await tab.call('launches', 'ops', 6)).launches).toBeGreaterThan(100)
  })

  it('skip what must be skipped as if it had never been asked for', async () => {
    const { distance, same, report } = await tab.call('refused', engine)
    expect(same).toBe(true)
    expect(distance).toBeLessThan(1e-6)
    expect(report).toMatchObject({ step: 5, skippedSteps: 8, skipped: false })
  })

  it('train sets of variables by turns', async () => {
    const { distance, steps, report } = await tab.call('byTurns', engine)
    expect(distance).toBeLessThan(1e-6)
    expect(steps).toEqual([4, 3, 4])
    expect(report).toMatchObject({ step: 7, skippedSteps: 7, skipped: true })
  })

  it('go on from the checkpoints of operations, and these from theirs', async () => {
    for (const [first, second] of [
      ['ops', engine],
      [engine, 'ops'],
    ] as const) {
      const { distance, same, left } = await tab.call('handedOver', first, second)
      expect([first, same, left]).toEqual([first, true, 0])
      expect(distance).toBeLessThan(1e-6)
    }
  })

  it('give the state to operations when a variable joins that they cannot update', async () => {
    for (const looks of [true, false]) {
      const { distance, steps, report, left } = await tab.call('toOperations', looks)
      expect(steps).toEqual([4, 4, 2])
      expect(report).toMatchObject({ step: 4, skippedSteps: 4 })
      expect(left).toBe(0)
      // Operations count on the host, which learns of refused steps by a report.
      expect(distance).toBeLessThan(looks ? 1e-6 : 0.05)
    }
  })

  it('leave clones of a variable alone', async () => {
    expect(await tab.call('shared', engine)).toEqual({ clone: true, read: true })
  })

  it('are refused where they cannot be had', async () => {
    // Loops in a workgroup find the eigenvectors that it needs; programs of WebGL cannot.
    const outcome = engine === 'webgpu' ? 'taken' : 'the base shampoo'
    expect(await tab.call('withRoots', engine)).toContain(outcome)
    expect(await tab.call('forced', 'wasm')).toContain(`on the ${engine} backend`)
  })
})
