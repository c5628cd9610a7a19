import { plan } from './plan.js'
import { keyOf } from './results.js'
import type { Run } from './run.js'
import type { Task } from './tasks/task.js'

/** A run to make. */
export type Job = Pick<Run, 'task' | 'optimizer' | 'rate' | 'seed' | 'steps'>

/** The selection of runs. */
export interface Wanted {
  readonly tasks: readonly Task[]
  /** Ids; by default those of the plan. */
  readonly optimizers?: readonly string[]
  /** By default those of the plan. */
  readonly rates?: readonly number[]
  /** By default those of the plan. */
  readonly seeds?: readonly number[]
  /** Replaces the tasks' own number. */
  readonly steps?: number
}

/**
 * The selected runs that are not stored yet, those of a task and a seed together.
 *
 * @throws Error for an optimiser without rates, neither given nor in the plan
 */
export function jobsFor({ tasks, optimizers, rates, seeds, steps }: Wanted, stored: readonly Run[]): Job[] {
  const done = new Set(stored.map(keyOf))
  const jobs = tasks.flatMap((task) => {
    const planned = plan[task.id]
    const chosen = optimizers ?? Object.keys(planned?.rates ?? {})
    return (seeds ?? planned?.seeds ?? [0]).flatMap((seed) =>
      chosen.flatMap((optimizer) => {
        const tried = rates ?? planned?.rates[optimizer]
        if (tried === undefined)
          throw new Error(`${optimizer} has no rates for ${task.id} in the plan: give some with --rates.`)
        return tried.map((rate): Job => ({
          task: task.id,
          optimizer,
          rate,
          seed,
          steps: steps ?? task.steps,
        }))
      }),
    )
  })
  return jobs.filter((job) => !done.has(keyOf(job)))
}
