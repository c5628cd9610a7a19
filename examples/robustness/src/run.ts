import type { TypedArray } from '@induced-metric/core'

import type { OptimizerEntry, Setup } from './optimizers/optimizer.js'
import type { Problem } from './tasks/task.js'

/** One run of the study, with its result. */
export interface Run {
  readonly task: string
  readonly optimizer: string
  /** The learning rate, or the parameter that the optimiser has in its place. */
  readonly rate: number
  readonly seed: number
  readonly steps: number
  /** The final loss over the training data; null where it is not finite. */
  readonly loss: number | null
  /** The final accuracy on the test set. */
  readonly accuracy?: number
  /** Mean losses of the batches during the run, in equal parts of it; null where not finite. */
  readonly curve: readonly (number | null)[]
  /** Processor time. */
  readonly seconds: number
}

/** The number of parts of a run whose mean losses are kept. */
const PARTS = 20

/**
 * Trains a problem from its initial parameters.
 *
 * @param start - the initial parameters, which are copied into the problem before and after
 */
export async function runOne(
  problem: Problem,
  start: readonly TypedArray[],
  optimizer: OptimizerEntry,
  { rate, steps, floor }: Pick<Setup, 'rate' | 'steps' | 'floor'>,
): Promise<Pick<Run, 'loss' | 'accuracy' | 'curve' | 'seconds'>> {
  const begun = process.cpuUsage()
  assign(problem, start)
  const running = optimizer.create({
    parameters: problem.parameters,
    rate,
    steps,
    ...(floor !== undefined && { floor }),
  })
  try {
    const curve = await train(problem, running, steps)
    const evaluated = running.evaluated?.()
    if (evaluated !== undefined) assign(problem, evaluated)
    const { loss, accuracy } = await problem.evaluate()
    return {
      loss: rounded(loss),
      ...(accuracy !== undefined && { accuracy }),
      curve: curve.map(rounded),
      seconds: secondsSince(begun),
    }
  } finally {
    running.dispose?.()
    assign(problem, start)
  }
}

/** Takes all steps. Returns the mean loss of each part. */
async function train(
  problem: Problem,
  running: ReturnType<OptimizerEntry['create']>,
  steps: number,
): Promise<number[]> {
  const parts = Math.min(PARTS, steps)
  const curve: number[] = []
  let [sum, count] = [0, 0]
  for (let step = 1; step <= steps; step++) {
    const loss = await problem.differentiate(step)
    running.step(problem.gradients, loss)
    sum += loss
    count++
    if (step !== Math.round(((curve.length + 1) * steps) / parts)) continue
    curve.push(sum / count)
    sum = count = 0
  }
  return curve
}

function assign({ parameters }: Problem, values: readonly TypedArray[]): void {
  parameters.forEach(({ data }, place) => data.set(values[place]!))
}

function rounded(value: number): number | null {
  return Number.isFinite(value) ? Number(value.toPrecision(4)) : null
}

function secondsSince(begun: NodeJS.CpuUsage): number {
  const { user, system } = process.cpuUsage(begun)
  return Number(((user + system) / 1e6).toFixed(1))
}
