import {
  createArena,
  createMemory,
  isWasmMemory,
  isWasmSupported,
  type Allocator,
  type WasmMemory,
} from '@induced-metric/core/adapter'
import type { Tensor, TensorFlow } from './namespace.js'

/** A new tensor for a parameter: where its values are to be written, and how it then becomes a tensor. */
export interface Output {
  readonly address: number
  finish(): Tensor
  /** Lets go of it unfinished. */
  discard(): void
}

/**
 * Tensors of a backend as places in a WebAssembly memory, on which the core's compiled loops work: on wasm the backend's
 * own memory, on cpu one into which values are copied and out of which they are copied again.
 */
export interface HostMemory {
  readonly memory: WasmMemory
  readonly allocator: Allocator
  /** A scalar's value. */
  read(scalar: Tensor): number
  /** The address of a tensor's values, to be read, and where they change in place put back by `store`. */
  load(tensor: Tensor): number
  /** Ends the use of what `load` gave; with `changed`, what is there now are the tensor's values. */
  unload(tensor: Tensor, address: number, changed: boolean): void
  /** A place for a new tensor of that shape. The memory may grow: views of it have to be taken anew. */
  output(shape: readonly number[]): Output
}

const hosts = new WeakMap<object, HostMemory | null>()

/** The memory of the current backend, where compiled loops can work on it. */
export function hostMemory(tf: TensorFlow): HostMemory | undefined {
  const backend = tf.backend() as object
  let host = hosts.get(backend)
  if (host === undefined) {
    const make = { cpu: cpuMemory, wasm: wasmMemory }[tf.getBackend() as 'cpu' | 'wasm']
    host = (isWasmSupported() ? make?.(tf, backend) : undefined) ?? null
    hosts.set(backend, host)
  }
  return host ?? undefined
}

/** What is used of the wasm backend, all of it public; each part is looked for before it is relied on. */
interface WasmBackend {
  readonly wasm: {
    /** The build with threads is given its memory, which is shared with its workers; the others make theirs. */
    readonly wasmMemory?: unknown
    readonly asm?: { readonly memory?: unknown }
    _malloc(bytes: number): number
    _free(address: number): void
  }
  readonly dataIdMap: { get(dataId: object): { readonly memoryOffset: number } }
  makeOutput(shape: readonly number[], dtype: 'float32'): { readonly dataId: object }
  readSync(dataId: object): ArrayLike<number>
}

function wasmMemory(tf: TensorFlow, candidate: object): HostMemory | undefined {
  const backend = candidate as WasmBackend
  const memory = backend.wasm?.wasmMemory ?? backend.wasm?.asm?.memory
  const usable =
    isWasmMemory(memory) &&
    typeof backend.wasm._malloc === 'function' &&
    typeof backend.wasm._free === 'function' &&
    typeof backend.dataIdMap?.get === 'function' &&
    typeof backend.makeOutput === 'function' &&
    typeof backend.readSync === 'function'
  if (!usable) return undefined
  const addressOf = (dataId: object): number => backend.dataIdMap.get(dataId).memoryOffset >>> 0
  return {
    memory,
    allocator: {
      allocate: (bytes) => backend.wasm._malloc(bytes) >>> 0,
      release: (address) => backend.wasm._free(address),
    },
    read: (scalar) => backend.readSync(scalar.dataId)[0]!,
    load: ({ dataId }) => addressOf(dataId),
    unload: () => undefined,
    output(shape) {
      const tensor = tf.engine().makeTensorFromTensorInfo(backend.makeOutput([...shape], 'float32') as never)
      return { address: addressOf(tensor.dataId), finish: () => tensor, discard: () => tensor.dispose() }
    },
  }
}

/** What is used of the cpu backend. */
interface CpuBackend {
  /** Gives the live array. */
  readSync(dataId: object): Float32Array
}

function cpuMemory(tf: TensorFlow, candidate: object): HostMemory | undefined {
  const backend = candidate as CpuBackend
  if (typeof backend.readSync !== 'function') return undefined
  const memory = memoryOrNone()
  if (memory === undefined) return undefined
  const allocator = createArena(memory)
  const view = (address: number, size: number): Float32Array =>
    new Float32Array(memory.buffer as ArrayBuffer, address, size)
  return {
    memory,
    allocator,
    read: (scalar) => backend.readSync(scalar.dataId)[0]!,
    load({ dataId, size }) {
      const address = allocator.allocate(4 * size)
      view(address, size).set(backend.readSync(dataId))
      return address
    },
    unload({ dataId, size }, address, changed) {
      if (changed) backend.readSync(dataId).set(view(address, size))
      allocator.release(address)
    },
    output(shape) {
      const size = shape.reduce((product, extent) => product * extent, 1)
      const address = allocator.allocate(4 * size)
      const discard = (): void => allocator.release(address)
      return {
        address,
        finish() {
          const values = view(address, size).slice()
          discard()
          return tf.tensor(values, [...shape], 'float32')
        },
        discard,
      }
    },
  }
}

/** A memory, unless there is none to be had: then the step is made of operations. */
function memoryOrNone(): WasmMemory | undefined {
  try {
    return createMemory()
  } catch {
    return undefined
  }
}
