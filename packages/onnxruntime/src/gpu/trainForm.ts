import type { GpuBuffer } from '@induced-metric/core'
import { readBack } from '@induced-metric/core/adapter'
import type { WebGpuTrainingModel } from '@induced-metric/onnx/adapter'
import { reasonOf } from '@induced-metric/onnx/adapter'
import type { OrtValues } from '@induced-metric/onnx'
import type { GpuRuntime } from './device.js'
import { bytesIn, DeviceModel } from './deviceModel.js'
import { createDeviceSession } from './deviceSession.js'
import type { Capture } from './options.js'

type Feeds = readonly (ArrayBufferView | GpuBuffer)[]

/** The training model in one form: extents, and whether its runs are recorded. */
export class TrainForm {
  readonly lowered: WebGpuTrainingModel
  readonly #make: (captured: boolean) => Promise<DeviceModel>
  readonly #runtime: GpuRuntime
  #plain: DeviceModel | undefined
  #captured: DeviceModel | undefined
  /** The captured runs that were compared. */
  #runs = 0
  #capture: Capture

  private constructor(
    runtime: GpuRuntime,
    lowered: WebGpuTrainingModel,
    make: (captured: boolean) => Promise<DeviceModel>,
    plain: DeviceModel,
  ) {
    this.#runtime = runtime
    this.lowered = lowered
    this.#make = make
    this.#plain = plain
    this.#capture = { state: 'off' }
  }

  /** Creates the session of the runtime, and with `capture` the one whose runs are recorded. */
  static async create(
    runtime: GpuRuntime,
    lowered: WebGpuTrainingModel,
    given: {
      readonly parameters: ReadonlyMap<string, GpuBuffer>
      readonly outputBuffers: ReadonlyMap<string, GpuBuffer>
      readonly capture: boolean
    },
  ): Promise<TrainForm> {
    const make = async (captured: boolean): Promise<DeviceModel> => {
      const session = await runtime.exclusively(() =>
        createDeviceSession(runtime, lowered.model, 'trainModel', captured),
      )
      return new DeviceModel(runtime, session, lowered, { what: 'trainModel', ...given, captured })
    }
    const form = new TrainForm(runtime, lowered, make, await make(false))
    if (given.capture) form.#capture = { state: 'starting' }
    return form
  }

  get capture(): Capture {
    return this.#capture
  }

  /** The model whose outputs are those of the latest run. */
  get current(): DeviceModel {
    const isCaptured = this.#capture.state === 'on' || (this.#capture.state === 'starting' && this.#captured)
    return (isCaptured ? this.#captured : this.#plain)!
  }

  fits(feeds: OrtValues): boolean {
    return (this.#plain ?? this.#captured)!.fits(feeds)
  }

  prepare(method: string, feeds: OrtValues): Feeds {
    return (this.#plain ?? this.#captured)!.prepare(method, feeds)
  }

  /**
   * Runs the model.
   *
   * @param draw fills the masks of a model
   */
  async run(feeds: Feeds, draw: (model: DeviceModel) => void): Promise<void> {
    if (this.#capture.state === 'starting') await this.#start(feeds, draw)
    else {
      draw(this.current)
      await this.current.run(feeds)
    }
  }

  /** Records the first run and replays the second, and compares both with runs that are not recorded. */
  async #start(feeds: Feeds, draw: (model: DeviceModel) => void): Promise<void> {
    const plain = this.#plain!
    try {
      this.#captured ??= await this.#make(true)
      draw(this.#captured)
      await this.#captured.run(feeds)
    } catch (error) {
      await this.#fail(reasonOf(error))
    }
    draw(plain)
    await plain.run(feeds)
    if (!this.#captured) return
    const differing = await this.#firstDifference(this.#captured, plain)
    if (differing !== undefined) {
      const run = this.#runs === 0 ? 'recorded' : 'replayed'
      await this.#fail(`a ${run} step gives another ${differing} than one that is not captured`)
    } else if (++this.#runs === 2) {
      this.#capture = { state: 'on' }
      this.#plain = undefined
      await plain.release()
    }
  }

  async #fail(reason: string): Promise<void> {
    const captured = this.#captured
    this.#captured = undefined
    this.#capture = { state: 'failed', reason }
    await captured?.release()
  }

  /** The first output of which two models have other values. */
  async #firstDifference(a: DeviceModel, b: DeviceModel): Promise<string | undefined> {
    const names = this.lowered.model.graph.output.map(({ name }) => name)
    const ranges = [a, b].flatMap((model) =>
      names.map((name) => {
        const tensor = model.output(name)
        return { buffer: tensor.buffer, offset: 0, size: bytesIn(tensor) }
      }),
    )
    const arrays = await readBack(this.#runtime.device, ranges)
    return names.find((name, i) => {
      if (a.output(name).type !== 'float32') return false
      const [x, y] = [new Float32Array(arrays[i]!), new Float32Array(arrays[i + names.length]!)]
      return !agree(x, y)
    })
  }

  async release(): Promise<void> {
    await this.#captured?.release()
    await this.#plain?.release()
  }
}

/** Whether two values are equal up to the rounding of sums that are added in another order. */
function agree(x: Float32Array, y: Float32Array): boolean {
  const scale = y.reduce(
    (most, value) => (Number.isFinite(value) ? Math.max(most, Math.abs(value)) : most),
    0,
  )
  return x.every((value, i) => {
    const other = y[i]!
    return Object.is(value, other) || Math.abs(value - other) <= 1e-5 * scale + 1e-12
  })
}
