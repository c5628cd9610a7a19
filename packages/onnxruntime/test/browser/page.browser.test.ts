import type { Browser, Page } from 'playwright-core'
import { adam, identity, inducedMetric } from '@induced-metric/core'
import * as ort from 'onnxruntime-node'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { launchChromium } from '../../../core/test/browser/chromium.js'
import { generateArtifacts } from '../../src/artifacts.js'
import { mlp } from '@induced-metric/onnx/models'
import { writeModel } from '@induced-metric/onnx/proto'
import { TrainingSession } from '../../src/session/trainingSession.js'
import { build } from '../build.js'
import { batchOf, batchSize, layers, smallArtifacts } from '../genuine/problem.js'
import { distance, parametersOf, take } from '../genuine/trainer.js'
import { serve } from './server.js'

// The same session in a page, on onnxruntime-web, without a bundler.

const page = `<!doctype html>
<meta charset="utf-8">
<script type="module">
import * as core from '/packages/core/dist/index.js'
import { createWorkerSession, TrainingSession } from '/packages/onnxruntime/dist/index.js'
import { generateArtifacts } from '/packages/onnxruntime/dist/artifacts.js'
const runtime = new URL('/node_modules/onnxruntime-web/dist/ort.wasm.min.mjs', location).href
const ort = await import(runtime)
ort.env.wasm.numThreads = 1

const bytes = (text) => Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0))
const text = (bytes) => btoa(String.fromCharCode(...bytes))
const release = []

window.create = async (artifacts, transformation, inWorker) => {
  const options = Object.fromEntries(Object.entries(artifacts).map(([key, value]) => [key, bytes(value)]))
  if (transformation) options.optimizer = core.fromJSON(transformation)
  window.session = inWorker
    ? await createWorkerSession({ ...options, ort: runtime })
    : await TrainingSession.create({ ...options, ort })
}
window.train = async (batches, dims) => {
  const losses = []
  for (const { input, labels } of batches) {
    const tensor = (type, data, dims) => new ort.Tensor(type, data, dims)
    const feeds = {
      input: tensor('float32', Float32Array.from(input), dims),
      labels: tensor('int64', BigInt64Array.from(labels, BigInt), [dims[0]]),
    }
    const { loss } = await session.runTrainStep(feeds)
    losses.push(loss.data[0])
    await session.runOptimizerStep()
    await session.lazyResetGrad()
  }
  return {
    losses,
    parameters: [...(await session.getContiguousParameters(true)).data],
    checkpoint: text(await session.saveCheckpoint()),
    step: session.report.step,
    inference: text(await session.exportModelForInference(['output'])),
  }
}
window.generate = async (model) => {
  const { trainModel, checkpointState } = await generateArtifacts(bytes(model), { loss: 'mse', ort })
  return [text(trainModel), text(checkpointState)]
}
window.refuse = async () => {
  try {
    await session.runTrainStep({})
  } catch (error) {
    return { own: error instanceof core.InducedMetricError, code: error.code }
  }
}
window.ready = true
</script>`

interface Trained {
  readonly losses: number[]
  readonly parameters: number[]
  readonly checkpoint: string
  readonly step: number
  readonly inference: string
}

interface Tools {
  create(artifacts: Record<string, string>, transformation: unknown, inWorker: boolean): Promise<void>
  train(batches: unknown, dims: readonly number[]): Promise<Trained>
  generate(model: string): Promise<[string, string]>
  refuse(): Promise<{ own: boolean; code: string }>
  session: { release(): Promise<void> }
}

let server: Awaited<ReturnType<typeof serve>>
let browser: Browser
let tab: Page
const problems: string[] = []

beforeAll(async () => {
  build()
  server = await serve(page)
  browser = await launchChromium()
  tab = await browser.newPage()
  tab.on('pageerror', (error) => problems.push(error.message))
  tab.on('console', (message) => {
    if (message.type() === 'error' && !message.text().includes('404')) problems.push(message.text())
  })
  await tab.goto(server.url)
  await tab.waitForFunction(() => 'ready' in globalThis)
})
afterAll(async () => {
  await browser.close()
  server.close()
})

