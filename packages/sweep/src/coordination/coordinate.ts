import type { RunPool } from '../pools/pool.js'
import type { Store } from '../results/store.js'
import { type Job, jobId } from '../runs/job.js'
import { decodeOutcome } from '../runs/outcome.js'
import type { FullStudy } from '../study/study.js'
import type { Ledger } from './ledger.js'
import type { SweepEvent } from '../events.js'
import type { Tally } from './progress.js'

/** What `coordinate` works with. */
export interface Coordination {
  readonly study: FullStudy
  readonly store: Store
  readonly ledger: Ledger
  readonly tally: Tally
  readonly pool: RunPool
  /** When it is aborted, nothing new begins, and what is running is waited for. */
  readonly signal: AbortSignal | undefined
  readonly onEvent: (event: SweepEvent) => void
}

/** Runs what is left of a study, and stores each run as soon as it has ended. */
export async function coordinate(coordination: Coordination): Promise<void> {
  const { ledger, tally, pool, signal, onEvent } = coordination
  const active = new Map<string, Job>()
  let wake = (): void => {}
  let failure: { readonly error: unknown } | undefined
  let isOver = false
  const begin = (job: Job): void => {
    active.set(jobId(job), job)
    void perform(job)
      .catch((error: unknown) => (failure ??= { error }))
      .finally(() => wake())
    const { configuration, seed } = job
    onEvent({ kind: 'begin', progress: tally.progress(pool.running()), configuration, seed })
  }
  const perform = async (job: Job): Promise<void> => {
    const outcome = await pool.run(job)
    // What comes once the pool is given up is no result of the run.
    if (isOver) return
    finish(coordination, job, outcome)
    active.delete(jobId(job))
  }
  const canBegin = (): boolean => signal?.aborted !== true && active.size < pool.capacity
  const withdraw = async (): Promise<void> => {
    for (const job of await pool.withdraw()) active.delete(jobId(job))
    wake()
  }
  const stop = (): void => {
    withdraw().catch((error: unknown) => {
      failure ??= { error }
      wake()
    })
  }
  signal?.addEventListener('abort', stop)
  onEvent({ kind: 'start', progress: tally.progress(0) })
  try {
    for (;;) {
      while (canBegin()) {
        const job = ledger.next()
        if (job === undefined) break
        begin(job)
      }
      if (active.size === 0) return
      await new Promise<void>((resolve) => (wake = resolve))
      if (failure !== undefined) throw failure.error
    }
  } finally {
    isOver = true
    signal?.removeEventListener('abort', stop)
  }
}

function finish({ study, store, ledger, tally, pool, onEvent }: Coordination, job: Job, text: string): void {
  const outcome = decodeOutcome(text)
  const { configuration, seed, hyperparameters } = job
  // Only now may the pool forget it.
  const isNew = store.addRun(study.name, configuration, seed, outcome)
  pool.acknowledge(job)
  ledger.enter(job, outcome)
  if (!isNew) return
  const { status, value, error, seconds, reports } = outcome
  tally.count({ status, value, configuration })
  const run = { configuration, seed, status, value, error, seconds, steps: reports.length, hyperparameters }
  onEvent({ kind: 'run', progress: tally.progress(pool.running()), run })
}
