import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll } from 'vitest'
import { coordinate } from '../../src/coordination/coordinate.js'
import { createLedger } from '../../src/coordination/ledger.js'
import { createTally } from '../../src/coordination/progress.js'
import type { SweepEvent } from '../../src/events.js'
import type { RunPool } from '../../src/pools/pool.js'
import { definitionOf } from '../../src/results/definition.js'
import { readResults, type StudyResults } from '../../src/results/read.js'
import { openStore, type Store } from '../../src/results/store.js'
import { execute } from '../../src/runs/execute.js'
import type { Job } from '../../src/runs/job.js'
import { encode } from '../../src/runs/outcome.js'
import type { Space } from '../../src/space/space.js'
import { completeStudy, type FullStudy, type Study } from '../../src/study/study.js'

const folder = mkdtempSync(join(tmpdir(), 'induced-metric-sweep-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))
let count = 0

/** A path in a folder that goes with the tests of a file. */
export const temporary = (name = 'results.sqlite'): string => join(folder, `${++count}-${name}`)

/** A study with its defaults. */
export const complete = <S extends Space>(study: Study<S>): FullStudy =>
  completeStudy(study as unknown as Study, 'here')

/** Options of a sweep in this thread. */
export interface HereOptions {
  /** Runs at a time. */
  readonly capacity?: number
  readonly store?: Store
  /** Runs after which the sweep is stopped. */
  readonly stopAfter?: number
  readonly onEvent?: (event: SweepEvent) => void
  readonly onJob?: (job: Job) => void
}

/** Runs a study in this thread, its runs ending in an order of chance if several are running. */
export async function runHere<S extends Space>(
  given: Study<S>,
  options: HereOptions = {},
): Promise<StudyResults> {
  const study = complete(given)
  const { capacity = 1, stopAfter = Infinity, onEvent, onJob } = options
  const store = options.store ?? openStore(temporary())
  store.declare(study.name, definitionOf(study))
  const ledger = createLedger(study, store)
  const tally = createTally(study)
  for (const run of store.runs(study.name)) {
    ledger.enter(run, run)
    tally.count(run)
  }
  tally.begin()
  const controller = new AbortController()
  let ended = 0
  const pool: RunPool = {
    capacity,
    async run(job) {
      onJob?.(job)
      if (capacity > 1) await new Promise((resolve) => setTimeout(resolve, Math.random() * 3))
      return encode(await execute(study, JSON.parse(JSON.stringify(job)) as Job))
    },
    acknowledge: () => {},
    running: () => 0,
    withdraw: () => Promise.resolve([]),
    close: () => Promise.resolve(),
  }
  await coordinate({
    study,
    store,
    ledger,
    tally,
    pool,
    signal: controller.signal,
    onEvent(event) {
      onEvent?.(event)
      if (event.kind === 'run' && ++ended >= stopAfter) controller.abort()
    },
  })
  return readResults(store, study.name)
}

/** What must not depend on where, when and in which order runs took place. */
export function essence({ trials }: StudyResults): unknown {
  return trials.map(({ configuration, hyperparameters, runs }) => ({
    configuration,
    hyperparameters,
    runs: runs.map(({ seed, status, value, metrics, steps }) => ({ seed, status, value, metrics, steps })),
  }))
}
