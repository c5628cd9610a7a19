import type { GpuBuffer } from '@induced-metric/core'
import { readBack, shapeError, sizeOf } from '@induced-metric/core/adapter'
import { own } from '@induced-metric/onnx/adapter'
import type { GradientOutput, OrtValues } from '@induced-metric/onnx'
import { frozenNames } from '../session/optimizerStep.js'
import type { GpuRuntime, SessionBuffers } from './device.js'
import type { DeviceTensor } from './deviceModel.js'
import { addBuffers, copyBuffers, MaskDrawer } from './kernels.js'
import type { DeviceParameter } from './parameters.js'
import type { TrainForm } from './trainForm.js'

/** The train steps of a session on the device. Gradients and losses are added up there until the next reset. */
export class GpuTrainSteps {
  readonly #runtime: GpuRuntime
  readonly #forms: readonly TrainForm[]
  readonly #buffers: SessionBuffers
  readonly #gradients: readonly GradientOutput[]
  readonly #lossName: string
  readonly #masks: MaskDrawer
  readonly #statistics: readonly (readonly [output: string, buffer: GpuBuffer])[]
  /** Where the gradients and, last, the loss of the train steps since the latest reset are. */
  #sums: readonly GpuBuffer[] = []
  /** Buffers for sums, once there are any. */
  #own: readonly GpuBuffer[] | undefined
  #count = 0
  #steps = 0
  #resets = false

  constructor(
    runtime: GpuRuntime,
    forms: readonly TrainForm[],
    buffers: SessionBuffers,
    parameters: readonly DeviceParameter[],
    seed: number,
  ) {
    this.#runtime = runtime
    this.#forms = forms
    this.#buffers = buffers
    const { gradients, names, buffers: updates } = forms[0]!.lowered
    this.#gradients = gradients
    this.#lossName = names[0]!
    this.#masks = new MaskDrawer(runtime.device, buffers, seed)
    this.#statistics = updates.flatMap(({ parameter, output }) => {
      const buffer = parameters.find(({ name }) => name === parameter)?.buffer
      return buffer ? [[output, buffer] as const] : []
    })
  }

  /** The number of train steps since the latest reset. */
  get count(): number {
    return this.#count
  }

  /**
   * The sums of their gradients, in the order of the parameters, with `null` for those that a step leaves alone.
   *
   * @throws ERR_OPTION for a name that no trainable parameter has
   */
  gradientsBut(names?: Iterable<string>): (GpuBuffer | null)[] {
    const frozen = frozenNames(
      names,
      this.#gradients.map(({ parameter }) => parameter),
    )
    return this.#gradients.map(({ parameter }, i) => (frozen.has(parameter) ? null : this.#sums[i]!))
  }

  /** Reads the sums of their gradients, zeros before the first. */
  async readGradients(): Promise<{ name: string; dims: readonly number[]; data: Float32Array }[]> {
    const ranges = this.#gradients.map(({ dims }, i) => {
      return { buffer: this.#sums[i]!, offset: 0, size: 4 * sizeOf(dims) }
    })
    const arrays =
      this.#count === 0
        ? ranges.map(({ size }) => new ArrayBuffer(size))
        : await readBack(this.#runtime.device, ranges)
    return this.#gradients.map(({ parameter, dims }, i) => {
      return { name: parameter, dims, data: new Float32Array(arrays[i]!) }
    })
  }

  /** The sum of their losses. */
  get loss(): GpuBuffer {
    return this.#sums.at(-1)!
  }

  resetLazily(): void {
    this.#resets = true
  }

  /**
   * Runs the training model once and adds its gradients to the sums. Running statistics move along.
   *
   * @returns the value of an output, by name
   * @throws ERR_SHAPE for feeds of other extents than the session was made for
   */
  async run(feeds: OrtValues): Promise<(name: string) => DeviceTensor> {
    const form = formOf('runTrainStep', this.#forms, feeds)
    const prepared = form.prepare('runTrainStep', feeds)
    const { device } = this.#runtime
    const count = this.#resets ? 0 : this.#count
    // The run writes where the gradients of the step before may be.
    if (count === 1) this.#keep()
    const step = this.#steps
    await form.run(prepared, (model) => this.#masks.draw(model.masks, step))
    const { current } = form
    const made = this.#outputs.map((name) => current.output(name).buffer)
    if (count === 0) this.#sums = made
    else
      addBuffers(
        device,
        this.#sums.map((sum, i) => [sum, made[i]!] as const),
      )
    copyBuffers(
      device,
      this.#statistics.map(([output, buffer]) => [buffer, current.output(output).buffer] as const),
    )
    this.#steps++
    this.#count = count + 1
    this.#resets = false
    return (name) => current.output(name)
  }

  get #outputs(): readonly string[] {
    return [...this.#gradients.map(({ output }) => output), this.#lossName]
  }

  /** Moves the sums out of the buffers that runs write. */
  #keep(): void {
    this.#own ??= this.#sums.map(({ size }) => this.#buffers.create(size))
    copyBuffers(
      this.#runtime.device,
      this.#own.map((to, i) => [to, this.#sums[i]!] as const),
    )
    this.#sums = this.#own
  }
}

/**
 * Finds the form that feeds have.
 *
 * @throws ERR_SHAPE if there is none
 */
export function formOf<F extends { fits(feeds: OrtValues): boolean }>(
  method: string,
  forms: readonly F[],
  feeds: OrtValues,
): F {
  const found = forms.find((form) => form.fits(feeds))
  if (found) return found
  const given = Object.keys(feeds).map((name) => `${name} [${own(feeds, name)!.dims.join(', ')}]`)
  throw shapeError(
    `${method}: the session was not made for feeds of these extents: ${given.join(', ')}. Give createGpuSession a list of extents, one ` +
      'for each form that batches have',
  )
}
