import type { Checkpoint, StepReport, TransformationJSON } from '@induced-metric/core'
import { optionError } from '@induced-metric/core/adapter'
import type { Fetches } from '../session/fetches.js'
import type { CheckpointState, NamedTensor, OrtTensor, OrtValues, Property } from '@induced-metric/onnx'
import type { SessionParameter, SessionTensor } from '../session/contents.js'
import type { TrainingSession } from '../session/trainingSession.js'
import type { TrainingSessionOptions } from '../session/options.js'
import { startThread, type Thread } from './connection.js'
import { compact, packArtifact, packTensors, type Description, type Method } from './messages.js'

/** Options of {@link createWorkerSession}. */
export interface WorkerSessionOptions extends Omit<TrainingSessionOptions, 'ort' | 'groupOf' | 'lowerings'> {
  /** The package of the runtime, as a module that the thread imports. Default: 'onnxruntime-node'. */
  readonly ort?: string | URL
  /**
   * A module whose default export is an object with the options that cannot be sent to a thread (an `optimizer` with
   * functions in it, `groupOf`, `lowerings`, `ort` itself), or a function that returns one.
   */
  readonly module?: string | URL
  /**
   * Whether feeds are transferred to the thread (true) rather than copied (default). Transferred arrays are empty
   * afterwards. An array that is a view of a part of its buffer is copied nevertheless.
   */
  readonly transferFeeds?: boolean
}

/**
 * A training session in a thread of its own, so that the program does not wait while the runtime works. Its methods
 * are those of {@link TrainingSession}. Live views and immediate values become copies and promises here.
 */
export interface WorkerSession extends Pick<
  TrainingSession,
  | 'trainingInputNames'
  | 'trainingOutputNames'
  | 'evalInputNames'
  | 'evalOutputNames'
  | 'runOptimizerStep'
  | 'lazyResetGrad'
  | 'getParametersSize'
  | 'getContiguousParameters'
  | 'loadParametersBuffer'
  | 'saveCheckpoint'
  | 'exportModelForInference'
> {
  /** The report of the latest optimiser step; undefined before the first. */
  readonly report: StepReport | undefined
  /** As in {@link TrainingSession}, but the outputs are plain objects. */
  runTrainStep(feeds: OrtValues, fetches?: Fetches, options?: object): Promise<Record<string, OrtTensor>>
  /** As in {@link TrainingSession}, but the outputs are plain objects. */
  runEvalStep(feeds: OrtValues, fetches?: Fetches, options?: object): Promise<Record<string, OrtTensor>>
  /** The learning rate of the next step; with a schedule, its value at that step. */
  getLearningRate(): Promise<number>
  /** As in {@link TrainingSession}. */
  setLearningRate(value: number): Promise<void>
  /** As in {@link TrainingSession}. */
  withEvaluationWeights<R>(evaluate: () => R | Promise<R>): Promise<R>
  /** The optimiser's state alone, in the core's form. */
  saveOptimizer(): Promise<Checkpoint>
  /** Resumes from an optimiser state that any adapter has saved. */
  loadOptimizer(checkpoint: Checkpoint | Uint8Array): Promise<void>
  /** As in {@link TrainingSession}. */
  resetOptimizer(): Promise<void>
  /** The contents of `saveCheckpoint`. */
  checkpointState(options?: { readonly includeOptimizerState?: boolean }): Promise<CheckpointState>
  /** Copies of all parameters. */
  getParameters(): Promise<Map<string, SessionParameter>>
  /** Copies of all gradients. */
  getGradients(): Promise<Map<string, SessionTensor>>
  /** The properties kept in the checkpoint. */
  getProperties(): Promise<Map<string, Property>>
  /** Sets a property that is kept in the checkpoint. */
  setProperty(name: string, value: Property): Promise<void>
  /** Ends the thread once the earlier calls are done. Every later call fails with ERR_DISPOSED. */
  release(): Promise<void>
}

/**
 * Creates a training session in a thread of its own: a worker thread of Node, or a module worker in a page.
 *
 * @param options the options of `TrainingSession.create`; those that cannot be sent go into a `module`
 * @param sessionOptions options of the runtime's `InferenceSession.create`
 * @throws as `TrainingSession.create`; ERR_NOT_SUPPORTED for an optimiser with functions in it
 *
 * @example
 * ```ts no-run
 * import { adam, inducedMetric } from '@induced-metric/core'
 * import { createWorkerSession } from '@induced-metric/onnxruntime'
 *
 * const session = await createWorkerSession({
 *   trainModel: 'artifacts/training_model.onnx',
 *   checkpointState: 'artifacts/checkpoint',
 *   optimizer: inducedMetric(adam(), { learningRate: 0.001 }),
 * })
 * const input = { type: 'float32', dims: [64, 784], data: new Float32Array(64 * 784) }
 * const labels = { type: 'int64', dims: [64], data: new BigInt64Array(64) }
 * await session.runTrainStep({ input, labels })
 * await session.runOptimizerStep()
 * await session.lazyResetGrad()
 * await session.release()
 * ```
 */
export async function createWorkerSession(
  options: WorkerSessionOptions,
  sessionOptions?: object,
): Promise<WorkerSession> {
  const given = sendable(options)
  const thread = await startThread()
  try {
    const description = (await thread.call('create', [given, sessionOptions])) as Description
    return workerSession(thread, description, options.transferFeeds ?? false)
  } catch (error) {
    await thread.end()
    throw error
  }
}

