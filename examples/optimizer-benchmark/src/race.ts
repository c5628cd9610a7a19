import { createOptimizer, type Transformation, type TypedArray } from '@induced-metric/core'
import type { Problem } from '@induced-metric/example-robustness'

import type { Workload } from './workloads/workload.js'

/** The outcome of a run towards a target. */
export interface Outcome {
  /** Steps to the target, or null if it was not reached. */
  readonly steps: number | null
  /** The lowest loss that was measured, with that of the start. */
  readonly loss: number
  /** Processor time of the steps, without measurements of the loss. */
  readonly seconds: number
}

/** The loss is measured this many times in a run, at equal distances. */
const MEASUREMENTS = 25
/** A run ends if its loss is this many times that of the start. */
const DIVERGED = 100

/** A problem that is open, with its initial parameters. */
interface Open {
  readonly problem: Problem
  readonly start: readonly TypedArray[]
}

const open = new Map<string, Promise<Open>>()

async function openOnce({ open: opens }: Workload, seed: number): Promise<Open> {
  const problem = await opens(seed)
  return { problem, start: problem.parameters.map(({ data }) => data.slice()) }
}

/**
 * Trains until the loss reaches the target, is hopeless, or the steps are taken.
 *
 * @param target - the loss to reach; −Infinity to take all steps
 * @param steps - the length of the run
 */
export async function race(
  workload: Workload,
  seed: number,
  transformation: Transformation,
  target: number,
  steps: number = workload.steps,
): Promise<Outcome> {
  const key = `${workload.id} ${seed}`
  if (!open.has(key)) open.set(key, openOnce(workload, seed))
  const { problem, start } = await open.get(key)!
  assign(problem, start)
  const optimizer = createOptimizer(transformation, problem.parameters)
  const measure = async (): Promise<number> => {
    const iterates = problem.parameters.map(({ data }) => data.slice())
    assign(
      problem,
      optimizer.withEvaluationWeights(() => problem.parameters.map(({ data }) => data.slice())),
    )
    const { loss } = await problem.evaluate()
    assign(problem, iterates)
    return loss
  }
  try {
    const first = await measure()
    let [best, seconds] = [first, 0]
    for (let part = 1, step = 0; part <= MEASUREMENTS; part++) {
      const end = Math.round((part * steps) / MEASUREMENTS)
      const begun = process.cpuUsage()
      while (step < end) {
        const loss = await problem.differentiate(++step)
        optimizer.step(problem.gradients, { loss })
      }
      const { user, system } = process.cpuUsage(begun)
      seconds += (user + system) / 1e6
      const loss = await measure()
      if (loss < best) best = loss
      if (loss <= target) return { steps: step, loss, seconds }
      if (!(loss < DIVERGED * first)) break
    }
    return { steps: null, loss: best, seconds }
  } finally {
    optimizer.dispose()
  }
}

function assign({ parameters }: Problem, values: readonly TypedArray[]): void {
  parameters.forEach(({ data }, place) => data.set(values[place]!))
}
