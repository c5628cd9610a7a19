import {
  checkTransformation,
  createOptimizer,
  inducedMetric,
  InducedMetricError,
  sgd,
  type Checkpoint,
  type Optimizer,
  type StepReport,
  type Transformation,
  type TypedArray,
} from '@induced-metric/core'
import { readArtifact, type Artifact } from './artifact.js'
import { readCheckpoint, readCheckpointFile, writeCheckpoint } from './checkpoint/index.js'
import { fillsFetches } from './fetching.js'
import { defaultLearningRate, readOptimizerModel } from './genuine.js'
import { inferenceModel } from './inferenceModel.js'
import { writeInferenceModel } from './inferenceFile.js'
import { checkLearningRate, withLearningRate, type LearningRate } from './learningRate.js'
import { lowerModel, lowerTrainingModel, type LoweredTrainingModel } from './lowering/lower.js'
import { typeOf } from './lowering/shapes.js'
import { lowerings as builtinLowerings, type LoweringTable } from './lowering/table.js'
import { checkFeeds, checkNotEmpty, modelInputs, type ModelInput } from './modelInput.js'
import { createModelSession } from './modelSession.js'
import {
  createOrtTensor,
  defaultOrt,
  type Ort,
  type OrtSession,
  type OrtTensor,
  type OrtValues,
} from './namespace.js'
import { dataType, elementTypeOf } from './onnx/dataType.js'
import { readModel, type Model } from './onnx/model.js'
import { matchParameters, type ParameterDescription } from './sessionParameters.js'
import { groupName, isOwnProperty, optimizerState, restoreOptimizer } from './state.js'
import type { CheckpointState, NamedTensor, Property } from './types.js'

/** What a training session is made from. */
export interface TrainingSessionOptions {
  /** training_model.onnx: its content, or where it lies. */
  readonly trainModel: Artifact
  /** eval_model.onnx. */
  readonly evalModel?: Artifact
  /** optimizer_model.onnx: without `optimizer`, its hyperparameters are what trains. */
  readonly optimizerModel?: Artifact
  /**
   * The checkpoint, in the form of any release of the runtime, or its contents. Without one all parameters are zero until
   * `loadParametersBuffer` brings their values.
   */
  readonly checkpointState?: Artifact | CheckpointState
  /** What trains: a transformation of the core, as `inducedMetric(adam(), { learningRate: 0.001 })`. */
  readonly optimizer?: Transformation
  /** The package of the runtime to use: onnxruntime-node (default), or onnxruntime-web in a page. */
  readonly ort?: Ort
  /** The group of each parameter, for a transformation that has options by group. */
  readonly groupOf?: (parameter: ParameterDescription) => string | undefined
  /** What the optimiser starts from: the state in the checkpoint (`'resume'`, default), or nothing (`'fresh'`). */
  readonly optimizerState?: 'resume' | 'fresh'
  /** Rows for operators beyond those of `lowerings`, or in their place. */
  readonly lowerings?: LoweringTable
}

/** A parameter or a gradient. */
export interface SessionTensor {
  readonly dims: readonly number[]
  /** The live values: what is written here is what the next step reads. */
  readonly data: NamedTensor['data']
}

/** A parameter of a session. */
export interface SessionParameter extends SessionTensor {
  /** Whether it has a gradient. */
  readonly trainable: boolean
}

/** Outputs to give back: their names, or `{ name: null }` as the runtime has it. */
export type Fetches = readonly string[] | Readonly<Record<string, unknown>>

/** The sessions of the runtime and what they are fed. */
interface Runtime {
  readonly ort: Ort
  readonly fillsFetches: boolean
  readonly train: OrtSession
  readonly trainInputs: readonly ModelInput[]
  readonly lowered: LoweredTrainingModel
  readonly evaluation:
    | {
        readonly session: OrtSession
        readonly inputs: readonly ModelInput[]
        readonly outputs: readonly string[]
      }
    | undefined
  readonly evalModel: Model | undefined
}

