import { runConformance, type ConformanceReport } from '@induced-metric/conformance'
import { adam, fromJSON, inducedMetric, type GpuDevice, type TransformationJSON } from '@induced-metric/core'
import {
  createGpuSession,
  createOrtTensor,
  TrainingSession,
  type GpuSession,
  type GpuSessionOptions,
  type OrtValues,
} from '../../src/index.js'
import { onnxruntimeGpuTarget } from '../conformance/gpuTarget.js'
import { counts, ort, start } from './gpuRuntime.js'

// The functions of the page that the browser tests call. What they are given and give back can be serialised.

/** A tensor in the form in which it crosses to the page. */
export interface Sent {
  readonly type: 'float32' | 'int64'
  readonly dims: readonly number[]
  readonly data: readonly number[]
}

/** A problem: artifacts in base64, and batches. */
export interface Problem {
  readonly artifacts: Readonly<Record<'trainModel' | 'evalModel' | 'checkpointState', string>>
  readonly extents: GpuSessionOptions['extents']
  readonly transformation?: TransformationJSON
  readonly batches: readonly Readonly<Record<string, Sent>>[]
  readonly seed?: number
}

const bytes = (text: string): Uint8Array => Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0))
const base64 = (data: Uint8Array): string => {
  let text = ''
  for (const byte of data) text += String.fromCharCode(byte)
  return btoa(text)
}
const optionsOf = ({ artifacts, transformation }: Problem) => ({
  trainModel: bytes(artifacts.trainModel),
  evalModel: bytes(artifacts.evalModel),
  checkpointState: bytes(artifacts.checkpointState),
  optimizer: transformation ? fromJSON(transformation) : inducedMetric(adam(), { learningRate: 0.005 }),
  ort,
})

function feedsOf(batch: Problem['batches'][number]): OrtValues {
  return Object.fromEntries(
    Object.entries(batch).map(([name, { type, dims, data }]) => [
      name,
      createOrtTensor(
        ort,
        type,
        type === 'int64' ? BigInt64Array.from(data, BigInt) : Float32Array.from(data),
        dims,
      ),
    ]),
  )
}

async function createGpu(problem: Problem, capture = false): Promise<GpuSession> {
  const device = await start()
  const { extents, seed } = problem
  const own = { extents, capture, device, ...(seed !== undefined && { seed }) }
  return createGpuSession({ ...optionsOf(problem), ...own })
}

/** Trains on the device; gives the losses, and what was read and lived meanwhile. */
async function trainGpu(session: GpuSession, { batches }: Problem) {
  const losses: number[] = []
  const living: number[] = []
  let [read, steps] = [0, 0]
  for (const batch of batches) {
    const before = counts.bytes
    const { loss } = await session.runTrainStep(feedsOf(batch))
    await session.runOptimizerStep()
    await session.lazyResetGrad()
    // The first steps of a captured session are compared with ones that are not.
    if (steps++ > 2) read += counts.bytes - before
    losses.push(((await loss!.getData()) as Float32Array)[0]!)
    living.push(counts.living)
  }
  return { losses, read, living }
}

/** Takes an optimiser step after each `every` train steps. */
async function trainHost(problem: Problem, every = 1) {
  const session = await TrainingSession.create(optionsOf(problem), { executionProviders: ['wasm'] })
  const losses: number[] = []
  let steps = 0
  for (const batch of problem.batches) {
    const { loss } = await session.runTrainStep(feedsOf(batch))
    losses.push((loss!.data as Float32Array)[0]!)
    if (++steps % every !== 0) continue
    await session.runOptimizerStep()
    await session.lazyResetGrad()
  }
  return { session, losses }
}

const numbersOf = (values: { readonly data: unknown }): number[] => [...(values.data as Float32Array)]
const furthest = (a: readonly number[], b: readonly number[]): number =>
  Math.max(...a.map((x, i) => Math.abs(x - b[i]!)))

/** The largest difference of two sessions' parameters, running statistics among them. */
async function apart(a: GpuSession, b: TrainingSession): Promise<number> {
  const [x, y] = [await a.getContiguousParameters(false), await b.getContiguousParameters(false)]
  return furthest(numbersOf(x), numbersOf(y))
}

/** The code and the message of the error that a call gives. */
async function errorOf(call: () => Promise<unknown>): Promise<{ code: string; message: string }> {
  try {
    await call()
  } catch (error) {
    const { code, message } = error as { code: string; message: string }
    return { code, message }
  }
  return { code: 'none', message: '' }
}

