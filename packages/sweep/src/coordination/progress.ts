import type { Progress } from '../events.js'
import type { StoredRun } from '../results/store.js'
import { isBetter } from '../runs/outcome.js'
import type { FullStudy } from '../study/study.js'

/** Counts the runs of a study. */
export interface Tally {
  readonly count: (run: Pick<StoredRun, 'status' | 'value' | 'configuration'>) => void
  readonly progress: (running: number) => Progress
}

/** Creates a count of nothing. */
export function createTally({ name, metric, trials, seeds }: FullStudy): Tally & { begin: () => void } {
  let [done, failed, found] = [0, 0, 0]
  let best: Progress['best']
  return {
    count({ status, value, configuration }) {
      done++
      if (status === 'failed' || status === 'notFinite' || status === 'timedOut') failed++
      if (status !== 'finished' || value === null) return
      if (best === undefined || isBetter(metric, value, best.value)) best = { value, configuration }
    },
    begin: () => void (found = done),
    progress: (running) => ({
      study: name,
      total: trials * seeds.length,
      done,
      running,
      failed,
      best,
      found,
    }),
  }
}
