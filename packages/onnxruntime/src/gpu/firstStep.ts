import { InducedMetricError } from '@induced-metric/core'
import { optionError } from '@induced-metric/core/adapter'
import type { OrtValues } from '@induced-metric/onnx'
import { TrainingSession } from '../session/trainingSession.js'
import type { GpuContents } from './contents.js'
import type { DeviceTensor } from './deviceModel.js'
import type { GpuSessionOptions } from './options.js'
import type { GpuSetup } from './setUp.js'
import type { GpuTrainSteps } from './trainSteps.js'
import { readValues } from './values.js'

/** How far a value may be from the CPU's, relative to the largest of its tensor. */
const tolerance = 1e-3

type Values = ReadonlyMap<string, Float32Array>

/** The first train step of a session, which is compared with that of a session on the CPU. */
export class FirstStep {
  readonly #setup: GpuSetup
  readonly #contents: GpuContents
  readonly #steps: GpuTrainSteps
  readonly #options: Pick<GpuSessionOptions, 'trainModel' | 'lowerings'>
  readonly #refuse: () => Promise<void>

  /** @param refuse releases the session */
  constructor(
    setup: GpuSetup,
    contents: GpuContents,
    steps: GpuTrainSteps,
    { trainModel, lowerings }: GpuSessionOptions,
    refuse: () => Promise<void>,
  ) {
    this.#setup = setup
    this.#contents = contents
    this.#steps = steps
    this.#options = { trainModel, ...(lowerings && { lowerings }) }
    this.#refuse = refuse
  }

  /**
   * Runs it on both, as `GpuTrainSteps.run` does on one.
   *
   * @throws ERR_NOT_SUPPORTED where loss or gradients differ, naming the first that does; ERR_OPTION for feeds that the CPU cannot read
   */
  async run(feeds: OrtValues): Promise<(name: string) => DeviceTensor> {
    const { runtime, train } = this.#setup
    const onDevice = Object.entries(feeds).find(
      ([, feed]) => (feed as { readonly location?: string }).location === 'gpu-buffer',
    )
    if (onDevice !== undefined)
      throw optionError(
        `compareFirstStep: the feed ${JSON.stringify(onDevice[0])} is on the device, where the CPU cannot read it; give the first step ` +
          'tensors on the host',
      )
    const lossName = train.outputs[0]!
    const expected = await this.#onCpu(feeds, lossName)
    const valueOf = await this.#steps.run(feeds)
    const { data } = (
      await readValues(runtime.ort, runtime.device, [[lossName, valueOf(lossName)] as const])
    )[lossName]!
    const gradients = await this.#steps.readGradients()
    const found = valuesOf(
      data,
      gradients.map((one) => [one.name, one.data]),
    )
    try {
      check(found, expected)
    } catch (error) {
      await this.#refuse()
      throw error
    }
    return valueOf
  }

  /** The loss and the gradients of the same step on the CPU. */
  async #onCpu(feeds: OrtValues, lossName: string): Promise<Values> {
    const { cpu, exclusively } = this.#setup.runtime
    const checkpointState = await this.#contents.checkpoint(false)
    return exclusively(async () => {
      const options = { ...this.#options, checkpointState, ort: cpu }
      const session = await TrainingSession.create(options, { executionProviders: ['wasm'] })
      try {
        const outputs = await session.runTrainStep(feeds, [lossName])
        const gradients = [...session.gradients].map(([name, { data }]) => [name, data.slice()] as const)
        return valuesOf(outputs[lossName]!.data, gradients)
      } finally {
        await session.release()
      }
    })
  }
}

/** Values by what they are called in a message. */
function valuesOf(loss: unknown, gradients: readonly (readonly [name: string, data: unknown])[]): Values {
  const named = gradients.map(([name, data]) => [`the gradient of ${name}`, data as Float32Array] as const)
  return new Map([['the loss', loss as Float32Array] as const, ...named])
}

/** @throws ERR_NOT_SUPPORTED */
function check(found: Values, expected: Values): void {
  for (const [what, values] of expected) {
    const scale = values.reduce((most, x) => (Number.isFinite(x) ? Math.max(most, Math.abs(x)) : most), 0)
    const others = found.get(what)!
    const at = values.findIndex((x, i) => {
      const other = others[i]!
      return !Object.is(x, other) && !(Math.abs(x - other) <= tolerance * scale + 1e-9)
    })
    if (at < 0) continue
    throw new InducedMetricError(
      'ERR_NOT_SUPPORTED',
      `the first train step gives ${what} as ${others[at]} at [${at}] on this device, and as ${values[at]} on the CPU: they may differ by ` +
        `${tolerance} of the largest, which is ${scale}. A kernel is wrong here: update the browser and its driver, or train with ` +
        'TrainingSession. The session was released',
    )
  }
}
