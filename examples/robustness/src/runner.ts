import type { TypedArray } from '@induced-metric/core'

import type { Job } from './jobs.js'
import { optimizers } from './optimizers/index.js'
import { runOne, type Run } from './run.js'
import { tasks } from './tasks/index.js'
import type { Problem } from './tasks/task.js'

/** Makes runs one after the other, and keeps the latest problem for the next run. */
export interface Runner {
  run(job: Job): Promise<Run>
  release(): Promise<void>
}

interface Opened {
  readonly name: string
  readonly problem: Problem
  readonly start: readonly TypedArray[]
}

/** A runner over the tasks and optimisers of the study. */
export function createRunner(): Runner {
  let opened: Opened | undefined
  const release = async (): Promise<void> => {
    await opened?.problem.release()
    opened = undefined
  }
  const open = async ({ task, seed }: Job): Promise<Opened> => {
    const name = `${task} ${seed}`
    if (opened?.name === name) return opened
    await release()
    const problem = await find(tasks, task).open(seed)
    return (opened = { name, problem, start: problem.parameters.map(({ data }) => data.slice()) })
  }
  return {
    async run(job) {
      const { problem, start } = await open(job)
      const { floor } = find(tasks, job.task)
      const setup = { ...job, ...(floor !== undefined && { floor }) }
      return { ...job, ...(await runOne(problem, start, find(optimizers, job.optimizer), setup)) }
    },
    release,
  }
}

function find<T extends { readonly id: string }>(all: readonly T[], id: string): T {
  const found = all.find((one) => one.id === id)
  if (found === undefined) throw new Error(`There is no ${id} among ${all.map(({ id }) => id).join(', ')}.`)
  return found
}
