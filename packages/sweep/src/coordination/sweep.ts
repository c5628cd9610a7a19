import { createThreadRuns, startThreads } from '../pools/threads.js'
import type { RunPool } from '../pools/pool.js'
import { definitionOf, requireSame } from '../results/definition.js'
import { lockStore } from '../results/lock.js'
import { readResults, type StudyResults } from '../results/read.js'
import { openStore, type Store } from '../results/store.js'
import type { RunStudyOptions } from '../runOptions.js'
import type { LoadedStudy } from '../study/loadStudy.js'
import { optionError } from '../errors.js'
import { coordinate } from './coordinate.js'
import { createLedger } from './ledger.js'
import { createTally } from './progress.js'

/** Runs what is left of a study: see `runStudy`. */
export async function sweep(study: LoadedStudy, options: RunStudyOptions): Promise<StudyResults> {
  const path = options.results ?? `${study.name}.sqlite`
  const release = lockStore(path)
  try {
    const store = openStore(path)
    try {
      await runIn(store, study, options)
      return readResults(store, study.name)
    } finally {
      store.close()
    }
  } finally {
    release()
  }
}

async function runIn(store: Store, study: LoadedStudy, options: RunStudyOptions): Promise<void> {
  const { signal, onEvent = () => {} } = options
  const id = declare(store, study)
  if (options.retry === true) forgetFailures(store, study)
  const ledger = createLedger(study, store)
  const tally = createTally(study)
  for (const run of store.runs(study.name)) {
    if (run.configuration >= study.trials || !study.seeds.includes(run.seed)) continue
    ledger.enter(run, run)
    tally.count(run)
  }
  tally.begin()
  const notice = (text: string): void =>
    onEvent({ kind: 'notice', notice: text, progress: tally.progress(pool?.running() ?? 0) })
  let pool: RunPool | undefined
  try {
    const opened =
      options.redis === undefined
        ? createThreadRuns(startThreads(study, options.threads))
        : // Loaded on demand, because BullMQ need not be installed.
          await (
            await import('../pools/redisRuns.js')
          ).createRedisRuns(study, {
            url: options.redis,
            token: id,
            isStored: ledger.has,
            notice,
          })
    pool = opened
    await coordinate({ study, store, ledger, tally, pool: opened, signal, onEvent })
  } finally {
    await pool?.close()
  }
}

/** Writes down what is studied, or compares it with what was. @returns the id of this study in this file */
function declare(store: Store, study: LoadedStudy): string {
  const now = definitionOf(study)
  const stored = store.definition(study.name)
  if (stored !== undefined) requireSame(store.file, study.name, stored.definition, now)
  store.declare(study.name, now)
  return stored?.id ?? store.definition(study.name)!.id
}

/** Makes room for failed runs to run again. What learned from them has its configurations already. */
function forgetFailures(store: Store, study: LoadedStudy): void {
  if (study.sampler.learns || study.stopping !== undefined)
    throw optionError('a study that learns cannot retry: later configurations depend on the runs that failed')
  store.removeRuns(study.name, ['failed', 'timedOut'])
}
