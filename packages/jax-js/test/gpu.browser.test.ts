import { fileURLToPath } from 'node:url'
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest'
import { openGpuTab, type GpuTab } from '../../core/test/browser/gpuTab.js'
import type { Page } from './browser/page.js'

// SwiftShader computes in place of a GPU. Its WebGPU loses the device when jax-js reads an array at once, so a step on webgpu is only
// refused here, inside of jit.

let tab: GpuTab<Page>
beforeAll(async () => {
  tab = await openGpuTab(fileURLToPath(new URL('browser/page.ts', import.meta.url)))
})
afterAll(() => tab.close())
afterEach(() => expect(tab.problems.splice(0)).toEqual([]))

it('takes steps on webgl as on wasm', async () => {
  const expected = (await tab.call('train', 'wasm', 'itself')) as number[]
  expect(expected).toHaveLength(4)
  const found = (await tab.call('train', 'webgl', 'itself')) as number[]
  expected.forEach((value, i) => expect(found[i]).toBeCloseTo(value, 5))
})

it.each(['webgl', 'webgpu'] as const)('says inside of jit that %s has no float64', async (device) => {
  expect(await tab.call('train', device, 'jit')).toContain(`float64, which ${device} does not have`)
})