/** The runtime's tensors over the optimiser's memory, as it is now. */
interface Bound {
  readonly buffer: unknown
  /** Every parameter, trainable and frozen. */
  readonly parameters: Readonly<Record<string, OrtTensor>>
  /** The gradients, by output of the training model. */
  readonly gradients: Readonly<Record<string, OrtTensor>>
}

/**
 * Trains a model from the artifacts of ONNX Runtime training, on a runtime without training. The names are those of
 * onnxruntime-web/training, which had it until release 1.19.
 *
 * Parameters, gradients and the optimiser's slots lie in one WebAssembly memory, where the runtime reads and writes them.
 * A call that comes while another is under way waits for it.
 *
 * @example
 * ```ts no-run
 * import { adam, inducedMetric } from '@induced-metric/core'
 * import { TrainingSession } from '@induced-metric/onnxruntime'
 * import * as ort from 'onnxruntime-node'
 *
 * const session = await TrainingSession.create({
 *   trainModel: 'artifacts/training_model.onnx',
 *   evalModel: 'artifacts/eval_model.onnx',
 *   checkpointState: 'artifacts/checkpoint',
 *   optimizer: inducedMetric(adam(), { learningRate: 0.001 }),
 * })
 * const input = new ort.Tensor('float32', new Float32Array(64 * 784), [64, 784])
 * const labels = new ort.Tensor('int64', new BigInt64Array(64), [64])
 * await session.runTrainStep({ input, labels })
 * await session.runOptimizerStep()
 * await session.lazyResetGrad()
 * console.log(session.report.loss, session.report.scale)
 * ```
 */
export class TrainingSession {
  readonly #ort: Runtime
  readonly #optimizer: Optimizer
  readonly #steps: boolean
  readonly #rate: LearningRate
  readonly #initialRate: (step: number) => number
  readonly #frozen: readonly NamedTensor[]
  readonly #properties: Map<string, Property>
  readonly #feedInputs: readonly ModelInput[]
  readonly #evalFeeds: readonly ModelInput[]
  readonly #lossTensor: OrtTensor | undefined
  #bound: Bound | undefined
  /** Where further train steps put their gradients before they are added up; made when first needed. */
  #scratch: Readonly<Record<string, OrtTensor>> | undefined
  #pending: Promise<unknown> = Promise.resolve()
  /** Train steps whose gradients are added up, and their losses. */
  #accumulated = 0
  #loss = 0
  #resets = false
  #released = false

  private constructor(
    runtime: Runtime,
    given: {
      optimizer: Optimizer
      steps: boolean
      rate: LearningRate
      initialRate: (step: number) => number
      frozen: readonly NamedTensor[]
      properties: Map<string, Property>
    },
  ) {
    this.#ort = runtime
    this.#optimizer = given.optimizer
    this.#steps = given.steps
    this.#rate = given.rate
    this.#initialRate = given.initialRate
    this.#frozen = given.frozen
    this.#properties = given.properties
    const parameters = new Set([...given.optimizer.parameters, ...given.frozen].map(({ name }) => name))
    this.#feedInputs = runtime.trainInputs.filter(({ name }) => !parameters.has(name))
    this.#evalFeeds = runtime.evaluation?.inputs.filter(({ name }) => !parameters.has(name)) ?? []
    this.#lossTensor = lossTensor(runtime)
  }

