import {
  createCopyMemory,
  isWasmMemory,
  isWasmSupported,
  type TensorMemory,
} from '@induced-metric/core/adapter'
import { hasFunctions } from './checks.js'
import type { Tensor, TensorFlow } from './namespace.js'
import { perBackend } from './perBackend.js'

type BackendMemory = TensorMemory<Tensor>

/**
 * The memory of the current backend; `undefined` where compiled loops cannot work on it. On wasm it is the backend's own; on
 * cpu it is another one, into which values are copied and from which they are copied back.
 */
export const backendMemory = perBackend((tf, backend) => {
  const create = { cpu: cpuMemory, wasm: wasmMemory }[tf.getBackend() as 'cpu' | 'wasm']
  return isWasmSupported() ? create?.(tf, backend) : undefined
})

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
    hasFunctions(backend, 'makeOutput', 'readSync') &&
    hasFunctions(backend.wasm, '_malloc', '_free') &&
    hasFunctions(backend.dataIdMap, 'get')
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
  if (!hasFunctions(backend, 'readSync')) return undefined
  return createCopyMemory<Tensor>({
    array: ({ dataId }) => backend.readSync(dataId),
    from: (values, shape) => tf.tensor(values, [...shape], 'float32'),
  })
}
