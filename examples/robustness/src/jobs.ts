import { plan } from './plan.js'
import { keyOf } from './results.js'
import type { Run } from './run.js'
import type { Task } from './tasks/task.js'

/** A run that is to be made. */
export type Job = Pick<Run, 'task' | 'optimizer' | 'rate' | 'seed' | 'steps'>

/** Which runs are wanted. */
export interface Wanted {
  readonly tasks: readonly Task[]
  /** Ids; those of the plan where there are none. */
  readonly optimizers?: readonly string[]
  /** Those of the plan where there are none. */
  readonly rates?: readonly number[]
  /** Those of the plan where there are none. */
  readonly seeds?: readonly number[]
  /** In the place of the tasks' own number. */
  readonly steps?: number
}

/**
 * The runs that are wanted and not stored yet, those of a task and a seed together.
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
