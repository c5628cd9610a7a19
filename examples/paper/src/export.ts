import { existsSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

import { openResults, type ResultsFile, type StudyResults } from '@induced-metric/sweep/results'

import { studyIds, type StudyId } from './studyFiles.js'

/** A run, as it is committed. */
export interface CompactRun {
  readonly seed: number
  /** The study's metric, or null where the run has none. */
  readonly value: number | null
  readonly seconds: number
  /** Metrics of the last report. */
  readonly last?: Readonly<Record<string, number>>
  /** The metric after the first epoch. */
  readonly first?: number
  /** The step of the best report. */
  readonly bestAt?: number
}

/** A configuration with its runs. */
export interface CompactTrial {
  readonly hyperparameters: Readonly<Record<string, unknown>>
  readonly runs: readonly CompactRun[]
}

/** What is committed of a study. */
export interface CompactStudy {
  /** The command that made it. */
  readonly command: string
  readonly metric: string
  readonly goal: 'minimize' | 'maximize'
  /** Runs that the study has, of which those below had ended. */
  readonly planned: number
  readonly trials: readonly CompactTrial[]
}

/** A study of the grid is committed as the distribution of its values. */
const GRIDS: ReadonlySet<StudyId> = new Set(['functions'])

/** Writes the stored results of all studies as compact JSON. @returns the files */
export function exportResults(from: string, to: string): string[] {
  return studyIds.flatMap((id) => {
    const stored = join(from, `${id}.sqlite`)
    if (!existsSync(stored)) return []
    const file = openResults(stored)
    try {
      const path = join(to, `${id}.json`)
      const results = file.read(id)
      writeFileSync(path, stringify(GRIDS.has(id) ? gridOf(id, results) : compact(id, results, file)))
      return [path]
    } finally {
      file.close()
    }
  })
}

function headOf(id: StudyId, { definition }: StudyResults): Omit<CompactStudy, 'trials'> {
  const { metric, trials, seeds } = definition
  return {
    command: `npm run study -w examples/paper ${id}`,
    metric: metric.name,
    goal: metric.goal,
    planned: trials * seeds.length,
  }
}

function compact(id: StudyId, results: StudyResults, file: ResultsFile): CompactStudy {
  const { name, goal } = results.definition.metric
  return {
    ...headOf(id, results),
    trials: results.trials.map(({ configuration, hyperparameters, runs }) => ({
      hyperparameters,
      runs: runs.map(({ seed, value, seconds, metrics }) => {
        const reported = file
          .reports(id, configuration, seed)
          .filter(({ metrics: found }) => found[name] !== undefined)
        const values = reported.map(({ metrics: found }) => found[name]!)
        const best = goal === 'maximize' ? Math.max(...values) : Math.min(...values)
        const { [name]: _, ...others } = metrics
        return {
          seed,
          value: value === null ? null : short(value),
          seconds: short(seconds, 3),
          ...(reported.length > 0 && {
            first: short(values[0]!),
            bestAt: reported[values.indexOf(best)]!.step,
          }),
          ...(Object.keys(others).length > 0 && {
            last: Object.fromEntries(Object.entries(others).map(([key, one]) => [key, short(one)])),
          }),
        }
      }),
    })),
  }
}

/** The values by function and optimiser, in the order of the grid, as one list each. */
function gridOf(id: StudyId, results: StudyResults): object {
  const values: Record<string, Record<string, number[]>> = {}
  for (const { hyperparameters, runs } of results.trials) {
    const lists = (values[hyperparameters['function'] as string] ??= {})
    ;(lists[hyperparameters['optimizer'] as string] ??= []).push(runs[0]!.value ?? NaN)
  }
  const byOptimizer = Object.entries(values).map(([name, lists]) => [
    name,
    Object.fromEntries(Object.entries(lists).map(([optimizer, list]) => [optimizer, spread(list)])),
  ])
  return { ...headOf(id, results), grid: Object.fromEntries(byOptimizer) as object }
}

/** How many of a grid arrive, and in how many steps: the sorted steps of those that do. */
function spread(steps: readonly number[]): object {
  const arrived = steps.filter((value) => value < 2000).sort((a, b) => a - b)
  return { tried: steps.length, arrived: arrived.length, steps: arrived }
}

function short(value: number, digits = 5): number {
  return Number(value.toPrecision(digits))
}

/** JSON with a line for each innermost object, so that changes can be read. */
function stringify(value: object): string {
  return `${JSON.stringify(value, undefined, 1).replaceAll(/\n\s{3,}/g, ' ')}\n`
}
