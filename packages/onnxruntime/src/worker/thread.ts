import { fromJSON, type TransformationJSON } from '@induced-metric/core'
import { optionError, unsupported } from '@induced-metric/core/adapter'
import { codedAs, importNode } from '@induced-metric/onnx/adapter'
import type { LoweringTable, Ort, OrtTensor, OrtValues, Property, TensorData } from '@induced-metric/onnx'
import { createOrtTensor, defaultOrt, importOrt } from '../ort/ort.js'
import type { SessionTensor } from '../session/contents.js'
import { TrainingSession } from '../session/trainingSession.js'
import type { TrainingSessionOptions } from '../session/options.js'
import {
  compact,
  packError,
  packTensors,
  unpackArtifact,
  type Description,
  type Request,
  type Response,
} from './messages.js'

// The thread of a worker session: it creates one session and answers calls for it, in order.

/** The options of `create` in a message. */
export interface ThreadOptions extends Omit<
  TrainingSessionOptions,
  'optimizer' | 'ort' | 'groupOf' | 'lowerings'
> {
  readonly optimizer?: TransformationJSON
  /** The module of the runtime. */
  readonly ort?: string
  /** A module with options that cannot be sent. */
  readonly module?: string
}

/** The options that a module may export. */
type ModuleOptions = Pick<TrainingSessionOptions, 'optimizer' | 'groupOf'> & {
  readonly ort?: Ort
  readonly lowerings?: LoweringTable
}

/** The other side. */
interface Port {
  postMessage(message: Response, transfer: readonly ArrayBuffer[]): void
  listen(handle: (request: Request) => void): void
}

async function openNodePort(): Promise<Port> {
  const { parentPort } = await importNode('node:worker_threads')
  if (!parentPort) throw unsupported('this module runs in a worker thread')
  return {
    postMessage: (message, transfer) => parentPort.postMessage(message, [...transfer]),
    listen: (handle) => void parentPort.on('message', handle),
  }
}

function openPagePort(): Port {
  const scope = globalThis as unknown as {
    postMessage(message: Response, transfer: ArrayBuffer[]): void
    addEventListener(type: 'message', listener: (event: { data: Request }) => void): void
  }
  return {
    postMessage: (message, transfer) => scope.postMessage(message, [...transfer]),
    listen: (handle) => scope.addEventListener('message', ({ data }) => handle(data)),
  }
}

interface Answer {
  readonly value?: unknown
  readonly transfer?: readonly ArrayBuffer[]
}

let session: TrainingSession | undefined
/** The function that restores the parameters while they have their averages. */
let averaged: { readonly release: () => void; readonly restored: Promise<void> } | undefined
let ort: Ort

/** Gives the parameters their averages until they are released. */
async function hold(of: TrainingSession): Promise<NonNullable<typeof averaged>> {
  return new Promise((resolve, reject) => {
    const restored = of.withEvaluationWeights(
      () => new Promise<void>((release) => resolve({ release, restored })),
    )
    restored.catch(reject)
  })
}

async function answer({ method, args }: Request): Promise<Answer> {
  if (method === 'create') {
    return { value: await create(args[0] as ThreadOptions, args[1] as object | undefined) }
  }
  if (!session) throw optionError('the session of this thread was not created')
  switch (method) {
    case 'runTrainStep':
    case 'runEvalStep': {
      const [feeds, fetches, options] = args as [OrtValues, readonly string[] | undefined, object | undefined]
      return outputs(await session[method](tensorsOf(feeds), fetches, options))
    }
    case 'runOptimizerStep':
      return {
        value: await session.runOptimizerStep(
          args[0] as { frozen?: string[]; loss?: number | null } | undefined,
        ),
      }
    case 'lazyResetGrad':
      await session.lazyResetGrad()
      return {}
    case 'getParametersSize':
      return { value: await session.getParametersSize(args[0] as boolean | undefined) }
    case 'getContiguousParameters': {
      const tensor = await session.getContiguousParameters(args[0] as boolean | undefined)
      const { tensors, transfer } = packTensors({ tensor }, true)
      return { value: tensors['tensor'], transfer }
    }
    case 'loadParametersBuffer':
      await session.loadParametersBuffer(args[0] as Uint8Array, args[1] as boolean | undefined)
      return {}
    case 'getLearningRate':
      return { value: session.learningRate }
    case 'setLearningRate':
      session.setLearningRate(args[0] as number)
      return {}
    case 'beginEvaluationWeights':
      averaged = await hold(session)
      return {}
    case 'endEvaluationWeights':
      averaged!.release()
      await averaged!.restored
      return {}
    case 'saveOptimizer':
      return { value: session.saveOptimizer() }
    case 'loadOptimizer':
      session.loadOptimizer(args[0] as Uint8Array)
      return {}
    case 'resetOptimizer':
      session.resetOptimizer()
      return {}
    case 'saveCheckpoint':
      return whole(await session.saveCheckpoint(args[0] as object | undefined))
    case 'checkpointState': {
      const state = session.checkpointState(args[0] as object | undefined)
      const own = <T extends { readonly data: TensorData }>(tensor: T): T => ({
        ...tensor,
        data: compact(tensor.data) as TensorData,
      })
      return { value: { ...state, trainable: state.trainable.map(own), frozen: state.frozen.map(own) } }
    }
    case 'exportModelForInference':
      return whole(await session.exportModelForInference(args[0] as string[], args[1] as object | undefined))
    case 'getParameters':
      return { value: copies(session.parameters) }
    case 'getGradients':
      return { value: copies(session.gradients) }
    case 'getProperties':
      return { value: session.properties }
    case 'setProperty':
      session.properties.set(args[0] as string, args[1] as Property)
      return {}
    case 'release':
      await session.release()
      return {}
  }
}

