import type { Checkpoint, Optimizer, StepReport } from '@induced-metric/core'
import {
  writeCheckpoint,
  type CheckpointState,
  type OrtTensor,
  type OrtValues,
  type Property,
} from '@induced-metric/onnx'
import { exportTrained, type ExportOptions } from '@induced-metric/onnx/adapter'
import { runOrtSession } from '../ort/ort.js'
import {
  sessionContents,
  type SessionContents,
  type SessionParameter,
  type SessionTensor,
  includesOptimizer,
  type SaveOptions,
} from './contents.js'
import { feedsOf } from './feeds.js'
import { outputsOf, type Fetches } from './fetches.js'
import { takeOptimizerStep, type OptimizerStepOptions } from './optimizerStep.js'
import { createQueue } from './queue.js'
import type { TrainingSessionOptions } from './options.js'
import { noEvalModel, releasedError, type RunnableModel, type Runtime } from './runtime.js'
import { setUp, type SessionSetup } from './setUp.js'
import { createSessionTensors, type SessionTensors } from './tensors.js'
import { createTrainSteps, type TrainSteps } from './trainSteps.js'

/**
 * Trains a model from the artifacts of ONNX Runtime training, on a runtime without training. The names are those of
 * onnxruntime-web/training, which had it until release 1.19.
 *
 * Parameters, gradients and the optimiser's slots are stored in one WebAssembly memory, where the runtime reads and writes
 * them. A call that comes while another is running waits for it.
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
  readonly #contents: SessionContents
  readonly #trainSteps: TrainSteps
  readonly #enqueue = createQueue(() => this.#alive())
  #released = false
  #releasing: Promise<void> | undefined

  private constructor(setup: SessionSetup) {
    this.#setup = setup
    const { runtime, optimizer, frozen } = setup
    this.#tensors = createSessionTensors(runtime.ort, runtime.lowered, optimizer, frozen)
    this.#contents = sessionContents(setup)
    this.#trainSteps = createTrainSteps(setup, this.#tensors)
  }

  /**
   * Creates a session.
   *
   * @param sessionOptions options of the runtime's `InferenceSession.create`
   * @throws ERR_NOT_SUPPORTED for a model that the lowering table cannot make run on this runtime, naming what is
   *   missing; ERR_CHECKPOINT for a damaged checkpoint, or one of another model or optimiser; ERR_SHAPE for one with
   *   values that do not fill their shape; ERR_OPTION for any other mistake in the options
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

  /** The names of the inputs that `runTrainStep` takes. */
  get trainingInputNames(): readonly string[] {
    return this.#runtime.train.fed.map(({ name }) => name)
  }

  /** The names of the outputs that `runTrainStep` returns; the first is the loss. */
  get trainingOutputNames(): readonly string[] {
    return this.#runtime.lowered.outputs
  }

  /** The names of the inputs that `runEvalStep` takes. Throws ERR_OPTION if the session has no eval model. */
  get evalInputNames(): readonly string[] {
    return this.#evaluation('evalInputNames').fed.map(({ name }) => name)
  }

  /** The names of the outputs that `runEvalStep` returns. Throws ERR_OPTION if the session has no eval model. */
  get evalOutputNames(): readonly string[] {
    return this.#evaluation('evalOutputNames').outputs
  }

  /** The report of the latest optimiser step; its `loss` is the sum over the train steps whose gradients it took. */
  get report(): StepReport {
    return this.#optimizer.report
  }

  /** The parameters by name, trainable ones first. */
  get parameters(): ReadonlyMap<string, SessionParameter> {
    return new Map(
      this.#contents.parameters().map(({ name, dims, data, trainable }) => [name, { dims, data, trainable }]),
    )
  }

  /** The gradients by name of their parameter, summed over the train steps since the latest reset. */
  get gradients(): ReadonlyMap<string, SessionTensor> {
    return new Map(this.#optimizer.gradients.map(({ name, shape, data }) => [name, { dims: shape, data }]))
  }

  /** Your properties in the checkpoint. Those that this package writes there are not among them. */
  get properties(): Map<string, Property> {
    return this.#setup.properties
  }

  /** The learning rate of the next step; with a schedule, its value at that step. Set it as by {@link setLearningRate}. */
  get learningRate(): number {
    return this.#optimizer.learningRate
  }

  set learningRate(value: number) {
    this.setLearningRate(value)
  }

  /**
   * Computes the loss, the other outputs, and the gradients, which are added to those since the latest reset. It also moves
   * the running statistics of batch normalisations.
   *
   * @param feeds tensors for `trainingInputNames`
   * @param fetches the outputs to return, all by default
   * @param options of the runtime's `run`
   * @returns the outputs by name, as the runtime's tensors
   * @throws ERR_OPTION and ERR_SHAPE for feeds that do not fit, or whose values the model cannot take, such as a label that
   *   is not a class; ERR_SHAPE if a batch normalisation would have a single value per channel; ERR_NOT_SUPPORTED for
   *   anything else that the runtime cannot do. The gradients of earlier train steps are then unchanged.
   */
  runTrainStep(
    feeds: OrtValues,
    fetches?: Fetches | object,
    options?: object,
  ): Promise<Record<string, OrtTensor>> {
    return this.#enqueue(async () => {
      const { lowered, train } = this.#runtime
      const checking = train.check('runTrainStep', feeds)
      if (checking) await checking
      const [names, runOptions] = outputsOf(lowered.outputs, fetches, options)
      return this.#trainSteps.run(feeds, names, runOptions)
    })
  }

  /**
   * Takes a step of the optimiser with the gradients since the latest reset.
   *
   * @param options `frozen`: names of parameters that this step leaves alone, as if they had no gradient; `loss`: the loss
   *   that the gradients belong to, if it is not the sum over the train steps (`null` if it is unknown)
   * @returns the report of the step
   * @throws ERR_OPTION if there is no optimiser or no gradient, and whatever the core's `optimizer.step` throws. Nothing
   *   has changed then.
   */
  runOptimizerStep(options: OptimizerStepOptions = {}): Promise<StepReport> {
    return this.#enqueue(() => takeOptimizerStep(this.#setup, this.#trainSteps, options))
  }

  /** Makes the next train step start the gradients afresh, instead of adding to them. */
  lazyResetGrad(): Promise<void> {
    return this.#enqueue(() => this.#trainSteps.resetLazily())
  }

  /**
   * Runs the eval model with the current parameters.
   *
   * @throws ERR_OPTION if the session has no eval model; otherwise as `runTrainStep`
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
      const inputs = feedsOf(evaluation.inputs, feeds, this.#tensors.parameters())
      const results = await runOrtSession(evaluation.session, 'evalModel', inputs, names, runOptions)
      return Object.fromEntries(names.map((name) => [name, results[name]!]))
    })
  }

  /** The number of scalars in the parameters. */
  getParametersSize(trainableOnly = true): Promise<number> {
    return this.#enqueue(() => this.#contents.size(trainableOnly))
  }

  /**
   * Copies all parameters into one tensor of one axis, in the order of the training model's inputs.
   *
   * @throws ERR_NOT_SUPPORTED if they are not all of one type, float32 or float64
   */
  getContiguousParameters(trainableOnly = true): Promise<OrtTensor> {
    return this.#enqueue(() => this.#contents.contiguous(trainableOnly))
  }

  /**
   * Sets all parameters from the bytes of a tensor such as `getContiguousParameters` returns. The optimiser's state stays.
   *
   * @throws ERR_SHAPE for more or fewer bytes than the parameters take
   */
  loadParametersBuffer(buffer: Uint8Array, trainableOnly = true): Promise<void> {
    return this.#enqueue(() => this.#contents.load(buffer, trainableOnly))
  }

  /**
   * Sets the learning rate of every step from now on. It replaces the transformation's number or schedule, but not a rate
   * that a group has of its own. Checkpoints store it.
   *
   * @throws ERR_OPTION unless it is a finite number ≥ 0
   */
  setLearningRate(value: number): void {
    this.#alive()
    this.#optimizer.learningRate = value
  }

  /**
   * Runs a function while the parameters have their averages as values, if the transformation keeps any (`averageWeights`, as
   * `rateFree` without `steps` does). Until its promise is settled, every call has the averages, whoever makes it: eval steps
   * and exports, but also train steps and checkpoints. Then the parameters have their own values again.
   *
   * @param evaluate must not take optimiser steps, and must await everything it starts.
   * @returns the result of the function
   * @throws whatever the function throws; ERR_OPTION for a call within itself
   */
  async withEvaluationWeights<R>(evaluate: () => R | Promise<R>): Promise<R> {
    let restore = (): void => {}
    const restored = await this.#enqueue(() => ({
      done: this.#optimizer.withEvaluationWeights(() => new Promise<void>((resolve) => (restore = resolve))),
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

  /** Saves the optimiser's state alone, in the core's form. Every adapter can resume from it. */
  saveOptimizer(): Checkpoint {
    this.#alive()
    return this.#optimizer.save()
  }

  /**
   * Resumes from an optimiser state that any adapter has saved.
   *
   * @throws ERR_CHECKPOINT if it does not fit; nothing has changed then
   */
  loadOptimizer(checkpoint: Checkpoint | Uint8Array): void {
    this.#alive()
    this.#optimizer.load(checkpoint)
  }

  /**
   * Returns the optimiser to its state before the first step, and to the transformation's learning rate. Parameters and
   * gradients stay: `lazyResetGrad` resets those.
   *
   * @throws ERR_OPTION within `withEvaluationWeights`
   */
  resetOptimizer(): void {
    this.#alive()
    this.#optimizer.reset()
  }

  /**
   * Saves the session as a checkpoint of ONNX Runtime training, which `create` takes, here and in a genuine training build.
   * Write it with `writeCheckpointFile` to be safe against interruptions.
   */
  saveCheckpoint(options: SaveOptions = {}): Promise<Uint8Array> {
    return this.#enqueue(() => writeCheckpoint(this.checkpointState(options)))
  }

  /** Returns the contents of {@link saveCheckpoint}, with tensors that are views of the session's memory. */
  checkpointState(options: SaveOptions = {}): CheckpointState {
    this.#alive()
    return this.#contents.checkpoint(includesOptimizer(options))
  }

  /**
   * Exports the part of the eval model that computes the named outputs, with the parameters in it.
   *
   * @param outputNames outputs, or any other values, of the eval model
   * @param options see `ExportOptions`. The values of a model over 2 GB, or of any model with `externalData: true`, go to
   *   a file beside it, whose name ends in `.data`. `inputs` and `outputs` rename: `{ inputs: { input: 'x.1' } }`
   * @returns the model's bytes
   * @throws ERR_OPTION for a value that the eval model does not have, a new name that is taken, or if the session has no eval model
   */
  exportModelForInference(outputNames: readonly string[], options: ExportOptions = {}): Promise<Uint8Array> {
    const { evaluationWeights = false } = options
    const write = () => {
      const { evalModel } = this.#runtime
      if (evalModel === undefined) throw noEvalModel('exportModelForInference')
      const parameters = new Map(this.#contents.parameters().map((tensor) => [tensor.name, tensor]))
      return exportTrained(evalModel, parameters, outputNames, options)
    }
    return this.#enqueue(() => (evaluationWeights ? this.#optimizer.withEvaluationWeights(write) : write()))
  }

  /** Releases the session's memory and its sessions of the runtime. Every later call throws ERR_DISPOSED. */
  release(): Promise<void> {
    return (this.#releasing ??= this.#enqueue(async () => {
      this.#released = true
      this.#optimizer.dispose()
      this.#tensors.release()
      await this.#runtime.release()
    }))
  }

  #alive(): void {
    if (this.#released) throw releasedError()
  }

  #evaluation(method: string): RunnableModel {
    this.#alive()
    const { evaluation } = this.#runtime
    if (evaluation) return evaluation
    throw noEvalModel(method)
  }
}
