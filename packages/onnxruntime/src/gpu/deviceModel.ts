import type { GpuBuffer } from '@induced-metric/core'
import { optionError, shapeError, sizeOf, type GpuEncoder } from '@induced-metric/core/adapter'
import type { DropoutMask, WebGpuModel } from '@induced-metric/onnx/adapter'
import { dataTypeOf, own, typeOf } from '@induced-metric/onnx/adapter'
import type { OrtSession, OrtTensor, OrtValues, TensorData } from '@induced-metric/onnx'
import { dataType, elementTypeOf } from '@induced-metric/onnx/proto'
import { runOrtSession } from '../ort/ort.js'
import { SessionBuffers, type GpuRuntime } from './device.js'

/** A value on the device: row-major from the start of its buffer. */
export interface DeviceTensor {
  readonly buffer: GpuBuffer
  /** The runtime's name of the type of its elements on the device. */
  readonly type: string
  /** The extents that the original model gives it. */
  readonly dims: readonly number[]
  /** Whether the original has it as int64. */
  readonly isNarrowed: boolean
}

/** The runtime's tensor over a buffer. */
type BoundTensor = OrtTensor & { readonly gpuBuffer: GpuBuffer; dispose(): void }

/** A lowered model of one form, with its buffers and its session of the runtime. */
export class DeviceModel {
  readonly lowered: WebGpuModel
  /** What the caller feeds: names, and extents in this form. */
  readonly fed: readonly { readonly name: string; readonly dims: readonly number[] }[]
  readonly #runtime: GpuRuntime
  readonly #session: OrtSession
  readonly #what: string
  readonly #buffers: SessionBuffers
  readonly #feeds = new Map<string, GpuBuffer>()
  readonly #inputs: Record<string, OrtTensor> = {}
  readonly #captured: boolean
  readonly #fetches: Record<string, OrtTensor | null> = {}
  readonly #outputs = new Map<string, DeviceTensor>()
  /** The tensors that the first run of a captured session made, whose buffers every replay writes. */
  #made: readonly BoundTensor[] = []

  /**
   * @param parameters the buffers of inputs that are not fed
   * @param outputBuffers buffers for outputs; the model makes its own for the others
   */
  constructor(
    runtime: GpuRuntime,
    session: OrtSession,
    lowered: WebGpuModel,
    given: {
      readonly what: string
      readonly parameters: ReadonlyMap<string, GpuBuffer>
      readonly outputBuffers?: ReadonlyMap<string, GpuBuffer>
      readonly captured: boolean
    },
  ) {
    this.lowered = lowered
    this.#runtime = runtime
    this.#session = session
    this.#what = given.what
    this.#captured = given.captured
    this.#buffers = new SessionBuffers(runtime.device)
    const added = new Set([lowered.zero, ...lowered.masks.map(({ input }) => input)])
    const fed: { name: string; dims: readonly number[] }[] = []
    for (const input of lowered.model.graph.input) {
      const { name } = input
      const { type, dims, bytes } = layoutOf(input)
      let buffer = given.parameters.get(name)
      if (buffer === undefined) {
        buffer = this.#buffers.create(bytes)
        this.#feeds.set(name, buffer)
        if (!added.has(name)) fed.push({ name, dims })
      }
      this.#inputs[name] = this.#bind(buffer, type, dims)
    }
    this.fed = fed
    for (const output of lowered.model.graph.output) {
      const { name } = output
      const { type, dims, bytes } = layoutOf(output)
      this.#fetches[name] = null
      if (given.captured) continue
      const buffer = given.outputBuffers?.get(name) ?? this.#buffers.create(bytes)
      this.#fetches[name] = this.#bind(buffer, type, dims)
      this.#outputs.set(name, this.#deviceTensor(name, type, buffer))
    }
  }

