import { checkDeviceAlive, checkLearningRate, checkOptions, optionError } from '@induced-metric/core/adapter'
import type { OrtTensor, OrtValues } from '@induced-metric/onnx'
import { exportTrained, type ExportOptions } from '@induced-metric/onnx/adapter'
import { includesOptimizer, type SaveOptions, type SessionTensor } from '../session/contents.js'
import { noEvalModel, releasedError } from '../session/runtime.js'
import { outputsOf, type Fetches } from '../session/fetches.js'
import { createQueue } from '../session/queue.js'
import { GpuContents } from './contents.js'
import type { DeviceTensor } from './deviceModel.js'
import { FirstStep } from './firstStep.js'
import type { GpuSessionOptions, GpuStepOptions, LatestReport } from './options.js'
import { setUpGpu, type GpuSetup } from './setUp.js'
import { formOf, GpuTrainSteps } from './trainSteps.js'
import type { GpuSession } from './types.js'
import { gpuValue, readValues, type GpuValue } from './values.js'

/** Steps between which the session waits for the device, so that work does not pile up in its queue. */
const mostInFlight = 8

/**
 * Creates a session that trains on the GPU, on the native WebGPU provider of onnxruntime-web. Parameters, gradients and slots are
 * buffers of the runtime's device, the steps of the optimiser are kernels on its queue, and nothing is read back in a step.
 *
 * Artifacts and checkpoints are those of `TrainingSession`: what is saved here goes on there, and the other way.
 *
 * @param options those of `TrainingSession`, with the extents of the batches
 * @throws ERR_NOT_SUPPORTED where there is no WebGPU, or for an operator without a kernel on it, naming the node; ERR_OPTION for
 *   missing extents and any other mistake in the options; ERR_CHECKPOINT and ERR_SHAPE as `TrainingSession.create`
 *
 * @example
 * ```ts no-run
 * import { adam, inducedMetric } from '@induced-metric/core'
 * import { createGpuSession } from '@induced-metric/onnxruntime'
 * import * as ort from 'onnxruntime-web/webgpu'
 *
 * const session = await createGpuSession({
 *   trainModel: '/artifacts/training_model.onnx',
 *   checkpointState: '/artifacts/checkpoint',
 *   optimizer: inducedMetric(adam(), { learningRate: 0.001 }),
 *   extents: { batch: 64 },
 *   ort,
 * })
 * const input = new ort.Tensor('float32', new Float32Array(64 * 784), [64, 784])
 * const labels = new ort.Tensor('int64', new BigInt64Array(64), [64])
 * for (let step = 0; step < 100; step++) {
 *   await session.runTrainStep({ input, labels })
 *   await session.runOptimizerStep()
 *   await session.lazyResetGrad()
 * }
 * console.log((await session.sync()).loss)
 * ```
 */
export async function createGpuSession(options: GpuSessionOptions): Promise<GpuSession> {
  return new DeviceTrainingSession(await setUpGpu(options), options)
}

class DeviceTrainingSession implements GpuSession {
  readonly #setup: GpuSetup
  readonly #contents: GpuContents
  readonly #trainSteps: GpuTrainSteps
  readonly #enqueue = createQueue(() => this.#alive())
  /** The first train step, until it has been compared. */
  #firstStep: FirstStep | undefined
  #report: LatestReport
  #released = false
  #releasing: Promise<void> | undefined
  /** Resolves when the work of some steps before is done. */
  #done: Promise<unknown> | undefined
  #sinceWait = 0

  constructor(setup: GpuSetup, options: GpuSessionOptions) {
    this.#setup = setup
    this.#contents = new GpuContents(setup)
    const { runtime, train, buffers, parameters, seed } = setup
    this.#trainSteps = new GpuTrainSteps(runtime, train.forms, buffers, parameters, seed)
    if (options.compareFirstStep !== true) return
    this.#firstStep = new FirstStep(setup, this.#contents, this.#trainSteps, options, () => this.#free())
  }

  get trainingInputNames(): readonly string[] {
    return this.#setup.train.fed
  }

  get trainingOutputNames(): readonly string[] {
    return this.#setup.train.outputs
  }

  get evalInputNames(): readonly string[] {
    return this.#evaluation('evalInputNames').fed
  }

  get evalOutputNames(): readonly string[] {
    return this.#evaluation('evalOutputNames').outputs
  }

  get report(): LatestReport {
    return this.#report
  }