const page = {
  /** Runs cases of the suite. */
  async conformance(ids: readonly string[]): Promise<ConformanceReport> {
    const given = { version: ort.env.versions.web, device: await start(), living: () => counts.own }
    return runConformance(onnxruntimeGpuTarget(ort, given), { filter: ids })
  },

  /** Trains on the CPU, on the device, and there captured. */
  async compared(problem: Problem) {
    const host = await trainHost(problem)
    const last = feedsOf(problem.batches.at(-1)!)
    const { loss: expected } = await host.session.runEvalStep(last)
    const compare = async (capture: boolean) => {
      const session = await createGpu(problem, capture)
      const { losses, read, living } = await trainGpu(session, problem)
      const { step, metric } = await session.sync()
      const { loss } = await session.runEvalStep(last)
      const result = {
        losses: furthest(losses, host.losses),
        evaluated: Math.abs(numbersOf(loss!)[0]! - numbersOf(expected!)[0]!),
        step,
        metric: metric / host.session.report.metric,
        read,
        living,
        capture: session.capture,
      }
      await session.release()
      return result
    }
    const results = [await compare(false), await compare(true)]
    await host.session.release()
    return results
  },

  /** Trains where some batches hold NaN: how far the parameters are from the host's, and both counts of skipped steps. */
  async skipped(problem: Problem) {
    const host = await trainHost(problem)
    const session = await createGpu(problem)
    await trainGpu(session, problem)
    const { step, skippedSteps } = await session.sync()
    const result = {
      apart: await apart(session, host.session),
      counts: [step, skippedSteps],
      expected: [host.session.report.step, host.session.report.skippedSteps],
      keepsNaN: session.keepsNaN,
    }
    await session.release()
    await host.session.release()
    return result
  },

  /** Adds up gradients of two train steps, of batches of different sizes. */
  async accumulated(problem: Problem) {
    const host = await trainHost(problem, 2)
    const session = await createGpu(problem)
    const reports: (number | null | undefined)[] = []
    let steps = 0
    for (const batch of problem.batches) {
      await session.runTrainStep(feedsOf(batch))
      if (++steps % 2 !== 0) continue
      reports.push((await session.runOptimizerStep({ report: true })).loss)
      await session.lazyResetGrad()
    }
    const gradients = [...(await session.getGradients()).values()].flatMap(numbersOf)
    const expected = [...host.session.gradients.values()].flatMap(numbersOf)
    const result = {
      apart: await apart(session, host.session),
      gradients: furthest(gradients, expected),
      loss: Math.abs(reports.at(-1)! - host.session.report.loss!),
    }
    await session.release()
    await host.session.release()
    return result
  },

  /** Sessions that compare their first step: one as it is, and one whose device is given other feeds than the CPU. */
  async firstSteps(problem: Problem, dropping: Problem) {
    const device = await start()
    const first = feedsOf(problem.batches[0]!)
    const make = (given = problem) =>
      createGpuSession({
        ...optionsOf(given),
        extents: given.extents,
        device,
        compareFirstStep: true,
      })
    const right = await make()
    const taken = await errorOf(() => right.runTrainStep(first))
    await right.runOptimizerStep()
    const { step } = await right.sync()
    await right.release()

    const before = counts.own
    const wrong = await make()
    const write = device.queue.writeBuffer.bind(device.queue)
    const size = (first['input']!.data as Float32Array).length
    device.queue.writeBuffer = (buffer, offset, data, ...rest) => {
      const isInput = data instanceof Float32Array && data.length === size
      write(buffer, offset, isInput ? data.map((x) => x + 0.01) : data, ...rest)
    }
    const refused = await errorOf(() => wrong.runTrainStep(first))
    device.queue.writeBuffer = write
    const after = await errorOf(() => wrong.runTrainStep(first))
    const random = await errorOf(() => make(dropping))
    return { taken, step, refused, after, random, left: counts.own - before }
  },

  /** Goes on from a checkpoint, and gives the losses and another one. */
  async resumed(problem: Problem) {
    const session = await createGpu(problem)
    const { losses } = await trainGpu(session, problem)
    const checkpoint = base64(await session.saveCheckpoint())
    const model = (await session.exportModelForInference(['output'])).length
    await session.release()
    return { losses, checkpoint, model }
  },

  /** Makes and releases sessions, and gives the number of buffers that live after each, without the runtime's own. */
  async cycles(problem: Problem, count: number) {
    const living: number[] = []
    for (let i = 0; i < count; i++) {
      const session = await createGpu(problem)
      await trainGpu(session, problem)
      await session.release()
      living.push(counts.own)
    }
    return living
  },

  /** The losses with dropout, of two sessions of one seed. */
  async dropped(problem: Problem) {
    const losses: number[][] = []
    for (let i = 0; i < 2; i++) {
      const session = await createGpu({ ...problem, seed: 7 }, i === 1)
      losses.push((await trainGpu(session, problem)).losses)
      await session.release()
    }
    return losses
  },

  /** What is refused, and with which words. */
  async refusals(problem: Problem, unsupported: Problem) {
    const [first] = problem.batches
    const session = await createGpu(problem)
    const cut = Object.fromEntries(
      Object.entries(first!).map(([name, { type, dims, data }]) => {
        const [rows, ...rest] = dims as [number, ...number[]]
        return [
          name,
          { type, dims: [rows - 1, ...rest], data: data.slice(0, ((rows - 1) * data.length) / rows) },
        ]
      }),
    )
    const wrong = Object.entries(first!).map(([name, { type, dims, data }]) => {
      return [name, { type, dims, data: type === 'int64' ? data.map(() => 99) : data }] as const
    })
    const { loss } = await session.runTrainStep(feedsOf(first!))
    const errors = {
      extents: await errorOf(() => createGpu({ ...problem, extents: {} })),
      axis: await errorOf(() => createGpu({ ...problem, extents: { batch: 8, rows: 2 } })),
      kernel: await errorOf(() => createGpu(unsupported)),
      shape: await errorOf(() => session.runTrainStep(feedsOf(cut))),
      labels: await errorOf(() => session.runTrainStep(feedsOf(Object.fromEntries(wrong)))),
      data: await errorOf(() => Promise.resolve().then(() => loss!.data)),
      frozen: await errorOf(() => session.runOptimizerStep({ frozen: ['none'] })),
    }
    await Promise.all([session.release(), session.release()])
    return { ...errors, released: await errorOf(() => session.sync()) }
  },

  /** What a session gives and takes apart from steps, beside one on the CPU. */
  async held(problem: Problem) {
    const host = await trainHost(problem)
    const session = await createGpu(problem)
    await trainGpu(session, problem)
    const last = feedsOf(problem.batches.at(-1)!)
    const lossOf = async (one: GpuSession | TrainingSession) =>
      numbersOf((await one.runEvalStep(last, ['loss']))['loss']!)[0]!
    const averages = [
      await session.withEvaluationWeights(() => lossOf(session)),
      await host.session.withEvaluationWeights(() => lossOf(host.session)),
    ]
    const own = [await lossOf(session), await lossOf(host.session)]
    await session.setLearningRate(0.25)
    const [name] = [...(await session.getParameters()).keys()]
    const before = (await session.getParameters()).get(name!)!.data
    await session.runTrainStep(last)
    await session.runOptimizerStep({ frozen: [name!] })
    const frozen = furthest(numbersOf((await session.getParameters()).get(name!)!), [
      ...(before as Float32Array),
    ])
    const values = Float32Array.from({ length: await session.getParametersSize() }, (_, i) => i / 8)
    await session.loadParametersBuffer(new Uint8Array(values.buffer))
    const loaded = furthest(numbersOf(await session.getContiguousParameters()), [...values])
    await session.setProperty('epoch', 3n)
    const result = {
      averages,
      own,
      frozen,
      loaded,
      rate: await session.getLearningRate(),
      epoch: Number((await session.getProperties()).get('epoch')),
      few: await errorOf(() => session.loadParametersBuffer(new Uint8Array(4))),
    }
    await session.release()
    await host.session.release()
    return result
  },

  /** Throws at the next report what a step was refused for, and nothing has changed. */
  async thrown(problem: Problem) {
    const session = await createGpu(problem)
    const before = numbersOf(await session.getContiguousParameters())
    await trainGpu(session, problem)
    const { code } = await errorOf(() => session.sync())
    const moved = furthest(numbersOf(await session.getContiguousParameters()), before)
    await session.release()
    return { code, moved }
  },

  /** Loses the device. */
  async lost(problem: Problem) {
    const session = await createGpu(problem)
    const device = (await start()) as GpuDevice & { destroy(): void }
    device.destroy()
    await device.lost
    return errorOf(() => session.runTrainStep(feedsOf(problem.batches[0]!)))
  },
}

/** The functions of the page. */
export type Page = typeof page
Object.assign(globalThis, { page })