  /** The buffers of masks, with what they are drawn by. */
  get masks(): readonly { readonly mask: DropoutMask; readonly buffer: GpuBuffer }[] {
    return this.lowered.masks.map((mask) => ({ mask, buffer: this.#feeds.get(mask.input)! }))
  }

  /** The value of an output after the latest run. */
  output(name: string): DeviceTensor {
    return this.#outputs.get(name)!
  }

  /** Whether the feeds have the extents of this form. */
  fits(feeds: OrtValues): boolean {
    return this.fed.every(({ name, dims }) => {
      const given = own(feeds, name)?.dims
      return given?.length === dims.length && dims.every((extent, axis) => extent === given[axis])
    })
  }

  /**
   * Converts feeds to what the device takes, before anything is written.
   *
   * @throws ERR_OPTION for a whole number beyond the range of int32
   */
  prepare(method: string, feeds: OrtValues): readonly (ArrayBufferView | GpuBuffer)[] {
    return this.fed.map(({ name }) => {
      const tensor = own(feeds, name)! as OrtTensor & { location?: string; gpuBuffer?: GpuBuffer }
      const isNarrowed = this.lowered.narrowed.has(name)
      if (tensor.location === 'gpu-buffer') {
        if (!isNarrowed) return tensor.gpuBuffer!
        throw optionError(
          `${method}: the input ${JSON.stringify(name)} is int64, of which WebGPU has none, and its values are on the device; give them from the host`,
        )
      }
      const { data } = tensor
      if (isNarrowed) return narrowed(method, name, data)
      if (ArrayBuffer.isView(data)) return data
      throw shapeError(
        `${method}: the input ${JSON.stringify(name)} has no values that can be written to the device`,
      )
    })
  }

  /** Submits a run: writes what it is fed, then runs the model. */
  async run(feeds: readonly (ArrayBufferView | GpuBuffer)[]): Promise<void> {
    let encoder: GpuEncoder | undefined
    this.fed.forEach(({ name }, i) => {
      const [target, given] = [this.#feeds.get(name)!, feeds[i]!]
      if (ArrayBuffer.isView(given)) this.#buffers.write(target, given)
      else {
        encoder ??= this.#runtime.device.createCommandEncoder()
        encoder.copyBufferToBuffer(given, 0, target, 0, Math.min(given.size, target.size))
      }
    })
    if (encoder) this.#runtime.device.queue.submit([encoder.finish()])
    const names = Object.keys(this.#fetches)
    const results = await this.#runtime.exclusively(() =>
      runOrtSession(this.#session, this.#what, this.#inputs, this.#captured ? names : this.#fetches),
    )
    if (!this.#captured || this.#made.length > 0) return
    this.#made = names.map((name) => results[name] as BoundTensor)
    names.forEach((name, i) => {
      const { type, gpuBuffer } = this.#made[i]!
      this.#outputs.set(name, this.#deviceTensor(name, type, gpuBuffer))
    })
  }

  async release(): Promise<void> {
    for (const tensor of this.#made) tensor.dispose()
    await this.#runtime.exclusively(() => this.#session.release())
    this.#buffers.release()
  }

  #bind(buffer: GpuBuffer, type: string, dims: readonly number[]): OrtTensor {
    const { Tensor } = this.#runtime.ort as unknown as {
      Tensor: { fromGpuBuffer(buffer: GpuBuffer, options: object): OrtTensor }
    }
    return Tensor.fromGpuBuffer(buffer, { dataType: type, dims: [...dims] })
  }

  #deviceTensor(name: string, type: string, buffer: GpuBuffer): DeviceTensor {
    const { dataType: original, shape = [] } = this.lowered.outputs.get(name)!
    return {
      buffer,
      type,
      dims: shape as readonly number[],
      isNarrowed: original === dataType.int64 && type === 'int32',
    }
  }
}

function layoutOf(value: Parameters<typeof typeOf>[0]) {
  const { dataType: elements = dataType.float, shape } = typeOf(value)
  const dims = (shape ?? []) as readonly number[]
  const { name, bytes } = elementTypeOf(elements)
  return { type: name, dims, bytes: bytes * sizeOf(dims) }
}

/** int64 as int32. */
export function narrowed(method: string, name: string, data: unknown): Int32Array {
  const values = data as BigInt64Array
  const result = new Int32Array(values.length)
  for (let i = 0; i < values.length; i++) {
    const value = Number(values[i]!)
    result[i] = value
    if (result[i] === value) continue
    throw optionError(
      `${method}: ${JSON.stringify(name)} holds ${value} (element ${i}): on WebGPU whole numbers have 32 bits`,
    )
  }
  return result
}

/** The values of a tensor of the device from the bytes that were read. */
export function valuesOf({ type, dims, isNarrowed }: DeviceTensor, bytes: ArrayBuffer): TensorData {
  const { array } = elementTypeOf(dataTypeOf(type)!)
  const values = new array(bytes, 0, sizeOf(dims))
  return isNarrowed ? BigInt64Array.from(values as Int32Array, BigInt) : values
}

/** The bytes of a tensor of the device, in whole words: copies between buffers take no others. */
export function bytesIn({ type, dims }: DeviceTensor): number {
  return Math.ceil((elementTypeOf(dataTypeOf(type)!).bytes * sizeOf(dims)) / 4) * 4
}
