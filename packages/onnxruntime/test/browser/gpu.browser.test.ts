import { fileURLToPath } from 'node:url'
import { adam, inducedMetric, log } from '@induced-metric/core'
import * as ort from 'onnxruntime-node'
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest'
import { sampleOfToday } from '../../../conformance/test/browser/sample.js'
import { reports, wholeReport } from '../../../conformance/test/browser/wholeReport.js'
import { openGpuTab, type GpuTab } from '../../../core/test/browser/gpuTab.js'
import { TrainingSession } from '../../src/index.js'
import type { Page, Problem } from './gpuPage.js'
import { artifactsOf, batchesOf, problemOf, withNaN } from './gpuProblems.js'

// Sessions on WebGPU, where SwiftShader computes in place of a GPU, beside sessions on the CPU in the same page.

let tab: GpuTab<Page>
beforeAll(async () => {
  const dist = fileURLToPath(new URL('../../../../node_modules/onnxruntime-web/dist/', import.meta.url))
  tab = await openGpuTab(fileURLToPath(new URL('gpuPage.ts', import.meta.url)), { '/ort/': dist })
})
afterAll(() => tab.close())
afterEach(() => expect(tab.problems.splice(0)).toEqual([]))

it('passes the conformance suite', async () => {
  const run = (ids: readonly string[]) => tab.call('conformance', ids)
  const report = await (reports === undefined
    ? run(sampleOfToday(60))
    : wholeReport(reports, 'onnxruntime-webgpu', run))
  const failed = report.cases.filter(({ status }) => status === 'failed')
  expect(failed.map(({ id, message }) => `${id}: ${message}`)).toEqual([])
  expect(report.totals.passed).toBeGreaterThan(reports === undefined ? 3 : 1900)
}, 7_200_000)

it.each(['mlp', 'lenet', 'gpt', 'adapters'] as const)(
  '%s: trains as on the CPU, and reads nothing',
  async (name) => {
    const [plain, captured] = await tab.call('compared', await problemOf(name, 20))
    for (const result of [plain!, captured!]) {
      expect(result.losses).toBeLessThan(1.5e-6)
      expect(result.evaluated).toBeLessThan(5e-6)
      expect(result.metric).toBeCloseTo(1, 4)
      expect(result).toMatchObject({ step: 20, read: 0 })
      // As many buffers at the end as after the first steps.
      expect(result.living.slice(5)).toEqual(result.living.slice(5).map(() => result.living.at(-1)))
    }
    expect([plain!.capture, captured!.capture]).toEqual([{ state: 'off' }, { state: 'on' }])
  },
)

it.each(['mlp', 'lenet'] as const)(
  '%s: skips batches with a NaN as a session that sees them at once',
  async (name) => {
    const result = await tab.call('skipped', withNaN(await problemOf(name, 5), [1, 2, 4]))
    expect(result).toMatchObject({ counts: [2, 3], expected: [2, 3], keepsNaN: true })
    expect(result.apart).toBeLessThan(1e-6)
  },
)

it('adds up gradients over batches of two sizes, and moves running statistics', async () => {
  const { apart, gradients, loss } = await tab.call('accumulated', await problemOf('sizes', 8))
  expect(apart).toBeLessThan(3e-6)
  expect(gradients).toBeLessThan(3e-6)
  expect(loss).toBeLessThan(3e-6)
})

const transformation = inducedMetric(adam(), { learningRate: 0.01, embedding: log() })

async function inNode(checkpointState: Uint8Array, first: number, count: number) {
  const { trainModel, evalModel } = await artifactsOf('mlp')
  const options = { trainModel, evalModel, checkpointState, optimizer: transformation, ort }
  const session = await TrainingSession.create(options)
  const losses: number[] = []
  for (const batch of batchesOf('mlp', count, first)) {
    const { input, labels } = batch
    const { loss } = await session.runTrainStep({
      input: new ort.Tensor('float32', Float32Array.from(input!.data), input!.dims),
      labels: new ort.Tensor('int64', BigInt64Array.from(labels!.data, BigInt), labels!.dims),
    })
    losses.push((loss!.data as Float32Array)[0]!)
    await session.runOptimizerStep()
    await session.lazyResetGrad()
  }
  const checkpoint = await session.saveCheckpoint()
  await session.release()
  return { losses, checkpoint }
}

