import { coordinate } from './coordination/coordinate.js'
import { createLedger } from './coordination/ledger.js'
import { createTally, type SweepEvent } from './coordination/progress.js'
import { requireInteger, requireKnown } from './errors.js'
import type { RunPool } from './pools/pool.js'
import { createThreadRuns, startThreads } from './pools/threads.js'
import { definitionOf, requireSame } from './results/definition.js'
import { lockStore } from './results/lock.js'
import { readResults, type StudyResults } from './results/read.js'
import { openStore, type Store } from './results/store.js'
import { loadStudy, type LoadedStudy } from './study/loadStudy.js'

/** The options of `runStudy`. */
export interface RunStudyOptions {
  /** The file of the results, in SQLite. Default: the study's name and `.sqlite`, in the working directory. */
  readonly results?: string
  /** The URL of a Redis server, whose workers run the study. Default: threads of this process do. */
  readonly redis?: string
  /** Threads, without `redis`. Default: the number of cores. */
  readonly threads?: number
  /** When it is aborted, nothing new begins, and what is running is waited for and stored. */
  readonly signal?: AbortSignal
  /** Called when a run has ended and been stored, and when there is something to tell. */
  readonly onEvent?: (event: SweepEvent) => void
}

/**
 * Runs a study, or what is left of it: every configuration with every seed, once. Results are stored as they come, so that
 * the process may be killed at any time, and goes on when it is called again.
 *
 * @param file - the study file
 * @returns the results so far, also if it was stopped
 * @throws ERR_OPTION if the study or an option is wrong; ERR_CHECKPOINT if the file holds another study of this name;
 *   ERR_NOT_SUPPORTED if another process writes to the file, or if Redis cannot be used
 */
export async function runStudy(file: string | URL, options: RunStudyOptions = {}): Promise<StudyResults> {
  requireKnown('runStudy', options, ['results', 'redis', 'threads', 'signal', 'onEvent'])
  if (options.threads !== undefined) requireInteger('threads', options.threads, 1)
  const study = await loadStudy(file)
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
          await (await import('./pools/redisRuns.js')).createRedisRuns(study, {
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
