import { optionError, shown } from '../errors.js'
import { isBetter, type RunReport } from '../runs/outcome.js'
import type { Hyperparameters } from '../space/space.js'
import type { StudyDefinition } from './definition.js'
import { openStore, type Store, type StoredRun } from './store.js'

/** A configuration and its runs. */
export interface Trial {
  /** The number of the configuration, from 0. */
  readonly configuration: number
  readonly hyperparameters: Hyperparameters
  readonly runs: readonly StoredRun[]
  /** The mean of the metric over the seeds; NaN unless every run so far has finished. */
  readonly mean: number
  /** The standard deviation over the seeds (n − 1); NaN where there are fewer than two. */
  readonly deviation: number
}

/** The results of a study so far. */
export interface StudyResults {
  readonly study: string
  readonly definition: StudyDefinition
  /** In the order of the study. Configurations without a run that has ended are left out. */
  readonly trials: readonly Trial[]
  /** The trial with the best mean among those with the most finished seeds, or undefined if nothing has finished. */
  readonly best: Trial | undefined
}

/** Reads the results of a study from an open file. */
export function readResults(store: Store, study: string): StudyResults {
  const stored = store.definition(study)
  if (stored === undefined) {
    const names = store.names().map(shown).join(', ')
    throw optionError(`${store.file} has no study ${shown(study)}; it has ${names || 'none'}`)
  }
  const byConfiguration = new Map<number, StoredRun[]>()
  for (const run of store.runs(study)) {
    const runs = byConfiguration.get(run.configuration)
    if (runs === undefined) byConfiguration.set(run.configuration, [run])
    else runs.push(run)
  }
  const configurations = store.configurations(study)
  const trials = [...byConfiguration].map(([configuration, runs]) => ({
    configuration,
    hyperparameters: configurations.get(configuration)!,
    runs,
    ...statistics(runs),
  }))
  return { study, definition: stored.definition, trials, best: rankTrials(trials, stored.definition)[0] }
}

function statistics(runs: readonly StoredRun[]): Pick<Trial, 'mean' | 'deviation'> {
  const values = runs.map(({ status, value }) => (status === 'finished' && value !== null ? value : NaN))
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length
  const squares = values.reduce((sum, value) => sum + (value - mean) ** 2, 0)
  return { mean, deviation: values.length < 2 ? NaN : Math.sqrt(squares / (values.length - 1)) }
}

/** The trials that finished, the best first; of those, complete ones come before ones with seeds still to run. */
export function rankTrials(trials: readonly Trial[], { metric }: Pick<StudyDefinition, 'metric'>): Trial[] {
  return trials
    .filter(({ mean }) => !Number.isNaN(mean))
    .sort((a, b) => {
      if (a.runs.length !== b.runs.length) return b.runs.length - a.runs.length
      return isBetter(metric, a.mean, b.mean) ? -1 : isBetter(metric, b.mean, a.mean) ? 1 : 0
    })
}

/** A file of results that is open for reading. */
export interface ResultsFile {
  /** The names of its studies, the oldest first. */
  readonly studies: readonly string[]
  /** @throws ERR_OPTION if there is no such study. Without a name, the only one is meant. */
  readonly read: (study?: string) => StudyResults
  /** The reports of a run, from its first step to its last. */
  readonly reports: (study: string, configuration: number, seed: number) => RunReport[]
  readonly close: () => void
}

/**
 * Opens a file of results for reading, also while a sweep writes to it.
 *
 * @throws ERR_CHECKPOINT if there is no such file, or it is something else
 */
export function openResults(file: string): ResultsFile {
  const store = openStore(file, { readonly: true })
  const studies = store.names()
  return {
    studies,
    read(study) {
      if (study === undefined && studies.length !== 1)
        throw optionError(`${file} has ${studies.length} studies, name one: ${studies.map(shown).join(', ')}`)
      return readResults(store, study ?? studies[0]!)
    },
    reports: store.reports,
    close: store.close,
  }
}
