import type { GpuDevice, StepReport } from '@induced-metric/core'
import { checkOptions, checkTransformation, isList, optionError, show } from '@induced-metric/core/adapter'
import type { Ort } from '@induced-metric/onnx'
import type { FixedExtents } from '@induced-metric/onnx/adapter'
import { sessionOptionSpecs, type TrainingSessionOptions } from '../session/options.js'
import type { OptimizerStepOptions } from '../session/optimizerStep.js'

/** `onnxruntime-web/webgpu`, or another build of the runtime with its native WebGPU provider. */
export interface WebGpuOrt extends Ort {
  readonly env: { readonly webgpu: object }
}

/** Options of {@link createGpuSession}. */
export interface GpuSessionOptions extends Omit<TrainingSessionOptions, 'ort'> {
  /** The runtime: `await import('onnxruntime-web/webgpu')`, or `/jspi`, which is smaller and needs a newer browser. */
  readonly ort: WebGpuOrt
  /**
   * The number of elements along each named axis of the models' inputs, as in `{ batch: 32, sequence: 64 }`. A list of them gives
   * the session several forms, such as a smaller last batch; each has a session of the runtime of its own, and all train the same
   * parameters.
   */
  readonly extents: FixedExtents | readonly FixedExtents[]
  /**
   * The device to train on, by default one that the runtime opens. Request it with the adapter's limits: kernels of large models
   * need more than the defaults.
   */
  readonly device?: GpuDevice
  /**
   * Whether a train step is recorded once and then replayed, which takes the CPU a tenth of the time. The first replay is
   * compared with a run that is not one, and where they differ the session goes on without (see `capture` of the session).
   * Default false.
   */
  readonly capture?: boolean
  /**
   * Whether the loss and the gradients of the first train step are compared with those of a session on the CPU, on the same
   * feeds. Where they differ by more than a thousandth of the largest of a tensor, `runTrainStep` throws ERR_NOT_SUPPORTED and the
   * session is released. A model with dropouts is ERR_NOT_SUPPORTED. It takes as long as it takes the CPU to open a session and run a step. Default false.
   */
  readonly compareFirstStep?: boolean
  /** The seed of dropouts. Default: one drawn at random. */
  readonly seed?: number
}

/** Options of an optimiser step of a {@link GpuSession}. */
export interface GpuStepOptions extends OptimizerStepOptions {
  /** Whether to wait for the step and read its report. Default false: then nothing is read. */
  readonly report?: boolean
}

/** The state of a session's recording of train steps. */
export interface Capture {
  /**
   * `'off'`: not asked for. `'starting'`: the first train steps are recorded and compared. `'on'`: train steps are replayed.
   * `'failed'`: they are not, for the `reason` given.
   */
  readonly state: 'off' | 'starting' | 'on' | 'failed'
  readonly reason?: string
}

/** The last report that was read, if any was. */
export type LatestReport = StepReport | undefined

/**
 * Checks the options of a session.
 *
 * @returns the forms of its feeds
 * @throws ERR_OPTION
 */
export function checkGpuOptions(options: GpuSessionOptions): readonly FixedExtents[] {
  if (typeof options !== 'object' || options === null || options.trainModel === undefined)
    throw optionError(
      'createGpuSession takes { trainModel, ort, extents, … }: training_model.onnx is required',
    )
  checkOptions('createGpuSession', options, {
    ...sessionOptionSpecs,
    extents: 'any',
    device: 'any',
    capture: 'boolean',
    compareFirstStep: 'boolean',
    seed: 'any',
  })
  const { optimizer, ort, extents, seed } = options
  if (optimizer !== undefined) checkTransformation(optimizer)
  if (typeof ort?.env?.webgpu !== 'object' || typeof ort.InferenceSession?.create !== 'function') {
    throw optionError(
      "ort must be a build of the runtime with WebGPU, as await import('onnxruntime-web/webgpu') is, given " +
        show(ort),
    )
  }
  if (seed !== undefined && !Number.isSafeInteger(seed))
    throw optionError(`seed must be a whole number, given ${show(seed)}`)
  return checkExtents(extents)
}

function checkExtents(given: unknown): readonly FixedExtents[] {
  const forms = isList(given) ? (given as readonly unknown[]) : [given]
  if (forms.length === 0)
    throw optionError('extents is an empty list; give { batch: 32 }, or several of them')
  for (const form of forms) {
    if (typeof form !== 'object' || form === null)
      throw optionError(`extents must be numbers by axis, as in { batch: 32 }, given ${show(form)}`)
    for (const [name, extent] of Object.entries(form)) {
      if (Number.isSafeInteger(extent) && (extent as number) > 0) continue
      throw optionError(`extents: ${name} must be a positive whole number, given ${show(extent)}`)
    }
  }
  return forms as readonly FixedExtents[]
}
