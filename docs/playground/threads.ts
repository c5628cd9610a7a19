import type { Formula } from './formula.js'
import type { RunPair } from './pair.js'
import type { PhaseRows } from './phase.js'
import { phaseSize } from './phaseAxes.js'
import type { Settings } from './settings.js'
import type { Answer, Task } from './worker.js'

/** A worker, with the tasks that it has not answered. */
class Thread {
  readonly #worker = new Worker(new URL('worker.ts', import.meta.url), { type: 'module' })
  readonly #waiting = new Map<
    number,
    { readonly resolve: (result: never) => void; readonly reject: (error: Error) => void }
  >()
  #next = 0

  constructor() {
    this.#worker.addEventListener('message', ({ data }: MessageEvent<Answer>) => {
      const waiting = this.#waiting.get(data.id)
      this.#waiting.delete(data.id)
      if ('error' in data) waiting?.reject(new Error(data.error))
      else waiting?.resolve(data.result as never)
    })
    this.#worker.addEventListener('error', ({ message }) => {
      for (const { reject } of this.#waiting.values())
        reject(new Error(message || 'the worker did not start'))
      this.#waiting.clear()
    })
  }

  ask<R>(task: Task): Promise<R> {
    const id = this.#next++
    return new Promise<R>((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject })
      // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a worker has no origin
      this.#worker.postMessage({ id, task })
    })
  }

  terminate(): void {
    this.#worker.terminate()
  }
}

/** So many rows of the phase diagram are one task: few enough that the picture grows while it is computed. */
const rowsPerTask = 4

/** The playground's workers: one for the runs that are looked at, and one per core for the phase diagram. */
export class Threads {
  readonly #runner = new Thread()
  #pool: Thread[] = []
  #round = 0

  run(settings: Settings, formula: Formula): Promise<RunPair> {
    return this.#runner.ask({ kind: 'run', settings, formula })
  }

  /**
   * Computes the phase diagram. A later call makes an earlier one stop.
   *
   * @param onRows is given the rows in the order in which they are ready
   * @returns whether it was finished
   */
  async phase(settings: Settings, formula: Formula, onRows: (rows: PhaseRows) => void): Promise<boolean> {
    const round = ++this.#round
    const count = Math.min(8, Math.max(1, navigator.hardwareConcurrency))
    while (this.#pool.length < count) this.#pool.push(new Thread())
    let next = 0
    const work = async (thread: Thread): Promise<void> => {
      while (next < phaseSize && round === this.#round) {
        const rows = [next, Math.min(phaseSize, next + rowsPerTask)] as const
        next = rows[1]
        const result = await thread.ask<PhaseRows>({ kind: 'phase', settings, formula, rows })
        if (round === this.#round) onRows(result)
      }
    }
    await Promise.all(this.#pool.map(work))
    return round === this.#round
  }

  /** Makes the phase diagram stop that is being computed. */
  stop(): void {
    this.#round++
  }

  terminate(): void {
    for (const thread of [this.#runner, ...this.#pool]) thread.terminate()
    this.#pool = []
  }
}