function sendable(options: WorkerSessionOptions): object {
  if (typeof options !== 'object' || options === null) {
    throw optionError('createWorkerSession takes { trainModel, … }')
  }
  const { optimizer, ort, module, transferFeeds: _, state: given, summary: __, ...rest } = options
  const json: TransformationJSON | undefined = optimizer?.toJSON()
  for (const [key, value] of Object.entries({ ...rest, ort, module })) {
    const isRuntime = key === 'ort' && typeof value === 'object' && !(value instanceof URL)
    if (typeof value === 'function' || isRuntime) {
      throw optionError(`${key} cannot be sent to a thread: export it from a module, and pass that as module`)
    }
  }
  const state = rest.checkpointState ?? given
  return {
    ...Object.fromEntries(Object.entries(rest).map(([key, value]) => [key, packArtifact(value)])),
    ...(state !== undefined && { checkpointState: isState(state) ? ownState(state) : packArtifact(state) }),
    ...(json && { optimizer: json }),
    ...(ort !== undefined && { ort: String(ort) }),
    ...(module !== undefined && { module: String(module) }),
  }
}

function isState(value: unknown): value is CheckpointState {
  return typeof value === 'object' && value !== null && 'trainable' in value
}

function ownState(state: CheckpointState): CheckpointState {
  const own = (tensor: NamedTensor): NamedTensor => ({
    ...tensor,
    data: compact(tensor.data) as NamedTensor['data'],
  })
  return {
    ...state,
    trainable: state.trainable.map(own),
    frozen: state.frozen.map(own),
    optimizerGroups: state.optimizerGroups.map((group) => ({
      ...group,
      parameters: group.parameters.map(({ name, momentums }) => ({ name, momentums: momentums.map(own) })),
    })),
  }
}

function workerSession(thread: Thread, description: Description, move: boolean): WorkerSession {
  let report: StepReport | undefined
  const call = <T>(method: Method, ...args: unknown[]): Promise<T> => thread.call(method, args) as Promise<T>
  const run = (
    method: 'runTrainStep' | 'runEvalStep',
    feeds: OrtValues,
    fetches?: Fetches,
    options?: object,
  ): Promise<Record<string, OrtTensor>> => {
    // The session refuses values that are not tensors, with its own message.
    const isValues = typeof feeds === 'object' && feeds !== null && Object.values(feeds).every(isTensor)
    const { tensors, transfer } = isValues ? packTensors(feeds, move) : { tensors: feeds, transfer: [] }
    const names = fetches === undefined || Array.isArray(fetches) ? fetches : Object.keys(fetches)
    return thread.call(method, [tensors, names, options], transfer) as Promise<Record<string, OrtTensor>>
  }
  const evaluation = (key: 'evalInputNames' | 'evalOutputNames'): readonly string[] => {
    const names = description[key]
    if (names) return names
    throw optionError(`${key}: this session has no eval model; create it with evalModel`)
  }
  return {
    trainingInputNames: description.trainingInputNames,
    trainingOutputNames: description.trainingOutputNames,
    get evalInputNames() {
      return evaluation('evalInputNames')
    },
    get evalOutputNames() {
      return evaluation('evalOutputNames')
    },
    get report() {
      return report
    },
    runTrainStep: (feeds, fetches, options) => run('runTrainStep', feeds, fetches, options),
    runEvalStep: (feeds, fetches, options) => run('runEvalStep', feeds, fetches, options),
    async runOptimizerStep(options = {}) {
      const { frozen, loss } = options
      report = await call<StepReport>('runOptimizerStep', {
        ...(frozen && { frozen: [...frozen] }),
        ...(loss !== undefined && { loss }),
      })
      return report
    },
    lazyResetGrad: () => call('lazyResetGrad'),
    getParametersSize: (trainableOnly) => call('getParametersSize', trainableOnly),
    getContiguousParameters: (trainableOnly) => call('getContiguousParameters', trainableOnly),
    loadParametersBuffer: (buffer, trainableOnly) =>
      call('loadParametersBuffer', compact(buffer), trainableOnly),
    getLearningRate: () => call('getLearningRate'),
    setLearningRate: (value) => call('setLearningRate', value),
    async withEvaluationWeights(evaluate) {
      await call('beginEvaluationWeights')
      try {
        return await evaluate()
      } finally {
        await call('endEvaluationWeights')
      }
    },
    saveOptimizer: () => call('saveOptimizer'),
    loadOptimizer: (checkpoint) => call('loadOptimizer', compact(checkpoint)),
    async resetOptimizer() {
      await call('resetOptimizer')
      report = undefined
    },
    saveCheckpoint: (options) => call('saveCheckpoint', options),
    checkpointState: (options) => call('checkpointState', options),
    exportModelForInference: (names, options) => call('exportModelForInference', names, options),
    getParameters: () => call('getParameters'),
    getGradients: () => call('getGradients'),
    getProperties: () => call('getProperties'),
    setProperty: (name, value) => call('setProperty', name, value),
    release: () => thread.release(),
  }
}

function isTensor(value: unknown): boolean {
  return typeof value === 'object' && value !== null && Array.isArray((value as Partial<OrtTensor>).dims)
}
