import { existsSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

import { openResults, type StudyResults } from '@induced-metric/sweep/results'

import { MISSED } from './score.js'
import { cacheFolder, pathOf } from './scope.js'
import { trialFactors } from './trials.js'
import { workloads } from './workloads/index.js'

/** A share of the steps, or null where the target was not reached. */
type Score = number | null

/** An optimiser on a workload. */
interface Row {
  readonly base: string
  readonly variant: string
  /** The factor of the best trial; null where none reached the target, or there are no trials. */
  readonly factor: number | null
  /** By trial. */
  readonly trials: Score[]
  /** By seed, of the best trial. */
  readonly scores: Score[]
  /** Processor time to the target, by seed. */
  readonly seconds: (number | null)[]
}

type Runs = StudyResults['trials'][number]['runs']

/** Writes results/tuned.json and results/self-tuning.json from what is stored. */
export function exportResults(): void {
  const [tuned, repeats, selfTuning] = ['tuned', 'repeats', 'self-tuning'].map(read)
  if (tuned !== undefined)
    write('tuned', [tuned, repeats], tunedRows(tuned, repeats), { factors: trialFactors() })
  if (selfTuning !== undefined) write('self-tuning', [selfTuning], selfTuningRows(selfTuning), {})
}

function read(study: string): StudyResults | undefined {
  const path = join(cacheFolder, `${study}.sqlite`)
  if (!existsSync(path)) return undefined
  const file = openResults(path)
  try {
    return file.read(study)
  } finally {
    file.close()
  }
}

type Trial = StudyResults['trials'][number]

const textOf = ({ hyperparameters }: Trial, name: string): string => hyperparameters[name] as string
const rowKey = (trial: Trial): string =>
  ['workload', 'base', 'variant'].map((name) => textOf(trial, name)).join()

function tunedRows(tuned: StudyResults, repeats: StudyResults | undefined): Map<string, Row[]> {
  const groups = new Map<string, Trial[]>()
  for (const trial of tuned.trials) groups.set(rowKey(trial), [...(groups.get(rowKey(trial)) ?? []), trial])
  const again = new Map(repeats?.trials.map((trial) => [rowKey(trial), trial.runs]))
  const rows = new Map<string, Row[]>()
  for (const [key, trials] of groups) {
    const scores = trials.map(({ runs }) => scoreOf(runs[0]!))
    const reached = scores.filter((score) => score !== null)
    const best = reached.length === 0 ? undefined : trials[scores.indexOf(Math.min(...reached))]
    const runs: Runs = best === undefined ? [] : [...best.runs, ...(again.get(key) ?? [])]
    add(rows, trials[0]!, {
      ...namesOf(trials[0]!),
      factor: best === undefined ? null : (best.hyperparameters['factor'] as number),
      trials: scores,
      scores: runs.map(scoreOf),
      seconds: runs.map(secondsOf),
    })
  }
  return rows
}

function selfTuningRows({ trials }: StudyResults): Map<string, Row[]> {
  const rows = new Map<string, Row[]>()
  for (const trial of trials)
    add(rows, trial, {
      ...namesOf(trial),
      factor: null,
      trials: [],
      scores: trial.runs.map(scoreOf),
      seconds: trial.runs.map(secondsOf),
    })
  return rows
}

const namesOf = (trial: Trial): Pick<Row, 'base' | 'variant'> => ({
  base: textOf(trial, 'base'),
  variant: textOf(trial, 'variant'),
})

function add(rows: Map<string, Row[]>, trial: Trial, row: Row): void {
  const workload = textOf(trial, 'workload')
  rows.set(workload, [...(rows.get(workload) ?? []), row])
}

const scoreOf = ({ value }: Runs[number]): Score => (value === null || value >= MISSED ? null : value)

const secondsOf = (run: Runs[number]): number | null => {
  const { seconds } = run.metrics
  return scoreOf(run) === null || seconds === undefined ? null : Number(seconds.toPrecision(2))
}

function write(
  name: string,
  studies: readonly (StudyResults | undefined)[],
  rows: Map<string, Row[]>,
  rest: object,
): void {
  const known = studies.filter((study) => study !== undefined)
  const all = known.flatMap(({ trials }) => trials.flatMap(({ runs }) => runs))
  const head = {
    command: `npm run study -w examples/optimizer-benchmark ${known.map(({ study }) => study).join(' ')}`,
    planned: known.reduce((sum, { definition }) => sum + definition.trials * definition.seeds.length, 0),
    runs: all.length,
    failed: all.filter(({ status }) => status !== 'finished').length,
    // Of processor time, in steps.
    minutes: Number((all.reduce((sum, { metrics }) => sum + (metrics['seconds'] ?? 0), 0) / 60).toFixed(1)),
    ...rest,
  }
  // A workload that has not been finished would compare some optimisers with others.
  const whole = Math.max(...[...rows.values()].map(({ length }) => length))
  const parts = workloads.flatMap(({ id, title, description, steps }) => {
    if ((rows.get(id)?.length ?? 0) < whole) return []
    const lines = (rows.get(id) ?? []).map(
      ({ base, variant, factor, trials, scores, seconds }) =>
        `   ${JSON.stringify([base, variant, factor, trials, scores, seconds])}`,
    )
    const about = JSON.stringify({ id, title, description, steps }).slice(0, -1)
    return [`  ${about}, "rows": [\n${lines.join(',\n')}\n  ]}`]
  })
  const text = `${JSON.stringify(head, undefined, 1).slice(0, -2)},\n "workloads": [\n${parts.join(',\n')}\n ]\n}\n`
  writeFileSync(pathOf(`results/${name}.json`), text)
}
