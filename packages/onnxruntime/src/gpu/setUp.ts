import { createGpuOptimizer, type GpuBuffer, type GpuOptimizer } from '@induced-metric/core'
import { optionError, show, sizeOf, unsupported } from '@induced-metric/core/adapter'
import { lowerings as builtinLowerings, type Property } from '@induced-metric/onnx'
import {
  axisNames,
  isOwnProperty,
  lowerForWebGpu,
  lowerTrainingForWebGpu,
  restoredState,
  type FixedExtents,
  type WebGpuTrainingModel,
} from '@induced-metric/onnx/adapter'
import type { Model } from '@induced-metric/onnx/proto'
import { readArtifacts } from '../session/artifacts.js'
import { createFeedCheck, unreadInputs, type FeedCheck } from '../session/feedCheck.js'
import { modelInputs } from '../session/feeds.js'
import { lowerModels, type LoweredModels } from '../session/lowerModels.js'
import { matchParameters, type SessionParameters } from '../session/parameters.js'
import { chosenTransformation } from '../session/setUp.js'
import { openRuntime, SessionBuffers, type GpuRuntime } from './device.js'
import { DeviceModel } from './deviceModel.js'
import { createDeviceSession } from './deviceSession.js'
import { checkGpuOptions, type GpuSessionOptions } from './options.js'
import { createDeviceParameters, type DeviceParameter } from './parameters.js'
import { TrainForm } from './trainForm.js'

/** A model of a session in all its forms. */
export interface GpuModel<F> {
  readonly forms: readonly F[]
  /** The names of the inputs that the caller feeds. */
  readonly fed: readonly string[]
  readonly outputs: readonly string[]
  readonly check: FeedCheck['check']
}

/** The parts of a session on the device. */
export interface GpuSetup {
  readonly runtime: GpuRuntime
  readonly buffers: SessionBuffers
  readonly parameters: readonly DeviceParameter[]
  readonly train: GpuModel<TrainForm>
  readonly evaluation: GpuModel<DeviceModel> | undefined
  /** The eval model as it was given, to be exported. */
  readonly evalModel: Model | undefined
  /** The names of the training model's inputs, in order. */
  readonly order: readonly string[]
  readonly optimizer: GpuOptimizer
  /** Whether it steps: a session without an optimiser has one that does not. */
  readonly steps: boolean
  /** The learning rate that was set, if any was. */
  readonly fixedRate: { value: number | undefined }
  readonly seed: number
  readonly properties: Map<string, Property>
  readonly release: () => Promise<void>
}

/**
 * Creates the parts of a session.
 *
 * @throws as `createGpuSession`; nothing that was created until then stays
 */
export async function setUpGpu(options: GpuSessionOptions): Promise<GpuSetup> {
  const extents = checkGpuOptions(options)
  const artifacts = await readArtifacts(options)
  const table = options.lowerings ?? builtinLowerings
  const models = lowerModels(artifacts, table)
  checkAxes(models, extents)
  const { lowered } = models.train
  const inModels = artifacts.evalModel ? [lowered.model, artifacts.evalModel] : [lowered.model]
  const matched = matchParameters(lowered, inModels, artifacts.state, options.groupOf)
  const runtime = await openRuntime(options.ort, options.device)
  const lowerings = extents.map((form) => ({ extents: form, ort: runtime.cpu, table }))
  const trainModels: WebGpuTrainingModel[] = []
  for (const one of lowerings)
    trainModels.push(await runtime.exclusively(() => lowerTrainingForWebGpu(artifacts.trainModel, one)))
  if (options.compareFirstStep === true) checkComparable(trainModels[0]!)

  const held: { release(): Promise<void> | void }[] = []
  const release = async (): Promise<void> => {
    for (const one of [...held].reverse()) await one.release()
  }
  try {
    const buffers = new SessionBuffers(runtime.device)
    held.push(buffers)
    const parameters = createDeviceParameters(buffers, matched, lowered, inputsOf(models))
    const optimizerParts = await createOptimizerOf(options, artifacts, matched, parameters, runtime)
    held.push({ release: () => optimizerParts.optimizer.dispose() })
    const bound = new Map(parameters.flatMap(({ name, buffer }) => (buffer ? [[name, buffer] as const] : [])))
    const outputBuffers = gradientBuffers(buffers, trainModels[0]!)
    const forms: TrainForm[] = []
    for (const one of trainModels) {
      const given = { parameters: bound, outputBuffers, capture: options.capture ?? false }
      const form = await TrainForm.create(runtime, one, given)
      held.push(form)
      forms.push(form)
    }
    const evaluationForms: DeviceModel[] = []
    for (const one of models.evaluation ? lowerings : []) {
      const form = await evaluationForm(runtime, models.evaluation!.original, one, bound)
      held.push(form)
      evaluationForms.push(form)
    }
    const names = new Set(parameters.map(({ name }) => name))
    const checkOf = async (original: Model, lowered: Model, trains: boolean) => {
      const fed = modelInputs(lowered).filter(({ name }) => !names.has(name))
      const given = { parameters: names, unread: unreadInputs(models, names), trains }
      const checks = await runtime.exclusively(() => createFeedCheck(runtime.cpu, original, fed, given))
      held.push({ release: () => runtime.exclusively(checks.release) })
      return { fed: fed.map(({ name }) => name), check: checks.check }
    }
    const { evaluation } = models
    return {
      runtime,
      buffers,
      parameters,
      train: {
        forms,
        outputs: lowered.outputs,
        ...(await checkOf(models.train.original, lowered.model, true)),
      },
      evaluation: evaluation && {
        forms: evaluationForms,
        outputs: evaluation.original.graph.output.map(({ name }) => name),
        ...(await checkOf(evaluation.original, evaluation.lowered, false)),
      },
      evalModel: evaluation?.whole,
      order: lowered.model.graph.input.map(({ name }) => name),
      ...optimizerParts,
      seed: options.seed ?? Math.floor(Math.random() * 2 ** 32),
      properties: new Map([...(artifacts.state?.properties ?? [])].filter(([key]) => !isOwnProperty(key))),
      release,
    }
  } catch (error) {
    await release()
    throw error
  }
}

