import { existsSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { elementTypeOf } from '../../src/proto/dataType.js'
import type { NamedTensor } from '../../src/proto/tensorData.js'

// The last release of ONNX Runtime's JavaScript packages with training. It is the oracle where it is installed.

/** A tensor of the genuine runtime. */
export interface GenuineTensor {
  readonly data: Float32Array | BigInt64Array
  readonly dims: readonly number[]
}

/** The parts of the genuine TrainingSession that the tests use. */
export interface GenuineSession {
  runTrainStep(feeds: Record<string, GenuineTensor>): Promise<Record<string, GenuineTensor>>
  runOptimizerStep(): Promise<void>
  lazyResetGrad(): Promise<void>
  getContiguousParameters(trainableOnly: boolean): Promise<GenuineTensor>
  release(): Promise<void>
}

/** The genuine runtime. */
export interface Genuine {
  readonly tensor: (
    type: 'float32' | 'int64',
    data: GenuineTensor['data'],
    dims: readonly number[],
  ) => GenuineTensor
  readonly create: (artifacts: {
    trainModel: Uint8Array
    evalModel: Uint8Array
    optimizerModel: Uint8Array
    checkpointState: Uint8Array
  }) => Promise<GenuineSession>
  /**
   * The session's state as the genuine runtime itself writes it, optimiser included. Its JavaScript cannot ask for
   * that, but its WebAssembly can.
   */
  readonly saveCheckpoint: (session: GenuineSession) => Uint8Array
  /** Runs a model, which may have training operators. */
  readonly infer: (
    model: Uint8Array,
    feeds: Readonly<Record<string, NamelessTensor>>,
  ) => Promise<Record<string, { readonly data: unknown; readonly dims: readonly number[] }>>
}

type NamelessTensor = Pick<NamedTensor, 'dims' | 'dataType' | 'data'>

interface InferenceSession {
  run(feeds: object): Promise<Record<string, GenuineTensor>>
  release(): Promise<void>
}

/** The folder of the package, or undefined. */
function find(): string | undefined {
  try {
    const entry = createRequire(import.meta.url).resolve('onnxruntime-training')
    const path = join(dirname(entry), 'ort.training.wasm.min.mjs')
    return existsSync(path) ? path : undefined
  } catch {
    return undefined
  }
}

const path = find()

/** Whether the genuine runtime is installed. */
export const isInstalled = path !== undefined

interface TrainingModule {
  readonly env: { readonly wasm: { numThreads: number } }
  readonly Tensor: new (type: string, data: GenuineTensor['data'], dims: readonly number[]) => GenuineTensor
  readonly TrainingSession: { create(artifacts: unknown): Promise<GenuineSession> }
  readonly InferenceSession: { create(model: Uint8Array, options: object): Promise<InferenceSession> }
}

let started: Promise<Genuine> | undefined

/** Starts the genuine runtime, of which a process has one: files of tests that share a process share it. */
export function startGenuine(): Promise<Genuine> {
  return (started ??= start())
}

async function start(): Promise<Genuine> {
  if (path === undefined) throw new Error('onnxruntime-training is not installed')
  const ort = (await import(pathToFileURL(path).href)) as TrainingModule
  ort.env.wasm.numThreads = 1
  const machine = captureMachine()
  return {
    tensor: (type, data, dims) => new ort.Tensor(type, data, dims),
    create: (artifacts) => ort.TrainingSession.create(artifacts),
    saveCheckpoint: (session) => save(machine(), session),
    async infer(model, feeds) {
      const session = await ort.InferenceSession.create(model, { logSeverityLevel: 3 })
      try {
        const given = Object.entries(feeds).map(([name, { dims, dataType, data }]) => [
          name,
          new ort.Tensor(elementTypeOf(dataType).name, data as GenuineTensor['data'], dims),
        ])
        return await session.run(Object.fromEntries(given) as object)
      } finally {
        await session.release()
      }
    },
  }
}

type Functions = Record<string, (...given: number[]) => unknown>

interface Machine {
  readonly memory: WebAssembly.Memory
  readonly exports: Record<string, unknown>
  /** The bytes written to the fake file. */
  readonly written: Uint8Array[]
  /** Whether calls about files are answered. */
  recording: boolean
}

// Names and addresses in the WebAssembly of 1.19.2. Exported: the table, malloc. Imported: openat, ioctl, fd_write,
// fd_close. A pointer leads to the runtime's table of functions. Its 219th entry returns the table of training, whose
// second entry saves a checkpoint.
const names = { table: 'Sa', malloc: 'Pa', open: 'o', control: 'W', write: 'm', close: 'h' }
const apiPointer = 900720
const getTrainingApi = 219
const apiVersion = 19
const saveCheckpoint = 1
const descriptor = 99

/** Makes the next instance of the runtime's WebAssembly leave its inner parts here. */
function captureMachine(): () => Machine {
  let machine: Machine | undefined
  const instantiate = WebAssembly.instantiate
  const capture = async (source: BufferSource, imports: { a: Functions & { a: WebAssembly.Memory } }) => {
    const { a: memory } = imports.a
    const found: Machine = { memory, exports: {}, written: [], recording: false }
    const given = { ...imports.a }
    const intercept = (name: string, answer: (...given: number[]) => number): void => {
      const original = given[name]!
      imports.a[name] = (...args) => (found.recording ? answer(...args) : original(...args))
    }
    intercept(names.open, () => descriptor)
    intercept(names.control, () => descriptor)
    intercept(names.close, () => 0)
    intercept(names.write, (_, vectors, count, result) => {
      const view = new DataView(memory.buffer)
      let total = 0
      for (let i = 0; i < count; i++) {
        const start = view.getUint32(vectors + 8 * i, true)
        const length = view.getUint32(vectors + 8 * i + 4, true)
        found.written.push(Uint8Array.from(new Uint8Array(memory.buffer, start, length)))
        total += length
      }
      view.setUint32(result, total, true)
      return 0
    })
    const made = await instantiate(source, imports)
    Object.assign(found.exports, made.instance.exports)
    machine = found
    WebAssembly.instantiate = instantiate
    return made
  }
  WebAssembly.instantiate = capture as unknown as typeof instantiate
  return () => {
    if (machine) return machine
    throw new Error('the genuine runtime has no instance yet: create a session first')
  }
}

function save(machine: Machine, session: GenuineSession): Uint8Array {
  const { memory } = machine
  const table = machine.exports[names.table] as WebAssembly.Table
  const malloc = machine.exports[names.malloc] as (length: number) => number
  const word = (at: number): number => new DataView(memory.buffer).getUint32(at, true)
  const call = (index: number, ...given: number[]): number =>
    (table.get(index) as (...given: number[]) => number)(...given)
  const training = call(word(word(apiPointer) + 4 * getTrainingApi), apiVersion)
  const name = malloc(16)
  new Uint8Array(memory.buffer).set(new TextEncoder().encode('/checkpoint\0'), name)
  const { checkpointId } = (session as unknown as { handler: { checkpointId: number } }).handler
  machine.written.length = 0
  machine.recording = true
  const status = call(word(training + 4 * saveCheckpoint), checkpointId, name, 1)
  machine.recording = false
  if (status !== 0) throw new Error('the genuine runtime does not save its checkpoint')
  return new Uint8Array(Buffer.concat(machine.written))
}
