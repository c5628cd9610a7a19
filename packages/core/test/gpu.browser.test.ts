import { fileURLToPath } from 'node:url'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import type { StepReport } from '@induced-metric/core'
import type { Name, Page } from './browser/gpuPage.js'
import { openGpuTab, type GpuTab } from './browser/gpuTab.js'

// What the kernels compute, beside the optimiser on arrays.

let tab: GpuTab<Page>
beforeAll(async () => {
  tab = await openGpuTab(fileURLToPath(new URL('browser/gpuPage.ts', import.meta.url)))
})
afterAll(() => tab.close())
afterEach(() => expect(tab.problems.splice(0)).toEqual([]))

const names: Name[] = ['adam', 'scheduled', 'muon', 'floor', 'free', 'shampoo', 'accumulated']

describe.each(names)('%s', (name) => {
  it('skips batches with a NaN as the host does that sees them at once', async () => {
    const { distance, reports } = await tab.call('skipped', name)
    const [ours, theirs] = reports as [StepReport, StepReport]
    expect(distance).toBeLessThan(1e-6)
    const { step, skipped, skippedSteps, learningRate, loss } = theirs
    expect(ours).toMatchObject({ step, skipped, skippedSteps, learningRate, loss })
    expect(ours.xi).toBe(theirs.xi)
    expect(ours.metric).toBeCloseTo(theirs.metric, 4)
  })

  it('goes on from a checkpoint of arrays, and arrays from its own', async () => {
    for (const distance of await tab.call('resumed', name)) expect(distance).toBeLessThan(1e-6)
  })
})

it('does the work of every third step in every third one that is taken', async () => {
  expect(await tab.call('skippedWork')).toBe(0)
})

it.each(['floor', 'muon', 'free'] as const)('exchanges weights and averages: %s', async (name) => {
  const [within, after, apart] = await tab.call('averages', name)
  expect(within).toBeLessThan(1e-6)
  expect(after).toBeLessThan(1e-6)
  expect(apart).toBeGreaterThan(1e-4)
})

it('writes nothing that another kernel of the step still reads', async () => {
  for (const distance of await tab.call('unusual')) expect(distance).toBeLessThan(1e-5)
})

it('keeps copies in half precision up to date', async () => {
  for (const error of await tab.call('halves')) expect(error).toBeLessThan(2 ** -11)
})

it('throws what a step has to throw when it reports, and has changed nothing', async () => {
  expect(await tab.call('thrown')).toEqual({
    codes: ['ERR_NON_FINITE', 'ERR_BAD_LOSS', 'ERR_NON_FINITE'],
    moved: 0,
    report: { step: 1, skippedSteps: 0, loss: 1 },
  })
})

it('holds as many buffers after 2,000 steps as after 200, and none in the end', async () => {
  const { during, before, after } = await tab.call('memory')
  expect(during).toEqual(during.map(() => during[0]))
  expect(after).toBe(before)
})
