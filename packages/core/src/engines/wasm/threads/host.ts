import { InducedMetricError } from '../../../errors.js'
import type { Orders } from './worker.js'
import type { Program } from '../codegen/program.js'
import type { WasmFunction, WasmMemory } from '../memory.js'

/** Another thread: a `Worker`, of a browser or of `node:worker_threads`, in which `assist` was called. */
export interface Helper {
  postMessage(message: unknown): void
}

/** A helper at the service of a program. */
export interface Assistant {
  /**
   * Runs a loop over rows of a table, each of them by whoever comes first. A helper that is not up yet, or busy, leaves
   * all of them to the caller.
   *
   * @param run the loop of that name
   */
  share(name: string, run: WasmFunction, table: number, rowBytes: number, rows: number): void
  dispose(): void
}

const word = {
  state: 0,
  signal: 1,
  orders: 2,
  program: 3,
  loop: 4,
  next: 5,
  rows: 6,
  table: 7,
  rowBytes: 8,
} as const
const state = { idle: 0, offered: 1, taken: 2, done: 3 } as const

/** What the programs of one helper share. */
interface Crew {
  readonly control: SharedArrayBuffer
  readonly words: Int32Array
  programs: number
  /** Whether the helper was ended within a step. */
  ended: boolean
}

const crews = new WeakMap<Helper, Crew>()

/** Milliseconds in which a thread that lives has long done its part. */
const patience = 10_000

/** Waits until the helper has done the part it took; whether it lives to do it. */
function waitUntilDone(words: Int32Array): boolean {
  let before = Date.now()
  for (let waited = 0; waited < patience;) {
    if (Atomics.load(words, word.state) === state.done) return true
    const now = Date.now()
    // Both threads sleep when the machine does, and a clock can be set.
    waited += Math.min(Math.max(now - before, 0), 100)
    before = now
  }
  return false
}

/** Makes a helper ready for a program on a memory that is shared with it. */
export function enlist(helper: Helper, { module, functions }: Program, memory: WasmMemory): Assistant {
  let crew = crews.get(helper)
  if (!crew) {
    const control = new SharedArrayBuffer(64)
    crews.set(helper, (crew = { control, words: new Int32Array(control), programs: 0, ended: false }))
  }
  const { control, words } = crew
  const program = crew.programs++
  const loops = [...new Set([...functions.values()].map(({ name }) => name))]
  const call = (): void => {
    Atomics.add(words, word.signal, 1)
    Atomics.notify(words, word.signal)
  }
  const order = (work?: Orders['work']): void => {
    const orders: Orders = { control, word, state, program, ...(work && { work }) }
    // First: it has to leave its loop, or its sleep, to get the message.
    Atomics.add(words, word.orders, 1)
    call()
    try {
      // A worker's: it has no origin to name.
      // oxlint-disable-next-line unicorn/require-post-message-target-origin
      helper.postMessage(orders)
    } catch (error) {
      Atomics.sub(words, word.orders, 1)
      throw error
    }
  }
  order({ module, memory, loops })
  return {
    share(name, run, table, rowBytes, rows) {
      if (crew.ended) {
        run(table, rows)
        return
      }
      words[word.program] = program
      words[word.loop] = loops.indexOf(name)
      words[word.next] = 0
      words[word.rows] = rows
      words[word.table] = table
      words[word.rowBytes] = rowBytes
      Atomics.store(words, word.state, state.offered)
      call()
      for (let row; (row = Atomics.add(words, word.next, 1)) < rows;) run(table + row * rowBytes, 1)
      if (Atomics.compareExchange(words, word.state, state.offered, state.idle) === state.offered) return
      crew.ended = !waitUntilDone(words)
      Atomics.store(words, word.state, state.idle)
      if (!crew.ended) return
      throw new InducedMetricError(
        'ERR_DISPOSED',
        'the helper was ended within a step, and its part is missing: load a checkpoint, and end a helper only when its ' +
          'optimisers are disposed of',
      )
    },
    dispose: () => order(),
  }
}
