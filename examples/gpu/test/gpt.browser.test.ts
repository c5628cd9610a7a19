import { fileURLToPath } from 'node:url'
import { readCheckpoint, type CheckpointState } from '@induced-metric/onnxruntime'
import * as ort from 'onnxruntime-node'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { openGpuTab, type GpuTab } from '../../../packages/core/test/browser/gpuTab.js'
import { dataFiles } from '../src/data/files.js'
import { gptNetwork } from '../src/networks/gpt.js'
import { train } from '../src/training/loop.js'
import { latestReport, openSession } from '../src/training/session.js'
import type { Page } from './browser/gptPage.js'

// The GPT on WebGPU, where SwiftShader computes in place of a GPU. It takes seconds for a batch of the page's size, so the batches here are
// smaller; the network is the same.

const size = { batch: 2, context: 16 }
const text = new TextDecoder().decode(await dataFiles['text.txt']())
const network = gptNetwork(text, size)

let tab: GpuTab<Page>
beforeAll(async () => {
  const dist = fileURLToPath(new URL('../../../node_modules/onnxruntime-web/dist/', import.meta.url))
  tab = await openGpuTab(fileURLToPath(new URL('browser/gptPage.ts', import.meta.url)), { '/ort/': dist })
})
afterAll(() => tab.close())

/** Trains in Node. Returns the losses. */
async function inNode(steps: number, checkpoint?: CheckpointState): Promise<number[]> {
  const session = await openSession(network, { device: 'cpu', ort }, checkpoint)
  if (checkpoint) expect((await latestReport(session))!.step).toBe(10)
  const losses: number[] = []
  for await (const { loss } of train(session, network, { ort, steps, interval: 0 })) losses.push(loss)
  await session.release()
  return losses
}

it('a GPT learns on WebGPU as in Node, and Node goes on from its checkpoint', async () => {
  const { losses, checkpoint } = await tab.call('trainGpt', text, size, 10)
  const mean = (values: readonly number[]): number => values.reduce((sum, x) => sum + x, 0) / values.length
  expect(mean(losses.slice(-5))).toBeLessThan(mean(losses.slice(0, 5)) - 0.3)
  const further = await inNode(5, readCheckpoint(Buffer.from(checkpoint, 'base64')))
  const expected = await inNode(15)
  for (const [step, loss] of [...losses, ...further].entries())
    expect(Math.abs(loss - expected[step]!), `step ${step + 1}`).toBeLessThan(1e-4)
  expect(tab.problems).toEqual([])
})
