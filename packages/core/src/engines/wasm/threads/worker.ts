import type { WasmMemory } from '../../engine.js'
import type { WasmFunction, WasmModule } from '../memory.js'
import type { WorkerMessage } from './protocol.js'

declare const WebAssembly: {
  readonly Instance: new (
    module: WasmModule,
    imports: { env: { memory: WasmMemory } },
  ) => { readonly exports: Readonly<Record<string, WasmFunction>> }
}

/**
 * Makes a worker take a part of the steps of optimisers of the thread that started it: see `worker` of
 * `createOptimizer`. The worker can do nothing else from then on. It sleeps as long as there is nothing to do.
 *
 * @param scope the object that receives the worker's messages: `self` in a browser, `parentPort` of
 *   `node:worker_threads` in Node
 *
 * @example
 * ```ts no-run
 * import { parentPort } from 'node:worker_threads'
 * import { serveOptimizers } from '@induced-metric/core'
 *
 * serveOptimizers(parentPort!)
 * ```
 */
export function serveOptimizers(scope: object): void {
  // The messages contain everything else that the loop needs, so that this function can be sent to a worker as text.
  const programs = new Map<number, readonly WasmFunction[]>()
  let received = 0
  /** Polls before it goes to sleep: about the time that the host takes from one pass of a step to the next. */
  const polls = 2000

  const serve = ({ control, word, state }: WorkerMessage): void => {
    const words = new Int32Array(control)
    let idle = 0
    for (;;) {
      const signal = Atomics.load(words, word.signal)
      // Another message is on its way. It arrives when this function returns.
      if (Atomics.load(words, word.messages) !== received) return
      if (Atomics.load(words, word.state) !== state.offered) {
        if (++idle > polls) Atomics.wait(words, word.signal, signal)
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
  const listener = scope as { onmessage: (event: { readonly data: WorkerMessage }) => void }
  // Setting `onmessage` also starts a port, of Node too.
  // oxlint-disable-next-line unicorn/prefer-add-event-listener
  listener.onmessage = ({ data }) => {
    received++
    const { program, code } = data
    if (code === undefined) programs.delete(program)
    else {
      const { module, memory, loops } = code
      const { exports } = new WebAssembly.Instance(module, { env: { memory } })
      programs.set(
        program,
        loops.map((name) => exports[name]!),
      )
    }
    serve(data)
  }
}
