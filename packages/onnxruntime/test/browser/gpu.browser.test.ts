import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { openGpuTab, type GpuTab } from '../../../core/test/browser/gpuTab.js'
import type { Page } from './gpuPage.js'
import { networks, problemOf } from './gpuProblems.js'

// Sessions on WebGPU, where SwiftShader computes in place of a GPU, beside sessions on the CPU in the same page.

let tab: GpuTab<Page>
beforeAll(async () => {
  const dist = fileURLToPath(new URL('../../../../node_modules/onnxruntime-web/dist/', import.meta.url))
  tab = await openGpuTab(fileURLToPath(new URL('gpuPage.ts', import.meta.url)), { '/ort/': dist })
})
afterAll(() => tab.close())

const furthest = (a: readonly number[], b: readonly number[]): number =>
  Math.max(...a.map((x, i) => Math.abs(x - b[i]!)))

describe.each(Object.keys(networks) as (keyof typeof networks)[])('%s', (name) => {
  it.each([false, true])('trains as on the CPU, captured: %s', async (capture) => {
    const result = await tab.call('both', await problemOf(name, 20), capture)
    process.stderr.write(JSON.stringify({ name, capture, loss: furthest(result.losses, result.expected), par: furthest(...(result.parameters as [number[], number[]])), read: result.read, living: result.living, cap: result.capture, nan: result.keepsNaN, r: result.report, h: result.hostReport, e: result.evaluated }) + "\n")
    expect(tab.problems.splice(0)).toEqual([])
  })
})