  get capture() {
    const all = this.#setup.train.forms.map(({ capture }) => capture)
    const failed = all.find(({ state }) => state === 'failed')
    return failed ?? all.find(({ state }) => state === 'on') ?? all[0]!
  }

  get keepsNaN(): boolean {
    return this.#setup.runtime.keepsNaN
  }

  runTrainStep(feeds: OrtValues, fetches: Fetches): Promise<Record<string, OrtTensor>>
  runTrainStep(feeds: OrtValues): Promise<Record<string, GpuValue>>
  runTrainStep(feeds: OrtValues, fetches?: Fetches): Promise<Record<string, OrtTensor>> {
    return this.#run(async () => {
      const { train } = this.#setup
      await this.#check(train, 'runTrainStep', feeds)
      const [names] = outputsOf(train.outputs, fetches, {})
      const valueOf = await (this.#firstStep ?? this.#trainSteps).run(feeds)
      this.#firstStep = undefined
      return fetches === undefined ? this.#onDevice(names, valueOf) : this.#read(names, valueOf)
    })
  }

  runOptimizerStep(options: GpuStepOptions & { readonly report: true }): ReturnType<GpuSession['sync']>
  runOptimizerStep(options?: GpuStepOptions): Promise<LatestReport>
  runOptimizerStep(options: GpuStepOptions = {}): Promise<LatestReport> {
    return this.#run(async () => {
      checkOptions('runOptimizerStep', options, { frozen: 'any', loss: 'any', report: 'boolean' })
      const { optimizer, steps } = this.#setup
      if (!steps) {
        throw optionError(
          'this session has no optimiser: create it with optimizer (a transformation) or optimizerModel',
        )
      }
      const { count, loss: sum } = this.#trainSteps
      if (count === 0) throw optionError('there are no gradients to step with: call runTrainStep first')
      const { frozen, loss = sum, report = false } = options
      optimizer.step(this.#trainSteps.gradientsBut(frozen), loss === null ? {} : { loss })
      if (report) return (this.#report = await optimizer.report())
      await this.#holdBack()
      return undefined
    })
  }

  sync(): ReturnType<GpuSession['sync']> {
    return this.#run(async () => (this.#report = await this.#setup.optimizer.report()))
  }

  lazyResetGrad(): Promise<void> {
    return this.#run(() => this.#trainSteps.resetLazily())
  }

  runEvalStep(feeds: OrtValues, fetches?: Fetches): Promise<Record<string, OrtTensor>> {
    return this.#run(async () => {
      const evaluation = this.#evaluation('runEvalStep')
      await this.#check(evaluation, 'runEvalStep', feeds)
      const [names] = outputsOf(evaluation.outputs, fetches, {})
      const form = formOf('runEvalStep', evaluation.forms, feeds)
      await form.run(form.prepare('runEvalStep', feeds))
      return this.#read(names, (name) => form.output(name))
    })
  }

  getParametersSize(trainableOnly = true): Promise<number> {
    return this.#run(() => this.#contents.size(trainableOnly))
  }

  getContiguousParameters(trainableOnly = true): Promise<OrtTensor> {
    return this.#run(() => this.#contents.contiguous(trainableOnly))
  }

  loadParametersBuffer(buffer: Uint8Array, trainableOnly = true): Promise<void> {
    return this.#run(() => this.#contents.load(buffer, trainableOnly))
  }

  getLearningRate(): Promise<number> {
    return this.#run(() => this.#setup.optimizer.learningRate)
  }

  setLearningRate(value: number): Promise<void> {
    return this.#run(() => {
      const { optimizer, fixedRate } = this.#setup
      checkLearningRate(value)
      // The rate of a genuine optimizer model is read from here while it is set.
      fixedRate.value = value
      optimizer.learningRate = value
    })
  }

  async withEvaluationWeights<R>(evaluate: () => R | Promise<R>): Promise<R> {
    let restore = (): void => {}
    const { optimizer } = this.#setup
    const restored = await this.#run(
      () =>
        new Promise<{ done: Promise<void> }>((resolve, reject) => {
          const done = optimizer.withEvaluationWeights(
            () => new Promise<void>((end) => resolve({ done: ((restore = end), done) })),
          )
          done.catch(reject)
        }),
    )
    try {
      return await evaluate()
    } finally {
      await this.#run(() => {
        restore()
        return restored.done
      })
    }
  }

  saveOptimizer(): ReturnType<GpuSession['saveOptimizer']> {
    return this.#run(() => this.#setup.optimizer.save())
  }

  loadOptimizer(checkpoint: Parameters<GpuSession['loadOptimizer']>[0]): Promise<void> {
    return this.#run(async () => {
      const { optimizer, fixedRate } = this.#setup
      optimizer.load(checkpoint)
      fixedRate.value = (await optimizer.save()).learningRate
    })
  }

  resetOptimizer(): Promise<void> {
    return this.#run(() => {
      this.#setup.fixedRate.value = undefined
      this.#setup.optimizer.reset()
      this.#report = undefined
    })
  }

  saveCheckpoint(options: SaveOptions = {}): Promise<Uint8Array> {
    return this.#run(() => this.#contents.bytes(includesOptimizer(options)))
  }

  checkpointState(options: SaveOptions = {}): ReturnType<GpuSession['checkpointState']> {
    return this.#run(() => this.#contents.checkpoint(includesOptimizer(options)))
  }

  exportModelForInference(outputNames: readonly string[], options: ExportOptions = {}): Promise<Uint8Array> {
    const { evaluationWeights = false } = options
    const write = async () => {
      this.#evaluation('exportModelForInference')
      const tensors = await this.#contents.parameters()
      const parameters = new Map(tensors.map((tensor) => [tensor.name, tensor]))
      return exportTrained(this.#setup.evalModel!, parameters, outputNames, options)
    }
    return this.#run(() => (evaluationWeights ? this.#setup.optimizer.withEvaluationWeights(write) : write()))
  }

  getParameters(): ReturnType<GpuSession['getParameters']> {
    return this.#run(async () => {
      const tensors = await this.#contents.parameters()
      return new Map(
        tensors.map(({ name, dims, data, trainable }) => [name, { dims, data: data.slice(), trainable }]),
      )
    })
  }

  getGradients(): Promise<Map<string, SessionTensor>> {
    return this.#run(async () => {
      const tensors = await this.#trainSteps.readGradients()
      return new Map(tensors.map(({ name, dims, data }) => [name, { dims, data }]))
    })
  }

  getProperties(): ReturnType<GpuSession['getProperties']> {
    return this.#run(() => new Map(this.#setup.properties))
  }

  setProperty(...[name, value]: Parameters<GpuSession['setProperty']>): Promise<void> {
    return this.#run(() => void this.#setup.properties.set(name, value))
  }

  release(): Promise<void> {
    this.#releasing ??= this.#released ? Promise.resolve() : this.#enqueue(() => this.#free())
    return this.#releasing
  }

  #free(): Promise<void> {
    this.#released = true
    return this.#setup.release()
  }

  /** Runs a call after those before. An error of a device that is lost says so. */
  #run<T>(body: () => T | Promise<T>): Promise<T> {
    return this.#enqueue(async () => {
      const { device } = this.#setup.runtime
      checkDeviceAlive(device)
      try {
        return await body()
      } catch (error) {
        // The loss itself may be known a moment later than the error that it causes.
        await Promise.resolve()
        checkDeviceAlive(device)
        throw error
      }
    })
  }

  async #check(
    { check }: GpuSetup['train'] | NonNullable<GpuSetup['evaluation']>,
    method: string,
    feeds: OrtValues,
  ) {
    await this.#setup.runtime.exclusively(async () => check(method, feeds))
  }

  #onDevice(names: readonly string[], valueOf: (name: string) => DeviceTensor): Record<string, GpuValue> {
    const { device } = this.#setup.runtime
    return Object.fromEntries(names.map((name) => [name, gpuValue(device, name, valueOf(name))]))
  }

  #read(
    names: readonly string[],
    valueOf: (name: string) => DeviceTensor,
  ): Promise<Record<string, OrtTensor>> {
    const { ort, device } = this.#setup.runtime
    return readValues(
      ort,
      device,
      names.map((name) => [name, valueOf(name)] as const),
    )
  }

  async #holdBack(): Promise<void> {
    if (++this.#sinceWait < mostInFlight) return
    this.#sinceWait = 0
    const { queue } = this.#setup.runtime.device as unknown as {
      queue: { onSubmittedWorkDone(): Promise<unknown> }
    }
    const before = this.#done
    this.#done = queue.onSubmittedWorkDone()
    await before
  }

  #alive(): void {
    if (this.#released) throw releasedError()
  }

  #evaluation(method: string): NonNullable<GpuSetup['evaluation']> {
    const { evaluation } = this.#setup
    if (evaluation) return evaluation
    throw noEvalModel(method)
  }
}
