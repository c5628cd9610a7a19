import { InducedMetricError } from '../../errors.js'
import { encodeModule } from './codegen/encoder.js'
import { simd } from './codegen/instructions.js'

/**
 * What the engine needs of WebAssembly, declared by shape: the core's declarations depend on no platform's library,
 * and any `WebAssembly.Memory` fits.
 */

/** A `WebAssembly.Memory`. */
export interface WasmMemory {
  readonly buffer: ArrayBufferLike
  /** Adds pages of 64 KiB. */
  grow(pages: number): number
}

/** A `WebAssembly.Module`. */
export interface WasmModule {
  readonly [Symbol.toStringTag]?: string
}

/** A function of the engine's modules. */
export type WasmFunction = (...given: number[]) => number | undefined

/** What modules import: the memory, and functions by name. */
type WasmImports = Readonly<Record<string, WasmMemory | WasmFunction>>

interface WasmInstance {
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

/** Pages a memory can have: 4 GiB. */
export const maximumPages = 65536

/** Compiles a module, at once. */
export function compileModule(bytes: Uint8Array): WasmModule {
  return new WebAssembly!.Module(bytes)
}

const instances = new WeakMap<WasmMemory, Map<WasmModule, WasmInstance['exports']>>()

/**
 * The functions of a module on a memory. The engines in one memory share them: they keep nothing from one call to the next.
 *
 * @param functions what else it imports: always the same for one module and one memory
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
 * A memory for one thread or shared between several, which can grow to 4 GiB.
 *
 * @param pages where it should not grow: its size
 * @throws ERR_NOT_SUPPORTED where there is none to be had
 */
export function createMemory(shared = false, pages?: number): WasmMemory {
  try {
    return new WebAssembly!.Memory({ initial: pages ?? 0, maximum: pages ?? maximumPages, shared })
  } catch (error) {
    throw new InducedMetricError(
      'ERR_NOT_SUPPORTED',
      `there is no WebAssembly memory to be had (${String(error)}): dispose of optimisers that have done their work, or ` +
        "use engine: 'auto' or 'reference'",
    )
  }
}

/** Whether a value is a memory; by its tag, as it may come from another realm. */
export function isWasmMemory(value: unknown): value is WasmMemory {
  return Object.prototype.toString.call(value) === '[object WebAssembly.Memory]'
}

/**
 * Tells whether a memory has grown since the last call, so that views of it have to be made anew; true the first time.
 * Asking a memory for its buffer is dear beside a step on a few weights, and views of a buffer that is gone have no
 * elements: only the buffers of a shared memory live on.
 */
export function growthOf(memory: WasmMemory): () => boolean {
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
export function isShared(memory: WasmMemory): boolean {
  return Object.prototype.toString.call(memory.buffer) === '[object SharedArrayBuffer]'
}

let supported: boolean | undefined

/**
 * Whether modules with vector instructions compile here: not in old browsers, nor under a content security policy
 * without `'wasm-unsafe-eval'`.
 */
export function isWasmSupported(): boolean {
  supported ??= tryModule()
  return supported
}

function tryModule(): boolean {
  if (typeof WebAssembly === 'undefined') return false
  // v128.const 0; drop
  const body = [...simd(0x0c, ...new Array<number>(16).fill(0)), 0x1a]
  try {
    compileModule(encodeModule([{ name: 'test', parameters: 0, locals: [], body }], false))
    return true
  } catch {
    return false
  }
}
