import type { WasmFunction, WasmMemory, WasmModule } from '../memory.js'

declare const WebAssembly: {
  readonly Instance: new (
    module: WasmModule,
    imports: { env: { memory: WasmMemory } },
  ) => { readonly exports: Readonly<Record<string, WasmFunction>> }
}

/** What a helper is sent: a program to be ready for, or, without `work`, one to forget. */
export interface Orders {
  /** Memory that the threads share, for what they tell each other; the same in all orders. */
  readonly control: SharedArrayBuffer
  /** Where in it what stands, as indices of 32-bit words. */
  readonly word: Readonly<
    Record<
      'state' | 'signal' | 'orders' | 'program' | 'loop' | 'next' | 'rows' | 'table' | 'rowBytes',
      number
    >
  >
  /** The values of the word `state`. */
  readonly state: Readonly<Record<'idle' | 'offered' | 'taken' | 'done', number>>
  readonly program: number
  readonly work?: {
    readonly module: WasmModule
    readonly memory: WasmMemory
    /** The names of the loops that may be asked for, by number. */
    readonly loops: readonly string[]
  }
}

/**
 * Makes a worker the helper of optimisers of the thread that started it: see `helper` of `createOptimizer`. From then on the
 * worker is theirs alone. It sleeps as long as there is nothing to do.
 *
 * @param scope where the worker gets its messages: `self` in a browser, `parentPort` of `node:worker_threads` in Node
 *
 * @example
 * ```ts no-run
 * import { parentPort } from 'node:worker_threads'
 * import { assist } from '@induced-metric/core'
 *
 * assist(parentPort!)
 * ```
 */
export function assist(scope: object): void {
  // All that the loop needs comes with the orders, so that the function can be sent to a worker as text.
  const programs = new Map<number, readonly WasmFunction[]>()
  let taken = 0
  /** Looks after which it goes to sleep: about as long as the host takes from one pass of a step to the next. */
  const looks = 2000

  const serve = ({ control, word, state }: Orders): void => {
    const words = new Int32Array(control)
    let idle = 0
    for (;;) {
      const signal = Atomics.load(words, word.signal)
      // There are more orders: they come when this returns.
      if (Atomics.load(words, word.orders) !== taken) return
      if (Atomics.load(words, word.state) !== state.offered) {
        if (++idle > looks) Atomics.wait(words, word.signal, signal)
        continue
      }
      if (Atomics.compareExchange(words, word.state, state.offered, state.taken) !== state.offered) continue
      idle = 0
      const run = programs.get(words[word.program]!)![words[word.loop]!]!
      const [rows, table, rowBytes] = [words[word.rows]!, words[word.table]!, words[word.rowBytes]!]
      for (let row; (row = Atomics.add(words, word.next, 1)) < rows;) run(table + row * rowBytes, 1)
      Atomics.store(words, word.state, state.done)
    }
  }
  const listener = scope as { onmessage: (event: { readonly data: Orders }) => void }
  // Begins to receive as well, on a port of Node too.
  // oxlint-disable-next-line unicorn/prefer-add-event-listener
  listener.onmessage = ({ data }) => {
    taken++
    const { program, work } = data
    if (work === undefined) programs.delete(program)
    else {
      const { module, memory, loops } = work
      const { exports } = new WebAssembly.Instance(module, { env: { memory } })
      programs.set(
        program,
        loops.map((name) => exports[name]!),
      )
    }
    serve(data)
  }
}
