import {
  InducedMetricError,
  type Checkpoint,
  type Optimizer,
  type StepReport,
  type TypedArray,
} from '@induced-metric/core'
import {
  type CheckpointState,
  type NamedTensor,
  type OrtTensor,
  type OrtValues,
  type Property,
  writeCheckpoint,
} from '@induced-metric/onnx'
import { concatenated, partsOf, scatter, sizeOfParts, type Parts } from './parameterBuffer.js'
import { outputsOf, type Fetches } from './fetches.js'
import { inferenceModel } from '../export/model.js'
import { writeInferenceModel } from '../export/file.js'
import type { ModelInput } from './feeds.js'
import { createOrtTensor, runOrtSession } from '../ort/ort.js'
import { optimizerState, own } from '@induced-metric/onnx/adapter'
import type { TrainingSessionOptions } from './options.js'
import type { RunnableModel, Runtime } from './runtime.js'
import { setUp, type SessionSetup } from './setUp.js'
import { createSessionTensors, type SessionTensors } from './tensors.js'

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
  readonly #setup: SessionSetup
  readonly #tensors: SessionTensors
  #pending: Promise<unknown> = Promise.resolve()
  /** Train steps whose gradients are added up, and their losses. */
  #accumulated = 0
  #loss = 0
  #resets = false
  #released = false

  private constructor(setup: SessionSetup) {
    this.#setup = setup
    const { runtime, optimizer, frozen } = setup
    this.#tensors = createSessionTensors(runtime.ort, runtime.lowered, optimizer, frozen)
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
    return new TrainingSession(await setUp(options, sessionOptions))
  }

  get #runtime(): Runtime {
    return this.#setup.runtime
  }

  get #optimizer(): Optimizer {
    return this.#setup.optimizer
  }

  /** What to feed `runTrainStep`. */
  get trainingInputNames(): readonly string[] {
    return this.#runtime.train.fed.map(({ name }) => name)
  }

  /** What `runTrainStep` gives back; the first is the loss. */
  get trainingOutputNames(): readonly string[] {
    return this.#runtime.lowered.outputs
  }

  /** What to feed `runEvalStep`. Throws ERR_OPTION where the session has no eval model. */
  get evalInputNames(): readonly string[] {
    return this.#evaluation('evalInputNames').fed.map(({ name }) => name)
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
    const frozen = this.#setup.frozen.map(
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
    return this.#setup.properties
  }

  /** The learning rate of the next step, of a schedule its value there. */
  get learningRate(): number {
    return this.#optimizer.learningRate
  }

  /**
   * Computes the loss, the other outputs, and the gradients, which are added to those since the latest reset. Running
   * statistics of batch normalisations move along.
   *
   * @param feeds tensors for `trainingInputNames`
   * @param fetches the outputs to give back, all by default
   * @param options of the runtime's `run`
   * @returns the outputs by name, as the runtime's tensors
   * @throws ERR_OPTION and ERR_SHAPE for feeds that do not fit, or whose values the model cannot take, as labels that are no
   *   class; ERR_SHAPE where a batch normalisation would have one value for each channel; ERR_NOT_SUPPORTED for whatever
   *   else the runtime cannot do. Gradients of earlier train steps are then as before.
   */
  runTrainStep(
    feeds: OrtValues,
    fetches?: Fetches | object,
    options?: object,
  ): Promise<Record<string, OrtTensor>> {
    return this.#enqueue(async () => {
      const { lowered, train, fillsFetches } = this.#runtime
      const checking = train.check('runTrainStep', feeds)
      if (checking) await checking
      const [names, runOptions] = outputsOf(lowered.outputs, fetches, options)
      if (this.#resets) {
        this.#accumulated = 0
        this.#loss = 0
        this.#resets = false
      }
      // Read are the session's own tensors, never the object that the runtime gives back, where it fills what it is given.
      const { gradients, addends, others } = this.#tensors
      const own = { ...others, ...(this.#accumulated === 0 ? gradients() : addends()) }
      const [lossName] = lowered.outputs as [string]
      const asked: Record<string, OrtTensor | null> = { [lossName]: null }
      for (const name of names) asked[name] = null
      for (const { output } of lowered.buffers) asked[output] = null
      Object.assign(asked, own)
      const returned = await runOrtSession(
        train.session,
        'trainModel',
        this.#inputs(train.inputs, feeds),
        fillsFetches ? asked : Object.keys(asked),
        runOptions,
      )
      const results = fillsFetches ? { ...returned, ...own } : returned
      const sums = this.#optimizer.gradients
      lowered.gradients.forEach(({ output }, i) => {
        const data = results[output]!.data as TypedArray
        const sum = sums[i]!.data
        if (this.#accumulated > 0) addTo(sum, data)
        else if (data !== sum) sum.set(data)
      })
      for (const { parameter, output } of lowered.buffers) {
        const frozen = this.#setup.frozen.find(({ name }) => name === parameter)
        const data = frozen?.data as TypedArray | undefined
        data?.set(results[output]!.data as TypedArray)
      }
      const loss = results[lossName]!
      this.#loss += Number((loss.data as ArrayLike<number>)[0])
      this.#accumulated++
      const outputs: Record<string, OrtTensor> = {}
      // What the next step writes into is copied for the caller.
      for (const name of names) {
        outputs[name] = Object.hasOwn(own, name) ? this.#copy(results[name]!) : results[name]!
      }
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
      if (!this.#setup.steps) {
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
      const checking = evaluation.check('runEvalStep', feeds)
      if (checking) await checking
      const [names, runOptions] = outputsOf(evaluation.outputs, fetches, options)
      const inputs = this.#inputs(evaluation.inputs, feeds)
      const results = await runOrtSession(evaluation.session, 'evalModel', inputs, names, runOptions)
      return Object.fromEntries(names.map((name) => [name, results[name]!]))
    })
  }

  /** The number of scalars in the parameters. */
  getParametersSize(trainableOnly = true): Promise<number> {
    return this.#enqueue(() => sizeOfParts(this.#parts(trainableOnly)))
  }

  /**
   * A copy of all parameters in one tensor of one axis, in the order of the training model's inputs.
   *
   * @throws ERR_NOT_SUPPORTED when they are not all of one type, float32 or float64
   */
  getContiguousParameters(trainableOnly = true): Promise<OrtTensor> {
    return this.#enqueue(() => {
      const all = concatenated(this.#parts(trainableOnly))
      const type = all instanceof Float64Array ? 'float64' : 'float32'
      return createOrtTensor(this.#runtime.ort, type, all, [all.length])
    })
  }

  /**
   * Sets all parameters from the bytes of a tensor such as `getContiguousParameters` gives. The optimiser's state stays.
   *
   * @throws ERR_SHAPE when there are more or fewer of them than the parameters take
   */
  loadParametersBuffer(buffer: Uint8Array, trainableOnly = true): Promise<void> {
    return this.#enqueue(() =>
      scatter(this.#parts(trainableOnly), buffer, `${trainableOnly ? 'trainable ' : ''}parameters`),
    )
  }

  /**
   * Sets the learning rate of every step from now on; it takes the place of the transformation's number or schedule, but
   * not of one that a group has for itself. Checkpoints hold it.
   *
   * @throws ERR_OPTION unless it is a finite number ≥ 0
   */
  setLearningRate(value: number): void {
    this.#alive()
    this.#optimizer.learningRate = value
  }

  /**
   * Runs a function while the session has the averages of its parameters, where the transformation keeps any (`averageWeights`, as
   * `rateFree` without `steps` does): eval steps and exports in it are of those. The parameters' own values are put back when its
   * promise is settled.
   *
   * @param evaluate must not take optimiser steps, and waits for what it starts
   * @returns what the function returned
   * @throws what the function throws; ERR_OPTION when it is called within itself
   */
  async withAveragedWeights<R>(evaluate: () => R | Promise<R>): Promise<R> {
    let restore = (): void => {}
    const restored = await this.#enqueue(() => ({
      done: this.#optimizer.withAveragedWeights(() => new Promise<void>((resolve) => (restore = resolve))),
    }))
    try {
      return await evaluate()
    } finally {
      await this.#enqueue(() => {
        restore()
        return restored.done
      })
    }
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
      const { evalModel } = this.#runtime
      if (evalModel === undefined) throw noEvalModel('exportModelForInference')
      if (!Array.isArray(outputNames)) {
        throw new InducedMetricError('ERR_OPTION', 'exportModelForInference takes a list of names of outputs')
      }
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
      this.#tensors.release()
      await this.#runtime.release()
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

  #evaluation(method: string): RunnableModel {
    this.#alive()
    const { evaluation } = this.#runtime
    if (evaluation) return evaluation
    throw noEvalModel(method)
  }

  /** What a model is fed: the caller's tensors, and of the parameters those that it has. */
  #inputs(inputs: readonly ModelInput[], feeds: OrtValues): Record<string, OrtTensor> {
    const parameters = this.#tensors.parameters()
    return Object.fromEntries(inputs.map(({ name }) => [name, own(feeds, name) ?? parameters[name]!]))
  }

  /** A tensor of the caller's own, as the next step writes into the session's. */
  #copy(tensor: OrtTensor): OrtTensor {
    const data = (tensor.data as TypedArray).slice()
    return createOrtTensor(this.#runtime.ort, tensor.type, data, tensor.dims)
  }

  #parts(trainableOnly: boolean): Parts {
    return partsOf(
      this.#named().filter(({ trainable }) => trainable || !trainableOnly),
      this.#runtime.lowered.model.graph.input.map(({ name }) => name),
    )
  }

  #named(): (NamedTensor & { readonly trainable: boolean })[] {
    const { gradients } = this.#runtime.lowered
    const trainable = this.#optimizer.parameters.map(({ name, shape, data }, i) => {
      return { name, dims: shape, dataType: gradients[i]!.dataType, data, trainable: true }
    })
    return [...trainable, ...this.#setup.frozen.map((tensor) => ({ ...tensor, trainable: false }))]
  }

  #state(includeOptimizerState: boolean): CheckpointState {
    const named = this.#named()
    const base = {
      trainable: named.filter(({ trainable }) => trainable),
      frozen: this.#setup.frozen,
      optimizerGroups: [],
      properties: this.#setup.properties,
    }
    if (!includeOptimizerState || !this.#setup.steps) return base
    const { optimizerGroups, properties } = optimizerState(this.#optimizer.save(), this.learningRate)
    return { ...base, optimizerGroups, properties: new Map([...this.#setup.properties, ...properties]) }
  }
}

function noEvalModel(method: string): InducedMetricError {
  return new InducedMetricError(
    'ERR_OPTION',
    `${method}: this session has no eval model; create it with evalModel`,
  )
}

function addTo(sum: TypedArray, addend: TypedArray): void {
  for (let i = 0; i < sum.length; i++) sum[i]! += addend[i]!
}