/** Lowers the eval model for one form, and creates its session of the runtime. */
async function evaluationForm(
  runtime: GpuRuntime,
  original: Model,
  lowering: Parameters<typeof lowerForWebGpu>[1],
  parameters: ReadonlyMap<string, GpuBuffer>,
): Promise<DeviceModel> {
  return runtime.exclusively(async () => {
    const lowered = await lowerForWebGpu(original, lowering)
    const session = await createDeviceSession(runtime, lowered.model, 'evalModel', false)
    return new DeviceModel(runtime, session, lowered, { what: 'evalModel', parameters, captured: false })
  })
}

/** Throws ERR_NOT_SUPPORTED for a model whose first step is not the same wherever it is run. */
function checkComparable({ masks }: WebGpuTrainingModel): void {
  if (masks.length === 0) return
  throw unsupported(
    'compareFirstStep: the training model has dropouts, and the CPU would drop other elements; leave the option out',
  )
}

/** Throws ERR_OPTION for extents of axes that no input has. */
function checkAxes({ train, evaluation }: LoweredModels, forms: readonly FixedExtents[]): void {
  const names = new Set([
    ...axisNames(train.lowered.model),
    ...(evaluation ? axisNames(evaluation.lowered) : []),
  ])
  for (const name of forms.flatMap(Object.keys)) {
    if (names.has(name)) continue
    throw optionError(
      `extents: no input of the models has an axis ${show(name)}; they have ${[...names].map((one) => show(one)).join(', ') || 'none with a name'}`,
    )
  }
}

function inputsOf({ train, evaluation }: LoweredModels): ReadonlySet<string> {
  const graphs = [train.lowered.model.graph, ...(evaluation ? [evaluation.lowered.graph] : [])]
  return new Set(graphs.flatMap(({ input }) => input.map(({ name }) => name)))
}

/** Buffers for gradients and the loss, which the forms share. */
function gradientBuffers(
  buffers: SessionBuffers,
  { gradients, names }: WebGpuTrainingModel,
): Map<string, GpuBuffer> {
  const sizes = new Map(gradients.map(({ output, dims }) => [output, 4 * sizeOf(dims)]))
  sizes.set(names[0]!, 4)
  return new Map([...sizes].map(([name, bytes]) => [name, buffers.create(bytes)]))
}

async function createOptimizerOf(
  options: GpuSessionOptions,
  { optimizerModel, state }: Awaited<ReturnType<typeof readArtifacts>>,
  { trainable }: SessionParameters,
  parameters: readonly DeviceParameter[],
  { device }: GpuRuntime,
): Promise<Pick<GpuSetup, 'optimizer' | 'steps' | 'fixedRate'>> {
  const fixedRate: { value: number | undefined } = { value: undefined }
  const { transformation, steps } = chosenTransformation(
    options,
    { optimizerModel, state },
    () => fixedRate.value,
  )
  const given = trainable.map(({ data: _, ...info }, index) => ({
    ...info,
    buffer: parameters[index]!.buffer!,
  }))
  const optimizer = createGpuOptimizer(transformation, given, device)
  try {
    if (steps && state && options.optimizerState !== 'fresh') {
      const current = await optimizer.save()
      const saved = restoredState(() => current, state)
      if (saved) {
        optimizer.load(saved)
        fixedRate.value = saved.learningRate
      }
    }
  } catch (error) {
    optimizer.dispose()
    throw error
  }
  return { optimizer, steps, fixedRate }
}
