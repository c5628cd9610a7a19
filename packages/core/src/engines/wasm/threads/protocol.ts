import type { WasmMemory } from '../../engine.js'
import type { WasmModule } from '../memory.js'

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
  readonly code?: WorkerCode
}

/** A program's loops, and the memory they work on. */
export interface WorkerCode {
  readonly module: WasmModule
  readonly memory: WasmMemory
  /** The names of the functions, which the host asks for by index. */
  readonly loops: readonly string[]
}