async function create(
  { optimizer, ort: runtime, module, ...options }: ThreadOptions,
  sessionOptions: object | undefined,
): Promise<Description> {
  const unpacked = Object.fromEntries(
    Object.entries(options).map(([key, value]) => [key, unpackArtifact(value)]),
  )
  const given = module === undefined ? {} : await optionsOf(module)
  const loaded = given.ort ?? (runtime === undefined ? await defaultOrt() : await loadOrt(runtime))
  ort = loaded
  session = await TrainingSession.create(
    {
      ...(unpacked as unknown as TrainingSessionOptions),
      ...(optimizer && { optimizer: fromJSON(optimizer) }),
      ...given,
      ort: loaded,
    },
    sessionOptions,
  )
  const { trainingInputNames, trainingOutputNames } = session
  const evaluates = options.evalModel !== undefined
  return {
    trainingInputNames,
    trainingOutputNames,
    evalInputNames: evaluates ? session.evalInputNames : undefined,
    evalOutputNames: evaluates ? session.evalOutputNames : undefined,
  }
}

async function optionsOf(module: string): Promise<ModuleOptions> {
  const loaded = await codedAs(
    'ERR_OPTION',
    `the module ${module} cannot be loaded`,
    async () => (await import(/* @vite-ignore */ /* webpackIgnore: true */ module)) as { default?: unknown },
  )
  const exported: unknown = loaded.default
  const value: unknown = typeof exported === 'function' ? await (exported as () => unknown)() : exported
  if (typeof value === 'object' && value !== null) return value
  throw optionError(`${module} must export session options, or a function that returns them, as its default`)
}

function loadOrt(module: string): Promise<Ort> {
  return codedAs('ERR_NOT_SUPPORTED', `the runtime ${module} cannot be loaded`, () => importOrt(module))
}

/** Converts received feeds to the runtime's own tensors. */
function tensorsOf(feeds: OrtValues): OrtValues {
  if (typeof feeds !== 'object' || feeds === null) return feeds
  const made = Object.entries(feeds).map(([name, { type, data, dims }]): [string, OrtTensor] => [
    name,
    createOrtTensor(ort, type, data as TensorData, dims),
  ])
  return Object.fromEntries(made)
}

function outputs(tensors: OrtValues): Answer {
  const packed = packTensors(tensors, true)
  return { value: packed.tensors, transfer: packed.transfer }
}

function whole(bytes: Uint8Array): Answer {
  const value = compact(bytes) as Uint8Array<ArrayBuffer>
  return { value, transfer: [value.buffer] }
}

function copies(tensors: ReadonlyMap<string, SessionTensor>): Map<string, SessionTensor> {
  return new Map([...tensors].map(([name, tensor]) => [name, { ...tensor, data: tensor.data.slice() }]))
}

/** Answers calls, one after the other. */
function serve(port: Port): void {
  let tail = Promise.resolve()
  port.listen((request) => {
    const previous = tail
    tail = (async () => {
      await previous
      const { id } = request
      try {
        const { value, transfer = [] } = await answer(request)
        port.postMessage({ id, value }, transfer)
      } catch (error) {
        port.postMessage({ id, error: packError(error) }, [])
      }
    })()
  })
}

// Without an await of the module itself, which bundlers of classic workers refuse. In a page at once, because messages are lost
// if they arrive before someone listens; Node keeps them until then.
if (typeof process === 'object' && process.versions?.node !== undefined) void openNodePort().then(serve)
else serve(openPagePort())
