import type { OrtTensor } from '@induced-metric/onnx'
import { spawnSync } from 'node:child_process'
import { writeFile, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { adam, cosine, InducedMetricError, inducedMetric, log, sgd } from '@induced-metric/core'
import * as ort from 'onnxruntime-node'
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest'
import { generateArtifacts } from '../../src/artifacts.js'
import { mlp } from '@induced-metric/onnx/models'
import { TrainingSession } from '../../src/session/trainingSession.js'
import {
  createWorkerSession,
  type WorkerSession,
  type WorkerSessionOptions,
} from '../../src/worker/session.js'
import { build, here } from '../build.js'
import { batchOf, batchSize, layers, smallArtifacts } from '../genuine/problem.js'
import { parametersOf, take } from '../genuine/trainer.js'

// Threads are Node's own and run the build, without the conditions by which tests resolve packages.
vi.mock('node:worker_threads', async (original) => {
  const threads = await original<typeof import('node:worker_threads')>()
  class Worker extends threads.Worker {
    constructor(url: URL) {
      super(new URL(url.href.replace('/src/', '/dist/')), { execArgv: [] })
    }
  }
  return { ...threads, Worker }
})

let folder: string
const artifacts = await smallArtifacts()
const transformation = inducedMetric(adam(), {
  learningRate: cosine({ from: 0.02, to: 0.01, steps: 20 }),
  xi: 0.1,
  embedding: log(),
})
const sessions: { release(): Promise<void> }[] = []

beforeAll(async () => {
  build()
  folder = await mkdtemp(join(tmpdir(), 'induced-metric-worker-'))
})
afterAll(() => rm(folder, { recursive: true }))
afterEach(async () => {
  for (const session of sessions.splice(0)) await session.release()
})

async function inThread(options: Partial<WorkerSessionOptions> = {}): Promise<WorkerSession> {
  const session = await createWorkerSession({ ...artifacts, optimizer: transformation, ...options })
  sessions.push(session)
  return session
}

async function inProgram(): Promise<TrainingSession> {
  const session = await TrainingSession.create({ ...artifacts, optimizer: transformation, ort })
  sessions.push(session)
  return session
}

const plain = (type: string, data: OrtTensor['data'], dims: readonly number[]) => ({ type, data, dims })
const real = (type: string, data: unknown, dims: readonly number[]) =>
  new ort.Tensor(type as 'float32', data as Float32Array, dims)

const feedsOf = (step: number) => {
  const { input, labels } = batchOf(step)
  return {
    input: plain('float32', input, [batchSize, layers[0]!]),
    labels: plain('int64', labels, [batchSize]),
  }
}

/** The code and message of a rejected promise's error. */
async function failure(promise: Promise<unknown>): Promise<{ code: unknown; message: string; own: boolean }> {
  try {
    await promise
  } catch (error) {
    const { code, message } = error as InducedMetricError
    return { code, message, own: error instanceof InducedMetricError }
  }
  throw new Error('it did not fail')
}

describe('a session in a thread', () => {
  it('takes all that generateArtifacts returns', async () => {
    const generated = await generateArtifacts(mlp({ sizes: [4, 3] }), { loss: 'mse' })
    const session = await createWorkerSession({ ...generated, optimizer: transformation })
    sessions.push(session)
    const [, bias] = [...(await session.getParameters()).values()]
    expect(bias!.data).toEqual(generated.state.trainable[1]!.data)
  })

  it('does to the bit what one in the program does, from every method', async () => {
    const [there, here] = [await inThread(), await inProgram()]
    expect([there.trainingInputNames, there.trainingOutputNames]).toEqual([
      here.trainingInputNames,
      here.trainingOutputNames,
    ])
    expect([there.evalInputNames, there.evalOutputNames]).toEqual([here.evalInputNames, here.evalOutputNames])
    expect(await take(there, plain, 1, 4)).toEqual(await take(here, real, 1, 4))
    expect(there.report).toEqual(here.report)
    expect(await parametersOf(there)).toEqual(await parametersOf(here))
    expect(await there.getParametersSize(true)).toBe(await here.getParametersSize(true))
    expect(await there.getParameters()).toEqual(new Map(here.parameters))
    expect(await there.getGradients()).toEqual(new Map(here.gradients))
    expect(await there.saveCheckpoint()).toEqual(await here.saveCheckpoint())
    expect(await there.saveOptimizer()).toEqual(here.saveOptimizer())
    expect(await there.checkpointState()).toEqual(here.checkpointState())
    const names = ['output']
    expect(await there.exportModelForInference(names)).toEqual(await here.exportModelForInference(names))
    const { loss, output } = await there.runEvalStep(feedsOf(9))
    const { input, labels } = batchOf(9)
    const expected = await here.runEvalStep({
      input: real('float32', input, [batchSize, layers[0]!]),
      labels: real('int64', labels, [batchSize]),
    })
    expect([loss!.data, output!.data, output!.dims]).toEqual([
      expected['loss']!.data,
      expected['output']!.data,
      expected['output']!.dims,
    ])

    // State in.
    const values = Float32Array.from({ length: await here.getParametersSize(true) }, (_, i) => Math.sin(i))
    const bytes = new Uint8Array(values.buffer)
    await Promise.all([there.loadParametersBuffer(bytes), here.loadParametersBuffer(bytes)])
    expect(await parametersOf(there)).toEqual([...values])
    const saved = here.saveOptimizer()
    await there.loadOptimizer(saved)
    await there.setLearningRate(0.125)
    here.setLearningRate(0.125)
    expect(await there.getLearningRate()).toBe(0.125)
    await there.resetOptimizer()
    expect(there.report).toBeUndefined()
    expect(await there.getLearningRate()).toBe(0.02)
    await there.loadOptimizer(saved)
    await there.setLearningRate(0.125)
    await there.setProperty('note', 'seven')
    await there.setProperty('epoch', 7n)
    expect(await there.getProperties()).toEqual(
      new Map<string, string | bigint>([
        ['note', 'seven'],
        ['epoch', 7n],
      ]),
    )
    expect(await take(there, plain, 5, 2)).toEqual(await take(here, real, 5, 2))
    expect(there.report!.learningRate).toBe(0.125)
    await there.runTrainStep(feedsOf(1))
    const { step } = await there.runOptimizerStep({ frozen: new Set(['layer1/weight']) })
    expect(step).toBe(7)
    const unknown = await failure(there.runOptimizerStep({ loss: null }))
    expect(unknown).toMatchObject({ code: 'ERR_LOSS_REQUIRED' })
  })

  it('evaluates with averages as the session does', async () => {
    const optimizer = inducedMetric(adam(), { learningRate: 0.1, averageWeights: 8 })
    const there = await inThread({ optimizer })
    const here = await TrainingSession.create({ ...artifacts, optimizer, ort })
    sessions.push(here)
    await take(there, plain, 1, 3)
    await take(here, real, 1, 3)
    const own = await parametersOf(there)
    const averages = await here.withEvaluationWeights(() => parametersOf(here))
    expect(await there.withEvaluationWeights(() => parametersOf(there))).toEqual(averages)
    expect(averages).not.toEqual(own)
    expect(await parametersOf(there)).toEqual(own)
  })

  it('lets the program go on while it works', async () => {
    const session = await inThread()
    let turns = 0
    const timer = setInterval(() => turns++, 0)
    await take(session, plain, 1, 5)
    clearInterval(timer)
    expect(turns).toBeGreaterThan(0)
  })

  it('resumes from a checkpoint, given as bytes in the middle of a buffer, as contents, or as a path', async () => {
    const first = await inThread()
    await take(first, plain, 1, 3)
    const bytes = await first.saveCheckpoint()
    const wide = new Uint8Array(bytes.length + 100)
    wide.set(bytes, 50)
    const path = join(folder, 'checkpoint')
    await writeFile(path, bytes)
    const expected = await take(first, plain, 4, 2)
    for (const checkpointState of [
      wide.subarray(50, 50 + bytes.length),
      path,
      pathToFileURL(path),
      await (async () => {
        const session = await inThread({ checkpointState: bytes })
        return session.checkpointState()
      })(),
    ]) {
      const session = await inThread({ checkpointState })
      expect(await take(session, plain, 4, 2)).toEqual(expected)
    }
    expect(wide[50]).toBe(bytes[0])
  })

  it('copies feeds, or takes them where it may', async () => {
    const [copying, taking] = [await inThread(), await inThread({ transferFeeds: true })]
    const kept = feedsOf(1)
    const given = feedsOf(1)
    const part = { ...given, labels: { ...given.labels, data: new BigInt64Array(batchSize + 1).subarray(1) } }
    await copying.runTrainStep(kept)
    await taking.runTrainStep(part)
    expect([kept.input.data, kept.labels.data].map((data) => (data as Float32Array).length)).toEqual([
      batchSize * layers[0]!,
      batchSize,
    ])
    expect([part.input.data, part.labels.data].map((data) => (data as Float32Array).length)).toEqual([
      0,
      batchSize,
    ])
  })

  it('takes what cannot be sent from a module', async () => {
    const module = join(folder, 'options.mjs')
    const core = pathToFileURL(join(here, '../core/dist/index.js')).href
    await writeFile(
      module,
      `import { inducedMetric, sgd } from ${JSON.stringify(core)}
       export default () => ({ optimizer: inducedMetric(sgd(), { learningRate: (step) => step / 64 }) })`,
    )
    const { optimizer: _, ...rest } = { ...artifacts, optimizer: undefined }
    const session = await createWorkerSession({ ...rest, module: pathToFileURL(module) })
    sessions.push(session)
    await take(session, plain, 1, 3)
    expect(session.report!.learningRate).toBe(3 / 64)
  })
})

describe('errors', () => {
  it('cross with their codes', async () => {
    const session = await inThread()
    expect(await failure(session.runTrainStep({}))).toMatchObject({
      code: 'ERR_OPTION',
      own: true,
      message: expect.stringMatching(/^ERR_OPTION: runTrainStep: the input "input" is missing/),
    })
    const { input, labels } = feedsOf(1)
    expect(
      await failure(session.runTrainStep({ input, labels: { ...labels, dims: [1, batchSize] } })),
    ).toMatchObject({
      code: 'ERR_SHAPE',
      own: true,
    })
    const wrong = { ...labels, data: BigInt64Array.from(labels.data as BigInt64Array, () => -100n) }
    expect(await failure(session.runTrainStep({ input, labels: wrong }))).toMatchObject({
      code: 'ERR_OPTION',
      own: true,
      message: expect.stringMatching(/holds the label -100/),
    })
    expect(await failure(session.runTrainStep(7 as never))).toMatchObject({ code: 'ERR_OPTION', own: true })
    expect(await failure(session.loadOptimizer(new Uint8Array(3)))).toMatchObject({
      code: 'ERR_CHECKPOINT',
      own: true,
    })
    expect(await failure(session.setLearningRate(-1))).toMatchObject({ code: 'ERR_OPTION', own: true })
    // The session is unchanged.
    expect(await take(session, plain, 1, 1)).toHaveLength(1)
  })

  it('of making a session come out, and leave no thread', async () => {
    expect(await failure(inThread({ checkpointState: new Uint8Array(9) }))).toMatchObject({
      code: 'ERR_CHECKPOINT',
      own: true,
    })
    expect(await failure(inThread({ trainModel: join(folder, 'none.onnx') }))).toMatchObject({
      code: 'ERR_OPTION',
    })
    expect((await failure(inThread({ ort: 'no-such-runtime' }))).message).toMatch(/no-such-runtime/)
  })

  it('say what cannot be sent', async () => {
    const scheduled = inducedMetric(sgd(), { learningRate: (step) => 1 / step })
    expect(await failure(inThread({ optimizer: scheduled }))).toMatchObject({
      code: 'ERR_NOT_SUPPORTED',
      own: true,
    })
    const groupOf = { groupOf: () => 'a' } as Partial<WorkerSessionOptions>
    expect(await failure(inThread(groupOf))).toMatchObject({
      code: 'ERR_OPTION',
      message: expect.stringContaining('module'),
    })
  })

  it('of a session without an eval model are those of one in the program', async () => {
    const { evalModel: _, ...rest } = artifacts
    const session = await createWorkerSession({ ...rest, optimizer: transformation })
    sessions.push(session)
    expect(() => session.evalInputNames).toThrow(
      /^ERR_OPTION: evalInputNames: this session has no eval model/,
    )
    expect(await failure(session.runEvalStep(feedsOf(1)))).toMatchObject({ code: 'ERR_OPTION', own: true })
  })
})

describe('release', () => {
  it('waits for the calls before it, and refuses those after', async () => {
    const session = await inThread()
    const before = session.runTrainStep(feedsOf(1))
    const released = session.release()
    const after = failure(session.runTrainStep(feedsOf(2)))
    expect((await before)['loss']!.data).toHaveLength(1)
    await released
    await session.release()
    expect(await after).toMatchObject({ code: 'ERR_DISPOSED', own: true })
    expect(await failure(session.getParametersSize())).toMatchObject({ code: 'ERR_DISPOSED', own: true })
  })
})

describe('a thread', () => {
  it('that ends on its own fails the calls that wait for it, and those that come after', async () => {
    const module = join(folder, 'ends.mjs')
    await writeFile(
      module,
      `import { parentPort } from 'node:worker_threads'
       parentPort.on('message', ({ method }) => method === 'lazyResetGrad' && process.exit(3))
       export default {}`,
    )
    const session = await inThread({ module: pathToFileURL(module) })
    const waiting = [failure(session.lazyResetGrad()), failure(session.runOptimizerStep())]
    const after = waiting[0]!.then(() => failure(session.getParametersSize()))
    for (const { message } of await Promise.all([...waiting, after]))
      expect(message).toMatch(/ended with code 3/)
    await session.release()
  })

  it('that nothing is asked of lets the program end', async () => {
    const module = pathToFileURL(join(here, 'dist/worker/session.js')).href
    const files = Object.entries(artifacts).map(
      ([key, bytes]) => `${key}: bytes('${Buffer.from(bytes).toString('base64')}')`,
    )
    const program = `
      import { createWorkerSession } from ${JSON.stringify(module)}
      const bytes = (text) => new Uint8Array(Buffer.from(text, 'base64'))
      const session = await createWorkerSession({ ${files.join(', ')} })
      console.log(await session.getParametersSize())`
    const file = join(folder, 'program.mjs')
    await writeFile(file, program)
    const { stdout, stderr, status } = spawnSync(process.execPath, [file], {
      encoding: 'utf8',
      timeout: 60_000,
    })
    expect([stdout.trim(), stderr, status]).toEqual(['221', '', 0])
  })
})
