import { coded } from '../errors.js'
import type { FullStudy } from '../study/study.js'

/** A study as it is stored: all that results depend on, except the code of `run`. */
export interface StudyDefinition {
  readonly space: unknown
  readonly metric: FullStudy['metric']
  readonly sampler: { readonly name: string; readonly options: unknown }
  readonly samplerSeed: number
  readonly seeds: readonly number[]
  readonly stopping: { readonly name: string; readonly options: unknown } | null
  readonly delay: number
  readonly secondsPerRun: number | null
  readonly trials: number
}

/** What is stored of a study. */
export function definitionOf(study: FullStudy): StudyDefinition {
  const { space, metric, sampler, samplerSeed, seeds, stopping, delay, secondsPerRun, trials } = study
  return {
    space,
    metric,
    sampler: { name: sampler.name, options: sampler.options },
    samplerSeed,
    seeds,
    stopping: stopping === undefined ? null : { name: stopping.name, options: stopping.options },
    delay,
    secondsPerRun: secondsPerRun ?? null,
    trials,
  }
}

/**
 * Refuses to go on with a study that has become another one. More trials, more seeds where nothing learns, and another limit
 * of time leave the results valid that are there.
 *
 * @throws ERR_CHECKPOINT
 */
export function requireSame(file: string, name: string, stored: StudyDefinition, now: StudyDefinition): void {
  const learns = now.sampler.name === 'tpe' || now.stopping !== null
  const changed = (Object.keys(now) as (keyof StudyDefinition)[]).filter((key) => {
    if (key === 'trials' || key === 'secondsPerRun' || (key === 'seeds' && !learns)) return false
    return JSON.stringify(stored[key]) !== JSON.stringify(now[key])
  })
  if (changed.length === 0) return
  throw coded(
    'ERR_CHECKPOINT',
    `${file} has results of ${name} with another ${changed.join(', another ')}; give the study another name, or name another file`,
  )
}
