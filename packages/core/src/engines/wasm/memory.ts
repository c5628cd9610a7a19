import { unsupported } from '../../errors.js'
import { memoised } from '../../memoised.js'
import type { WasmMemory } from '../engine.js'

// The part of WebAssembly's API that the engine uses, declared by shape, as `WasmMemory` is.

/** A `WebAssembly.Module`. */
export interface WasmModule {
  readonly [Symbol.toStringTag]?: string
}

/** A function of the engine's modules. */
export type WasmFunction = (...values: number[]) => number | undefined

/** The imports of a module: the memory, and functions by name. */
type WasmImports = Readonly<Record<string, WasmMemory | WasmFunction>>

export interface WasmInstance {
  readonly exports: Readonly<Record<string, WasmFunction>>
}

declare const WebAssembly:
  | {
      readonly Module: new (bytes: Uint8Array) => WasmModule
      readonly Instance: new (module: WasmModule, imports: { env: WasmImports }) => WasmInstance
      readonly Memory: new (limits: { initial: number; maximum?: number; shared?: boolean }) => WasmMemory
    }
  | undefined

/** Bytes of a page of memory. */
export const pageBytes = 65536

/** The most pages that a memory can have: 4 GiB. */
export const maximumPages = 65536

/** Compiles a module synchronously. */
export function compileModule(bytes: Uint8Array): WasmModule {
  return new WebAssembly!.Module(bytes)
}

const instances = new WeakMap<WasmMemory, Map<WasmModule, WasmInstance['exports']>>()

/**
 * The functions of a module on a memory. All engines in one memory share them, as they keep no state between calls.
 *
 * @param functions its other imports: always the same for one module and one memory
 */
export function instantiate(
  module: WasmModule,
  memory: WasmMemory,
  functions: Readonly<Record<string, WasmFunction>> = {},
): WasmInstance['exports'] {
  let inMemory = instances.get(memory)
  if (!inMemory) instances.set(memory, (inMemory = new Map<WasmModule, WasmInstance['exports']>()))
  let exports = inMemory.get(module)
  if (!exports) {
    exports = new WebAssembly!.Instance(module, { env: { ...functions, memory } }).exports
    inMemory.set(module, exports)
  }
  return exports
}

/**
 * Creates a memory that can grow to 4 GiB.
 *
 * @param shared whether several threads share it
 * @param pages its size, for a memory that should not grow
 * @throws ERR_NOT_SUPPORTED where the platform has no memory left
 */
export function createMemory(shared = false, pages?: number): WasmMemory {
  try {
    return new WebAssembly!.Memory({ initial: pages ?? 0, maximum: pages ?? maximumPages, shared })
  } catch (error) {
    throw unsupported(
      `no WebAssembly memory is available (${String(error)}): dispose of optimisers that are no longer needed, or use ` +
        "engine: 'auto' or 'reference'",
    )
  }
}

/** Whether a value is a memory. It is recognised by its tag, as it may come from another realm. */
export function isWasmMemory(value: unknown): value is WasmMemory {
  return Object.prototype.toString.call(value) === '[object WebAssembly.Memory]'
}

/**
 * Returns a function that tells whether a memory has grown since its last call, so that views of it must be created
 * again. The first call returns true. Reading `memory.buffer` takes long compared with a step on a few weights, so the
 * function looks at a view instead: growing detaches the buffer and leaves its views without elements. Only buffers of
 * a shared memory are not detached.
 */
export function watchGrowth(memory: WasmMemory): () => boolean {
  const shared = isShared(memory)
  let view: Uint8Array | undefined
  return () => {
    if (view !== undefined && !shared && view.length > 0) return false
    const { buffer } = memory
    if (view?.buffer === buffer) return false
    view = new Uint8Array(buffer)
    return true
  }
}

/** Whether a memory is shared between threads. */
export const isShared = memoised(
  (memory: WasmMemory): boolean =>
    Object.prototype.toString.call(memory.buffer) === '[object SharedArrayBuffer]',
)