const artifacts = await smallArtifacts()
const base64 = (bytes: Uint8Array): string => Buffer.from(bytes).toString('base64')
const sent = Object.fromEntries(
  Object.entries(artifacts).map(([key, bytes]) => [key, base64(bytes as Uint8Array)]),
)
const dims = [batchSize, layers[0]!]
const batches = (from: number, count: number) =>
  Array.from({ length: count }, (_, i) => {
    const { input, labels } = batchOf(from + i)
    return { input: [...input], labels: [...labels].map(Number) }
  })

async function inPage(
  transformation: unknown,
  inWorker: boolean,
  checkpointState = sent['checkpointState']!,
  from = 1,
): Promise<Trained> {
  await tab.evaluate(
    ([artifacts, transformation, inWorker]) =>
      (globalThis as unknown as Tools).create(artifacts, transformation, inWorker),
    [{ ...sent, checkpointState }, transformation, inWorker] as const,
  )
  const trained = await tab.evaluate(
    ([batches, dims]) => (globalThis as unknown as Tools).train(batches, dims),
    [batches(from, 5), dims] as const,
  )
  expect(await tab.evaluate(() => (globalThis as unknown as Tools).refuse())).toEqual({
    own: true,
    code: 'ERR_OPTION',
  })
  await tab.evaluate(() => (globalThis as unknown as Tools).session.release())
  return trained
}

const tensor = (type: string, data: unknown, dims: readonly number[]) =>
  new ort.Tensor(type as 'float32', data as Float32Array, dims)

const transformations = [
  ['what optimizer_model.onnx says', undefined],
  [
    'Adam with the induced metric',
    inducedMetric(adam(), { learningRate: 0.01, xi: 0.1, embedding: identity() }),
  ],
] as const

it.each([
  ...transformations.map(([title, optimizer]) => [title, 'the page itself', optimizer, false] as const),
  ...transformations.map(([title, optimizer]) => [title, 'a worker', optimizer, true] as const),
])('%s trains in %s as it does in Node, and hands over', async (_, __, optimizer, inWorker) => {
  const here = await TrainingSession.create({ ...artifacts, ...(optimizer && { optimizer }), ort })
  const losses = await take(here, tensor, 1, 5)
  const trained = await inPage(optimizer?.toJSON(), inWorker)
  expect(problems).toEqual([])
  expect(trained.step).toBe(5)
  expect(distance(trained.losses, losses)).toBeLessThan(1e-5)
  expect(distance(trained.parameters, await parametersOf(here))).toBeLessThan(1e-5)

  // From the page to Node, and back.
  const checkpointState = new Uint8Array(Buffer.from(trained.checkpoint, 'base64'))
  const resumed = await TrainingSession.create({
    ...artifacts,
    checkpointState,
    ...(optimizer && { optimizer }),
    ort,
  })
  const further = await take(resumed, tensor, 6, 5)
  const back = await inPage(optimizer?.toJSON(), inWorker, base64(await here.saveCheckpoint()), 6)
  expect(distance(back.losses, further)).toBeLessThan(1e-5)
  expect(distance(back.parameters, await parametersOf(resumed))).toBeLessThan(2e-5)

  const session = await ort.InferenceSession.create(Buffer.from(trained.inference, 'base64'))
  expect([session.inputNames, session.outputNames]).toEqual([['input'], ['output']])
  for (const one of [here, resumed, session]) await one.release()
})

it('generates the artifacts that it generates in Node', async () => {
  const model = writeModel(mlp({ sizes: [4, 6, 3], activation: 'gelu' }))
  const { trainModel, checkpointState } = await generateArtifacts(model, { loss: 'mse' })
  const made = await tab.evaluate((given) => (globalThis as unknown as Tools).generate(given), base64(model))
  expect(made).toEqual([base64(trainModel), base64(checkpointState)])
})