  /**
   * Makes a session.
   *
   * @param sessionOptions for the runtime's `InferenceSession.create`
   * @throws ERR_NOT_SUPPORTED for a model that the lowering table cannot make run on this runtime, naming what is
   *   missing; ERR_CHECKPOINT for a damaged checkpoint, or one of another model or optimiser; ERR_OPTION for anything else
   *   that is wrong with the options
   */
  static async create(options: TrainingSessionOptions, sessionOptions?: object): Promise<TrainingSession> {
    checkOptions(options)
    const { lowerings = builtinLowerings, checkpointState } = options
    const trainModel = readModel(
      await readArtifact(options.trainModel, 'trainModel', 'ERR_OPTION'),
      'trainModel',
    )
    const lowered = lowerTrainingModel(trainModel, lowerings)
    const evalModel = await readOptional(options.evalModel, 'evalModel')
    const state = checkpointState === undefined ? undefined : await readState(checkpointState)
    const models = evalModel ? [lowered.model, evalModel] : [lowered.model]
    const { trainable, frozen } = matchParameters(lowered, models, state, options.groupOf)

    const saved = state?.optimizerGroups.find(({ name }) => name === groupName)?.initialLearningRate
    const rate: LearningRate = { value: undefined }
    const initialRate = saved === undefined || saved === 0 ? defaultLearningRate : saved
    const genuineRate = (): number => rate.value ?? initialRate
    const optimizerModel = await readOptional(options.optimizerModel, 'optimizerModel')
    const chosen = options.optimizer ?? (optimizerModel && readOptimizerModel(optimizerModel, genuineRate))
    // Without an optimiser, what remains of one is the memory.
    const transformation = chosen ?? inducedMetric(sgd(), { learningRate: 0, xi: 0 })
    const optimizer = createOptimizer(withLearningRate(transformation, rate), trainable, { adopt: true })
    if (chosen && state && options.optimizerState !== 'fresh') restoreOptimizer(optimizer, state)

    const ort = options.ort ?? (await defaultOrt())
    const train = await createModelSession(ort, lowered.model, 'trainModel', sessionOptions)
    let evaluation: Runtime['evaluation']
    try {
      const runnable = evalModel && lowerModel(evalModel, lowerings)
      evaluation = runnable && {
        session: await createModelSession(ort, runnable, 'evalModel', sessionOptions),
        inputs: modelInputs(runnable),
        outputs: runnable.graph.output.map(({ name }) => name),
      }
    } catch (error) {
      await train.release()
      throw error
    }
    const { learningRate } = transformation.settings
    return new TrainingSession(
      {
        ort,
        fillsFetches: await fillsFetches(ort),
        train,
        trainInputs: modelInputs(lowered.model),
        lowered,
        evaluation,
        evalModel,
      },
      {
        optimizer,
        steps: chosen !== undefined,
        rate,
        initialRate: (step) => (typeof learningRate === 'function' ? learningRate(step) : learningRate),
        // What a step moves along is the session's own, not the caller's.
        frozen: frozen.map((tensor) =>
          lowered.buffers.some(({ parameter }) => parameter === tensor.name)
            ? { ...tensor, data: tensor.data.slice() }
            : tensor,
        ),
        properties: new Map([...(state?.properties ?? [])].filter(([key]) => !isOwnProperty(key))),
      },
    )
  }

  /** What to feed `runTrainStep`. */
  get trainingInputNames(): readonly string[] {
    return this.#feedInputs.map(({ name }) => name)
  }

  /** What `runTrainStep` gives back; the first is the loss. */
  get trainingOutputNames(): readonly string[] {
    return this.#ort.lowered.outputs
  }

  /** What to feed `runEvalStep`. Throws ERR_OPTION where the session has no eval model. */
  get evalInputNames(): readonly string[] {
    this.#evaluation('evalInputNames')
    return this.#evalFeeds.map(({ name }) => name)
  }

  /** What `runEvalStep` gives back. Throws ERR_OPTION where the session has no eval model. */
  get evalOutputNames(): readonly string[] {
    return this.#evaluation('evalOutputNames').outputs
  }

  /** What the latest optimiser step did; its `loss` is that of the train steps whose gradients it took. */
  get report(): StepReport {
    return this.#optimizer.report
  }

