import {
  createArena,
  createMemory,
  isWasmMemory,
  isWasmSupported,
  sizeOf,
  type Allocator,
  type WasmMemory,
} from '@induced-metric/core/adapter'
import type { Tensor, TensorFlow } from './namespace.js'

/** A place for the values of a new tensor. */
export interface Output {
  /** The address at which to write the values. */
  readonly address: number
  /** Makes the tensor, once the values are written. */
  finish(): Tensor
  /** Frees the place instead. */
  discard(): void
}

/**
 * A backend's tensors as places in a WebAssembly memory, on which the core's compiled loops work. On wasm it is the
 * backend's own memory; on cpu it is another one, into which values are copied and from which they are copied back.
 */
export interface BackendMemory {
  readonly memory: WasmMemory
  readonly allocator: Allocator
  /** A scalar's value. */
  read(scalar: Tensor): number
  /** The address of a tensor's values, until `unload`. */
  load(tensor: Tensor): number
  /** Ends the use of an address that `load` returned. With `changed`, the values there become the tensor's. */
  unload(tensor: Tensor, address: number, changed: boolean): void
  /** A place for a new tensor of that shape. The memory may grow, which invalidates old views of it. */
  output(shape: readonly number[]): Output
}

const memories = new WeakMap<object, BackendMemory | null>()

/** The memory of the current backend; `undefined` where compiled loops cannot work on it. */
export function backendMemory(tf: TensorFlow): BackendMemory | undefined {
  const backend = tf.backend() as object
  let memory = memories.get(backend)
  if (memory === undefined) {
    const create = { cpu: cpuMemory, wasm: wasmMemory }[tf.getBackend() as 'cpu' | 'wasm']
    memory = (isWasmSupported() ? create?.(tf, backend) : undefined) ?? null
    memories.set(backend, memory)
  }
  return memory ?? undefined
}

/** The parts of the wasm backend that are used. All of them are public, and each is looked for before it is relied on. */
interface WasmBackend {
  readonly wasm: {
    /** The build with threads is given its memory, which it shares with its workers; the other builds create theirs. */
    readonly wasmMemory?: unknown
    readonly asm?: { readonly memory?: unknown }
    _malloc(bytes: number): number
    _free(address: number): void
  }
  readonly dataIdMap: { get(dataId: object): { readonly memoryOffset: number } }
  makeOutput(shape: readonly number[], dtype: 'float32'): { readonly dataId: object }
  readSync(dataId: object): ArrayLike<number>
}

function wasmMemory(tf: TensorFlow, candidate: object): BackendMemory | undefined {
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

/** The part of the cpu backend that is used. */
interface CpuBackend {
  /** Returns the live array, not a copy. */
  readSync(dataId: object): Float32Array
}

function cpuMemory(tf: TensorFlow, candidate: object): BackendMemory | undefined {
  const backend = candidate as CpuBackend
  if (typeof backend.readSync !== 'function') return undefined
  const memory = createMemoryOrNone()
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
      const size = sizeOf(shape)
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

/** A new memory, or `undefined` where it cannot be allocated: then operations take the steps. */
function createMemoryOrNone(): WasmMemory | undefined {
  try {
    return createMemory()
  } catch {
    return undefined
  }
}
