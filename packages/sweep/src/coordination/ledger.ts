import type { Store } from '../results/store.js'
import { type Job, jobId } from '../runs/job.js'
import { type RunOutcome, toLoss } from '../runs/outcome.js'
import type { TriedConfiguration } from '../samplers/sampler.js'
import type { Hyperparameters } from '../space/space.js'
import { learnThresholds } from '../stopping/learned.js'
import type { Thresholds } from '../stopping/rule.js'
import type { FullStudy } from '../study/study.js'

/** What a run came to, as far as later ones depend on it. */
export type Ended = Pick<RunOutcome, 'status' | 'value'>

/** The runs of a study in their order: which have ended, and which is next. */
export interface Ledger {
  readonly has: (id: string) => boolean
  readonly enter: (run: Pick<Job, 'configuration' | 'seed'>, ended: Ended) => void
  /** The next run; undefined if there is none, or if it depends on runs that have not ended. */
  readonly next: () => Job | undefined
}

/** Creates the ledger of a study, with the configurations that are stored. */
export function createLedger(study: FullStudy, store: Store): Ledger {
  const { space, seeds, sampler, delay, trials, samplerSeed } = study
  const ended = new Map<string, Ended>()
  const configurations = store.configurations(study.name)
  const learning = createLearning(study, store, ended, configurations)
  let [configuration, seedIndex] = [0, 0]
  let thresholds: Thresholds = []

  const propose = (): Hyperparameters => {
    const stored = configurations.get(configuration)
    if (stored !== undefined) return stored
    const tried = sampler.learns ? learning.tried() : []
    const fresh = sampler.propose({ space, index: configuration, seed: samplerSeed, tried })
    // As it will be read again, so that going on later makes no difference.
    const proposed = JSON.parse(JSON.stringify(fresh)) as Hyperparameters
    store.addConfiguration(study.name, configuration, proposed)
    configurations.set(configuration, proposed)
    return proposed
  }
  const advance = (): void => {
    seedIndex = (seedIndex + 1) % seeds.length
    if (seedIndex === 0) configuration++
  }
  const isNextStored = (): boolean =>
    configuration < trials && ended.has(jobId({ configuration, seed: seeds[seedIndex]! }))
  return {
    has: (id) => ended.has(id),
    enter: (run, { status, value }) => void ended.set(jobId(run), { status, value }),
    next() {
      while (isNextStored()) advance()
      if (configuration >= trials) return undefined
      const seed = seeds[seedIndex]!
      if (!learning.upTo(configuration - delay)) return undefined
      const hyperparameters = propose()
      if (study.stopping !== undefined) thresholds = learning.thresholds()
      const job = { configuration, seed, hyperparameters, thresholds }
      advance()
      return job
    },
  }
}

/** What samplers and rules learn from: a beginning of the study, in its order, so that nothing depends on timing. */
interface Learning {
  /** Learns from all configurations before this one. @returns false if some of them have not ended */
  readonly upTo: (configuration: number) => boolean
  readonly tried: () => readonly TriedConfiguration[]
  readonly thresholds: () => Thresholds
}

function createLearning(
  study: FullStudy,
  store: Store,
  ended: ReadonlyMap<string, Ended>,
  configurations: ReadonlyMap<number, Hyperparameters>,
): Learning {
  const { metric, seeds, sampler, stopping } = study
  const tried: TriedConfiguration[] = []
  const rule = stopping === undefined ? undefined : learnThresholds(stopping)
  const learnCurves = (configuration: number): void => {
    for (const seed of seeds) {
      const curve = store
        .reports(study.name, configuration, seed)
        .flatMap(({ step, metrics }) =>
          metrics[metric.name] === undefined ? [] : [[step, toLoss(metric, metrics[metric.name]!)] as const],
        )
      rule?.learn(curve)
    }
  }
  return {
    upTo(configuration) {
      if (!sampler.learns && rule === undefined) return true
      for (let next = tried.length; next < configuration; next++) {
        const runs = seeds.map((seed) => ended.get(jobId({ configuration: next, seed })))
        if (runs.includes(undefined)) return false
        tried.push(summarize(study, configurations.get(next)!, runs as Ended[]))
        learnCurves(next)
      }
      return true
    },
    tried: () => tried,
    thresholds: () => rule?.thresholds() ?? [],
  }
}

function summarize(
  { metric }: FullStudy,
  hyperparameters: Hyperparameters,
  runs: readonly Ended[],
): TriedConfiguration {
  const values = runs.map(({ value }) => (value === null ? NaN : toLoss(metric, value)))
  const loss = values.reduce((sum, value) => sum + value, 0) / values.length
  const status = Number.isNaN(loss)
    ? 'failed'
    : runs.some((run) => run.status === 'stopped')
      ? 'stopped'
      : 'finished'
  return { hyperparameters, status, loss }
}
