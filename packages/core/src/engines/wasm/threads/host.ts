import { InducedMetricError } from '../../../errors.js'
import type { OptimizerWorker } from '../../engine.js'
import type { WasmFunction } from '../memory.js'
import type { WorkerCode, WorkerMessage } from './protocol.js'

/** The loops of a program, run by this thread and a worker. */
export interface ParallelLoops {
  /**
   * Runs a loop over rows of a table. Each thread takes the next row until none is left. While the worker is starting
   * or busy, this thread takes all of them.
   *
   * @param run the loop of that name
   */
  run(name: string, run: WasmFunction, table: number, rowBytes: number, rows: number): void
  dispose(): void
}

const word = {
  state: 0,
  signal: 1,
  messages: 2,
  program: 3,
  loop: 4,
  next: 5,
  rows: 6,
  table: 7,
  rowBytes: 8,
} as const
const state = { idle: 0, offered: 1, taken: 2, done: 3 } as const

/** The connection to a worker, which all its programs share. */
interface Channel {
  readonly control: SharedArrayBuffer
  readonly words: Int32Array
  /** The number of programs so far. */
  programs: number
  /** Whether the worker was terminated within a step. */
  isTerminated: boolean
}

const channels = new WeakMap<OptimizerWorker, Channel>()

/** Milliseconds in which a live thread has long finished its part. */
const timeout = 10_000

/** Waits until the worker has finished the part it took. Returns false where it is no longer alive. */
function waitUntilDone(words: Int32Array): boolean {
  let before = Date.now()
  for (let waited = 0; waited < timeout;) {
    if (Atomics.load(words, word.state) === state.done) return true
    const now = Date.now()
    // Both threads sleep when the machine does, and a clock can be set.
    waited += Math.min(Math.max(now - before, 0), 100)
    before = now
  }
  return false
}

function channelTo(worker: OptimizerWorker): Channel {
  let channel = channels.get(worker)
  if (!channel) {
    const control = new SharedArrayBuffer(64)
    channel = { control, words: new Int32Array(control), programs: 0, isTerminated: false }
    channels.set(worker, channel)
  }
  return channel
}

function signal(words: Int32Array): void {
  Atomics.add(words, word.signal, 1)
  Atomics.notify(words, word.signal)
}

function post(worker: OptimizerWorker, words: Int32Array, message: WorkerMessage): void {
  // Before the message is posted: the worker must leave its loop, or its sleep, to receive it.
  Atomics.add(words, word.messages, 1)
  signal(words)
  try {
    // A worker has no origin to name.
    // oxlint-disable-next-line unicorn/require-post-message-target-origin
    worker.postMessage(message)
  } catch (error) {
    Atomics.sub(words, word.messages, 1)
    throw error
  }
}

/** Prepares a worker for a program's loops on a memory that is shared with it. */
export function createParallelLoops(worker: OptimizerWorker, code: WorkerCode): ParallelLoops {
  const channel = channelTo(worker)
  const { control, words } = channel
  const program = channel.programs++
  post(worker, words, { control, word, state, program, code })
  return {
    run(name, run, table, rowBytes, rows) {
      if (channel.isTerminated) {
        run(table, rows)
        return
      }
      words[word.program] = program
      words[word.loop] = code.loops.indexOf(name)
      words[word.next] = 0
      words[word.rows] = rows
      words[word.table] = table
      words[word.rowBytes] = rowBytes
      Atomics.store(words, word.state, state.offered)
      signal(words)
      for (let row; (row = Atomics.add(words, word.next, 1)) < rows;) run(table + row * rowBytes, 1)
      if (Atomics.compareExchange(words, word.state, state.offered, state.idle) === state.offered) return
      channel.isTerminated = !waitUntilDone(words)
      Atomics.store(words, word.state, state.idle)
      if (!channel.isTerminated) return
      throw new InducedMetricError(
        'ERR_DISPOSED',
        'the worker was terminated within a step, and its part of the step is missing: load a checkpoint, and dispose ' +
          'of optimisers before you terminate their worker',
      )
    },
    dispose: () => post(worker, words, { control, word, state, program }),
  }
}
