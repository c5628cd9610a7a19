import type { WasmMemory, WasmModule } from '../memory.js'

/** Another thread: a `Worker`, of a browser or of `node:worker_threads`, in which `serveOptimizers` was called. */
export interface OptimizerWorker {
  postMessage(message: unknown): void
}

/** A message to a worker: a program to prepare, or, without `code`, one to forget. */
export interface WorkerMessage {
  /** Memory that the threads share, for their signals; the same in all messages. */
  readonly control: SharedArrayBuffer
  /** Offsets of the fields in `control`, in 32-bit words. */
  readonly word: Readonly<
    Record<
      'state' | 'signal' | 'messages' | 'program' | 'loop' | 'next' | 'rows' | 'table' | 'rowBytes',
      number
    >
  >
  /** The values of the word `state`. */
  readonly state: Readonly<Record<'idle' | 'offered' | 'taken' | 'done', number>>
  readonly program: number
  readonly code?: {
    readonly module: WasmModule
    readonly memory: WasmMemory
    /** The names of the functions that the host asks for by number. */
    readonly loops: readonly string[]
  }
}