  /** The parameters by name, trainable ones first. */
  get parameters(): ReadonlyMap<string, SessionParameter> {
    const trainable = this.#optimizer.parameters.map(
      ({ name, shape, data }) => [name, { dims: shape, data, trainable: true }] as const,
    )
    const frozen = this.#frozen.map(
      ({ name, dims, data }) => [name, { dims, data, trainable: false }] as const,
    )
    return new Map<string, SessionParameter>([...trainable, ...frozen])
  }

  /** The gradients by name of their parameter: sums over the train steps since the latest reset. */
  get gradients(): ReadonlyMap<string, SessionTensor> {
    return new Map(this.#optimizer.gradients.map(({ name, shape, data }) => [name, { dims: shape, data }]))
  }

  /** Properties kept in the checkpoint, beside what this package writes there. */
  get properties(): Map<string, Property> {
    return this.#properties
  }

  /** The learning rate of the next step. */
  get learningRate(): number {
    return this.#rate.value ?? this.#initialRate(this.report.step + 1)
  }

  /**
   * Computes the loss, the other outputs, and the gradients, which are added to those since the latest reset. Running
   * statistics of batch normalisations move along.
   *
   * @param feeds tensors for `trainingInputNames`
   * @param fetches the outputs to give back, all by default
   * @param options of the runtime's `run`
   * @returns the outputs by name, as the runtime's tensors
   * @throws ERR_OPTION and ERR_SHAPE for feeds that do not fit; what the runtime throws. Gradients of earlier train steps
   *   are then as before.
   */
  runTrainStep(
    feeds: OrtValues,
    fetches?: Fetches | object,
    options?: object,
  ): Promise<Record<string, OrtTensor>> {
    return this.#enqueue(async () => {
      checkFeeds('runTrainStep', feeds, this.#feedInputs)
      checkNotEmpty('runTrainStep', feeds)
      const { lowered, train, fillsFetches } = this.#ort
      const [names, runOptions] = outputsOf(lowered.outputs, fetches, options)
      if (this.#resets) {
        this.#accumulated = 0
        this.#loss = 0
        this.#resets = false
      }
      const bound = this.#bind()
      const into = this.#accumulated === 0 ? bound.gradients : this.#scratchGradients()
      const [lossName] = lowered.outputs as [string]
      const asked: Record<string, OrtTensor | null> = { ...into }
      for (const name of names) asked[name] = null
      for (const { output } of lowered.buffers) asked[output] = null
      asked[lossName] = this.#lossTensor ?? null
      const results = await train.run(
        this.#inputs(this.#ort.trainInputs, feeds),
        fillsFetches ? asked : Object.keys(asked),
        runOptions,
      )
      const gradients = fillsFetches ? into : results
      const own = this.#optimizer.gradients
      lowered.gradients.forEach(({ output }, i) => {
        const data = gradients[output]!.data as TypedArray
        if (this.#accumulated > 0) addTo(own[i]!.data, data)
        else if (data !== own[i]!.data) own[i]!.data.set(data)
      })
      for (const { parameter, output } of lowered.buffers) {
        const data = this.#frozen.find(({ name }) => name === parameter)?.data as TypedArray | undefined
        data?.set(results[output]!.data as TypedArray)
      }
      const loss = fillsFetches && this.#lossTensor ? this.#lossTensor : results[lossName]!
      this.#loss += Number((loss.data as ArrayLike<number>)[0])
      this.#accumulated++
      const outputs: Record<string, OrtTensor> = {}
      for (const name of names) outputs[name] = name === lossName ? this.#copy(loss) : results[name]!
      return outputs
    })
  }

  /**
   * Takes a step of the optimiser with the gradients since the latest reset.
   *
   * @param options `frozen`: names of parameters to leave alone in this step, as though they had no gradient; `loss`: the
   *   loss that the gradients are of, where it is not the sum over the train steps (`null` where it is not known)
   * @returns what the step did
   * @throws ERR_OPTION when there is no optimiser or no gradient; what the core's `optimizer.step` throws. Nothing has
   *   changed then.
   */
  runOptimizerStep(
    options: { readonly frozen?: Iterable<string>; readonly loss?: number | null } = {},
  ): Promise<StepReport> {
    return this.#enqueue(() => {
      if (!this.#steps) {
        throw new InducedMetricError(
          'ERR_OPTION',
          'this session has no optimiser: create it with optimizer (a transformation) or optimizerModel',
        )
      }
      if (this.#accumulated === 0) {
        throw new InducedMetricError(
          'ERR_OPTION',
          'there are no gradients to step with: call runTrainStep first',
        )
      }
      const frozen = new Set(options.frozen)
      const own = this.#optimizer.gradients
      const unknown = [...frozen].find((name) => !own.some((gradient) => gradient.name === name))
      if (unknown !== undefined) {
        throw new InducedMetricError(
          'ERR_OPTION',
          `frozen: there is no trainable parameter ${JSON.stringify(unknown)}`,
        )
      }
      const gradients = own.map(({ name, data }) => (frozen.has(name) ? null : data))
      const { loss = this.#loss } = options
      return this.#optimizer.step(gradients, loss === null ? {} : { loss })
    })
  }

  /** Makes the next train step start gradients afresh, rather than add to them. */
  lazyResetGrad(): Promise<void> {
    return this.#enqueue(() => {
      this.#resets = true
    })
  }

  /**
   * Runs the eval model with the parameters as they are.
   *
   * @throws ERR_OPTION where the session has no eval model, and as `runTrainStep`
   */
  runEvalStep(
    feeds: OrtValues,
    fetches?: Fetches | object,
    options?: object,
  ): Promise<Record<string, OrtTensor>> {
    return this.#enqueue(async () => {
      const evaluation = this.#evaluation('runEvalStep')
      checkFeeds('runEvalStep', feeds, this.#evalFeeds)
      const [names, runOptions] = outputsOf(evaluation.outputs, fetches, options)
      const results = await evaluation.session.run(this.#inputs(evaluation.inputs, feeds), names, runOptions)
      return Object.fromEntries(names.map((name) => [name, results[name]!]))
    })
  }

  /** The number of scalars in the parameters. */
  getParametersSize(trainableOnly = true): Promise<number> {
    return this.#enqueue(() =>
      this.#contiguous(trainableOnly).reduce((total, { data }) => total + data.length, 0),
    )
  }

  /**
   * A copy of all parameters in one tensor of one axis, in the order of the training model's inputs.
   *
   * @throws ERR_NOT_SUPPORTED when they are not all of one type, float32 or float64
   */
  getContiguousParameters(trainableOnly = true): Promise<OrtTensor> {
    return this.#enqueue(() => {
      const parts = this.#contiguous(trainableOnly)
      const length = parts.reduce((total, { data }) => total + data.length, 0)
      const all = parts[0]?.data instanceof Float64Array ? new Float64Array(length) : new Float32Array(length)
      let offset = 0
      for (const { data } of parts) {
        all.set(data, offset)
        offset += data.length
      }
      return createOrtTensor(this.#ort.ort, all instanceof Float64Array ? 'float64' : 'float32', all, [
        length,
      ])
    })
  }

  /**
   * Sets all parameters from the bytes of a tensor such as `getContiguousParameters` gives. The optimiser's state stays.
   *
   * @throws ERR_SHAPE when there are more or fewer of them than the parameters take
   */
  loadParametersBuffer(buffer: Uint8Array, trainableOnly = true): Promise<void> {
    return this.#enqueue(() => {
      const parts = this.#contiguous(trainableOnly)
      const length = parts.reduce((total, { data }) => total + data.byteLength, 0)
      if (!(buffer instanceof Uint8Array) || buffer.byteLength !== length) {
        const given = buffer instanceof Uint8Array ? `${buffer.byteLength} bytes` : typeof buffer
        throw new InducedMetricError(
          'ERR_SHAPE',
          `loadParametersBuffer takes ${length} bytes, one Uint8Array over the values of all ` +
            `${trainableOnly ? 'trainable ' : ''}parameters, given ${given}`,
        )
      }
      let offset = 0
      for (const { data } of parts) {
        const bytes = new Uint8Array(data.buffer, data.byteOffset, data.byteLength)
        bytes.set(buffer.subarray(offset, offset + data.byteLength))
        offset += data.byteLength
      }
    })
  }

  /**
   * Sets the learning rate of every step from now on, in all groups; it takes the place of a schedule.
   *
   * @throws ERR_OPTION unless it is a finite number ≥ 0
   */
  setLearningRate(value: number): void {
    this.#alive()
    checkLearningRate(value)
    this.#rate.value = value
  }

  /** The optimiser's state alone, in the core's form: other adapters resume from it too. */
  saveOptimizer(): Checkpoint {
    this.#alive()
    return this.#optimizer.save()
  }

  /**
   * Goes on from an optimiser state that any adapter has saved.
   *
   * @throws ERR_CHECKPOINT when it does not fit, and nothing has changed
   */
  loadOptimizer(checkpoint: Checkpoint | Uint8Array): void {
    this.#alive()
    this.#optimizer.load(checkpoint)
  }

  /**
   * The session as a checkpoint of ONNX Runtime training, which `create` takes, here and in a genuine training build.
   * Write it with `writeCheckpointFile` to be safe against being interrupted.
   *
   * @param options `includeOptimizerState`: whether training can be resumed from it (default true)
   */
  saveCheckpoint(options: { readonly includeOptimizerState?: boolean } = {}): Promise<Uint8Array> {
    return this.#enqueue(() => writeCheckpoint(this.#state(options.includeOptimizerState ?? true)))
  }

  /** The contents of {@link saveCheckpoint}, its tensors still views of the session's memory. */
  checkpointState(options: { readonly includeOptimizerState?: boolean } = {}): CheckpointState {
    this.#alive()
    return this.#state(options.includeOptimizerState ?? true)
  }

  /**
   * Makes of the eval model one for inference: the part that computes the named outputs, with the parameters in it.
   *
   * @param outputNames outputs, or any values, of the eval model
   * @param options `path`: where to write it. A model over 2 GB, or any with `externalData: true`, gets its values in a
   *   file beside it, of the same name with `.data` after it
   * @returns the model's bytes
   * @throws ERR_OPTION for a value that the eval model does not have, or where the session has none
   */
  exportModelForInference(
    outputNames: readonly string[],
    options: { readonly path?: string; readonly externalData?: boolean } = {},
  ): Promise<Uint8Array> {
    return this.#enqueue(async () => {
      const { evalModel } = this.#ort
      if (evalModel === undefined) throw noEvalModel('exportModelForInference')
      const parameters = new Map(this.#named().map((tensor) => [tensor.name, tensor]))
      if (options.path !== undefined) {
        return writeInferenceModel(options.path, evalModel, parameters, outputNames, options.externalData)
      }
      if (options.externalData) {
        throw new InducedMetricError(
          'ERR_OPTION',
          'externalData needs a path, beside which the data can be written',
        )
      }
      return inferenceModel(evalModel, parameters, outputNames).model
    })
  }

  /** Gives back what the session holds of the runtime and of memory; every later call throws ERR_DISPOSED. */
  release(): Promise<void> {
    if (this.#released) return Promise.resolve()
    return this.#enqueue(async () => {
      this.#released = true
      this.#optimizer.dispose()
      this.#bound = this.#scratch = undefined
      await this.#ort.train.release()
      await this.#ort.evaluation?.session.release()
    })
  }

  #alive(): void {
    if (!this.#released) return
    throw new InducedMetricError('ERR_DISPOSED', 'this training session was released; create another')
  }

  /** One at a time, in the order of the calls: they work on the same memory. */
  #enqueue<T>(body: () => T | Promise<T>): Promise<T> {
    const run = async (): Promise<T> => {
      this.#alive()
      return body()
    }
    const result = this.#pending.then(run)
    this.#pending = result.catch(() => undefined)
    return result
  }

  #evaluation(method: string): NonNullable<Runtime['evaluation']> {
    this.#alive()
    const { evaluation } = this.#ort
    if (evaluation) return evaluation
    throw noEvalModel(method)
  }

  #tensor(type: number, data: NamedTensor['data'], dims: readonly number[]): OrtTensor {
    return createOrtTensor(this.#ort.ort, elementTypeOf(type).name, data, dims)
  }

  /** The runtime's tensors: made once, and again only where the memory has grown (Muon, at its first step). */
  #bind(): Bound {
    const optimizer = this.#optimizer
    const buffer = optimizer.parameters[0]?.data.buffer
    if (this.#bound && this.#bound.buffer === buffer) return this.#bound
    const { gradients } = this.#ort.lowered
    const parameters = Object.fromEntries(
      this.#frozen.map(({ name, dataType, data, dims }) => [name, this.#tensor(dataType, data, dims)]),
    )
    const outputs: Record<string, OrtTensor> = {}
    gradients.forEach(({ parameter, output, dataType: type, dims }, i) => {
      parameters[parameter] = this.#tensor(type, optimizer.parameters[i]!.data, dims)
      outputs[output] = this.#tensor(type, optimizer.gradients[i]!.data, dims)
    })
    return (this.#bound = { buffer, parameters, gradients: outputs })
  }

  #scratchGradients(): Readonly<Record<string, OrtTensor>> {
    this.#scratch ??= Object.fromEntries(
      this.#ort.lowered.gradients.map(({ output, dataType: type, dims }, i) => {
        const { length } = this.#optimizer.gradients[i]!.data
        const data = type === dataType.double ? new Float64Array(length) : new Float32Array(length)
        return [output, this.#tensor(type, data, dims)]
      }),
    )
    return this.#scratch
  }

  /** What a model is fed: the caller's tensors, and of the parameters those that it has. */
  #inputs(inputs: readonly ModelInput[], feeds: OrtValues): Record<string, OrtTensor> {
    const { parameters } = this.#bind()
    return Object.fromEntries(inputs.map(({ name }) => [name, feeds[name] ?? parameters[name]!]))
  }

  /** A tensor of the caller's own, as the next step writes into the session's. */
  #copy(tensor: OrtTensor): OrtTensor {
    const data = (tensor.data as TypedArray).slice()
    return createOrtTensor(this.#ort.ort, tensor.type, data, tensor.dims)
  }

  #contiguous(trainableOnly: boolean): { data: TypedArray }[] {
    const parameters = this.#named().filter(({ trainable }) => trainable || !trainableOnly)
    const order = new Map(this.#ort.lowered.model.graph.input.map(({ name }, i) => [name, i]))
    parameters.sort((a, b) => (order.get(a.name) ?? Infinity) - (order.get(b.name) ?? Infinity))
    const other = parameters.find(
      ({ dataType: type }) =>
        type !== parameters[0]!.dataType || (type !== dataType.float && type !== dataType.double),
    )
    if (other === undefined) return parameters as { data: TypedArray }[]
    throw new InducedMetricError(
      'ERR_NOT_SUPPORTED',
      `parameters of more than one element type, or of ${elementTypeOf(other.dataType).name}, do not fit into one tensor ` +
        `(${JSON.stringify(other.name)}); read them from session.parameters`,
    )
  }

  #named(): (NamedTensor & { readonly trainable: boolean })[] {
    const { gradients } = this.#ort.lowered
    const trainable = this.#optimizer.parameters.map(({ name, shape, data }, i) => {
      return { name, dims: shape, dataType: gradients[i]!.dataType, data, trainable: true }
    })
    return [...trainable, ...this.#frozen.map((tensor) => ({ ...tensor, trainable: false }))]
  }

  #state(includeOptimizerState: boolean): CheckpointState {
    const named = this.#named()
    const base = {
      trainable: named.filter(({ trainable }) => trainable),
      frozen: this.#frozen,
      optimizerGroups: [],
      properties: this.#properties,
    }
    if (!includeOptimizerState || !this.#steps) return base
    const { optimizerGroups, properties } = optimizerState(this.#optimizer.save(), this.learningRate)
    return { ...base, optimizerGroups, properties: new Map([...this.#properties, ...properties]) }
  }
}

const optionNames = [
  'trainModel',
  'evalModel',
  'optimizerModel',
  'checkpointState',
  'optimizer',
  'ort',
  'groupOf',
  'optimizerState',
  'lowerings',
]

function checkOptions(options: TrainingSessionOptions): void {
  if (typeof options !== 'object' || options === null || options.trainModel === undefined) {
    throw new InducedMetricError(
      'ERR_OPTION',
      'TrainingSession.create takes { trainModel, … }: training_model.onnx is required',
    )
  }
  const unknown = Object.keys(options).find((key) => !optionNames.includes(key))
  if (unknown !== undefined) {
    throw new InducedMetricError(
      'ERR_OPTION',
      `TrainingSession.create: unknown option ${JSON.stringify(unknown)}; options are ${optionNames.join(', ')}`,
    )
  }
  if (options.optimizer !== undefined) checkTransformation(options.optimizer)
  const { optimizerState: start = 'resume' } = options
  if (start !== 'resume' && start !== 'fresh') {
    throw new InducedMetricError(
      'ERR_OPTION',
      `optimizerState must be 'resume' or 'fresh', given ${JSON.stringify(start)}`,
    )
  }
}

function noEvalModel(method: string): InducedMetricError {
  return new InducedMetricError(
    'ERR_OPTION',
    `${method}: this session has no eval model; create it with evalModel`,
  )
}

async function readOptional(artifact: Artifact | undefined, what: string): Promise<Model | undefined> {
  return artifact === undefined
    ? undefined
    : readModel(await readArtifact(artifact, what, 'ERR_OPTION'), what)
}

async function readState(given: Artifact | CheckpointState): Promise<CheckpointState> {
  if (typeof given === 'string' && !/^https?:/.test(given)) return readCheckpointFile(given)
  if (given instanceof Uint8Array || given instanceof URL || typeof given === 'string') {
    return readCheckpoint(await readArtifact(given, 'checkpointState', 'ERR_CHECKPOINT'))
  }
  return given
}

/** The outputs to give back, and the runtime's options, where fetches may have been left out. */
function outputsOf(
  names: readonly string[],
  fetches: Fetches | object | undefined,
  options: object | undefined,
): [string[], object | undefined] {
  if (fetches === undefined) return [[...names], options]
  const asked = Array.isArray(fetches) ? (fetches as string[]) : Object.keys(fetches)
  if (asked.every((name) => names.includes(name)) && (asked.length > 0 || Array.isArray(fetches))) {
    return [[...asked], options]
  }
  // As in onnxruntime-web, an object that names no output is the options.
  if (!Array.isArray(fetches) && options === undefined && !asked.some((name) => names.includes(name))) {
    return [[...names], fetches]
  }
  const unknown = asked.find((name) => !names.includes(name))
  throw new InducedMetricError(
    'ERR_OPTION',
    `there is no output ${JSON.stringify(unknown)}; outputs are ${names.join(', ')}`,
  )
}

/** A tensor for the loss, where the model says what shape it has. */
function lossTensor({ ort, lowered, fillsFetches }: Runtime): OrtTensor | undefined {
  const [name] = lowered.outputs
  const output = lowered.model.graph.output.find((value) => value.name === name)
  const { dataType: type, shape } = output ? typeOf(output) : {}
  const isReal = type === dataType.float || type === dataType.double
  if (!fillsFetches || !isReal || !shape?.every((extent) => extent === 1)) return undefined
  const data = type === dataType.double ? new Float64Array(1) : new Float32Array(1)
  return createOrtTensor(ort, elementTypeOf(type).name, data, shape.map(Number))
}

function addTo(sum: TypedArray, addend: TypedArray): void {
  for (let i = 0; i < sum.length; i++) sum[i]! += addend[i]!
}