it('goes on in Node from its checkpoint, and from one of Node', async () => {
  const json = transformation.toJSON()
  const problem = (first: number, checkpoint?: Uint8Array): Promise<Problem> =>
    problemOf('mlp', 5, { first, transformation: json, ...(checkpoint && { checkpoint }) })
  const there = await tab.call('resumed', await problem(0))
  const { checkpointState } = await artifactsOf('mlp')
  const here = await inNode(checkpointState, 0, 5)
  const fromThere = await inNode(Buffer.from(there.checkpoint, 'base64'), 5, 5)
  const fromHere = await tab.call('resumed', await problem(5, here.checkpoint))
  const pairs = [
    [there.losses, here.losses],
    [fromHere.losses, fromThere.losses],
  ] as const
  for (const [a, b] of pairs) a.forEach((loss, i) => expect(Math.abs(loss - b[i]!)).toBeLessThan(1e-6))
  expect(there.model).toBeGreaterThan(1000)
})

it('gives averages, parameters, rates and properties as a session on the CPU', async () => {
  const averaging = inducedMetric(adam(), { learningRate: 0.05, averageWeights: { ema: 0.8 } }).toJSON()
  const { averages, own, ...held } = await tab.call(
    'held',
    await problemOf('mlp', 4, { transformation: averaging }),
  )
  expect(averages[0]).toBeCloseTo(averages[1]!, 5)
  expect(own[0]).toBeCloseTo(own[1]!, 5)
  expect(Math.abs(averages[0]! - own[0]!)).toBeGreaterThan(1e-4)
  expect(held).toMatchObject({ frozen: 0, loaded: 0, rate: 0.25, epoch: 3, few: { code: 'ERR_SHAPE' } })
})

it('frees everything: ten sessions leave as many buffers as one', async () => {
  const living = await tab.call('cycles', await problemOf('mlp', 2), 10)
  expect(living).toEqual(living.map(() => living[0]))
})

it('drops half of the elements, others at every step, and the same for the same seed', async () => {
  const [first, second] = await tab.call('dropped', await problemOf('dropping', 4))
  expect(first).toEqual(second)
  expect(new Set(first).size).toBe(4)
  // The mean square of 0 and 2, over 4096 elements, of which the deviation is 0.03.
  expect(Math.abs(first![0]! - 2)).toBeLessThan(0.2)
})

it('compares its first step with the CPU, and refuses a device on which it differs', async () => {
  const problems = [await problemOf('mlp', 1), await problemOf('dropping', 1)] as const
  const { taken, step, refused, after, random, left } = await tab.call('firstSteps', ...problems)
  expect([taken.code, step]).toEqual(['none', 1])
  expect(refused.code).toBe('ERR_NOT_SUPPORTED')
  expect(refused.message).toMatch(/the (loss|gradient of .*) as .* on this device, and as .* on the CPU/)
  expect([after.code, random.code, left]).toEqual(['ERR_DISPOSED', 'ERR_NOT_SUPPORTED', 0])
})

it('refuses what it cannot do, before anything runs, and says what to do', async () => {
  const errors = await tab.call('refusals', await problemOf('mlp', 1), await problemOf('rounded', 1))
  expect(errors).toMatchObject({
    extents: { code: 'ERR_OPTION', message: expect.stringContaining('{ batch: 32 }') as string },
    axis: { code: 'ERR_OPTION', message: expect.stringContaining('"rows"') as string },
    kernel: {
      code: 'ERR_NOT_SUPPORTED',
      message: expect.stringMatching(/operator Round .*no kernel/) as string,
    },
    shape: { code: 'ERR_SHAPE', message: expect.stringContaining('input [7, 12]') as string },
    labels: { code: 'ERR_OPTION', message: expect.stringContaining('label 99') as string },
    data: { code: 'ERR_OPTION', message: expect.stringContaining('getData()') as string },
    frozen: { code: 'ERR_OPTION' },
    released: { code: 'ERR_DISPOSED' },
  })
  // The runtime writes on the console about the session that it refuses.
  tab.problems.splice(0)
})

it('throws what a step was refused for when it reports, and has changed nothing', async () => {
  const strict = inducedMetric(adam(), { learningRate: 0.01, onNonFinite: 'throw' }).toJSON()
  const problem = withNaN(await problemOf('mlp', 1, { transformation: strict }), [0])
  expect(await tab.call('thrown', problem)).toEqual({ code: 'ERR_NON_FINITE', moved: 0 })
})

it('says when the device is lost', async () => {
  const error = await tab.call('lost', await problemOf('mlp', 1))
  expect(error.code).toBe('ERR_DISPOSED')
  tab.problems.splice(0)
})
