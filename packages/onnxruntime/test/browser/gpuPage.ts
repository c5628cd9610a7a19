import {
  adam,
  fromJSON,
  inducedMetric,
  type GpuBuffer,
  type GpuDevice,
  type TransformationJSON,
} from '@induced-metric/core'
import {
  createGpuSession,
  createOrtTensor,
  TrainingSession,
  type GpuSession,
  type GpuSessionOptions,
  type OrtValues,
  type WebGpuOrt,
} from '../../src/index.js'

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

const runtime = '/ort/ort.webgpu.min.mjs'
const ort = (await import(/* @vite-ignore */ runtime)) as WebGpuOrt & {
  env: { wasm: { numThreads: number } }
}
ort.env.wasm.numThreads = 1

/** What the device was asked for. */

const counts = { living: 0, reads: 0, bytes: 0, submits: 0, dispatches: 0 }

/** Counts the buffers that live, the bytes that are mapped for reading, and the work that is submitted. */
function count(device: GpuDevice): void {
  const create = device.createBuffer.bind(device)
  device.createBuffer = (descriptor) => {
    const buffer = create(descriptor)
    counts.living++
    let lives = true
    const [destroy, map] = [buffer.destroy.bind(buffer), buffer.mapAsync.bind(buffer)]
    buffer.destroy = () => {
      if (lives) counts.living--
      lives = false
      destroy()
    }
    buffer.mapAsync = (mode) => {
      counts.reads++
      counts.bytes += buffer.size
      return map(mode)
    }
    return buffer
  }
}

let ours: GpuDevice
let started: Promise<void> | undefined
function start(): Promise<void> {
  started ??= (async () => {
    const { gpu } = (globalThis as unknown as { navigator: { gpu: { requestAdapter(): Promise<Adapter> } } })
      .navigator
    const adapter = await gpu.requestAdapter()
    const { maxStorageBuffersPerShaderStage } = adapter.limits
    const device = await adapter.requestDevice({ requiredLimits: { maxStorageBuffersPerShaderStage } })
    count(device)
    ours = device
  })()
  return started
}

interface Adapter {
  readonly limits: { readonly maxStorageBuffersPerShaderStage: number }
  requestDevice(options: object): Promise<GpuDevice>
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
        type === 'int64' ? BigInt64Array.from(data, BigInt) : Float32Array.from(data, (x) => x ?? NaN),
        dims,
      ),
    ]),
  )
}

async function createGpu(problem: Problem, capture = false): Promise<GpuSession> {
  await start()
  const { extents, seed } = problem
  return createGpuSession({ ...optionsOf(problem), extents, capture, device: ours, ...(seed !== undefined && { seed }) })
}

/** Trains on the device, and gives the losses. */
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

async function trainHost(problem: Problem) {
  const session = await TrainingSession.create(optionsOf(problem), { executionProviders: ['wasm'] })
  const losses: number[] = []
  for (const batch of problem.batches) {
    const { loss } = await session.runTrainStep(feedsOf(batch))
    losses.push((loss!.data as Float32Array)[0]!)
    await session.runOptimizerStep()
    await session.lazyResetGrad()
  }
  return { session, losses }
}

const page = {
  /** Trains on both, and gives the losses, the parameters and what the device was asked for. */
  async both(problem: Problem, capture: boolean) {
    const host = await trainHost(problem)
    const session = await createGpu(problem, capture)
    const trained = await trainGpu(session, problem)
    const report = await session.sync()
    const [ours, theirs] = [await session.getContiguousParameters(), await host.session.getContiguousParameters()]
    const last = feedsOf(problem.batches.at(-1)!)
    const [{ loss: a }, { loss: b }] = [await session.runEvalStep(last), await host.session.runEvalStep(last)]
    const result = {
      ...trained,
      expected: host.losses,
      evaluated: [(a!.data as Float32Array)[0]!, (b!.data as Float32Array)[0]!],
      parameters: [[...(ours.data as Float32Array)], [...(theirs.data as Float32Array)]],
      report: { step: report.step, skipped: report.skippedSteps, loss: report.loss, metric: report.metric },
      hostReport: host.session.report,
      capture: session.capture,
      keepsNaN: session.keepsNaN,
    }
    await session.release()
    await host.session.release()
    return result
  },
  counts: () => ({ ...counts }),
  base64,
}

/** The functions of the page. */
export type Page = typeof page
Object.assign(globalThis, { page })
