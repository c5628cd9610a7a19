import type { TypedArray } from '@induced-metric/core'

import type { OptimizerEntry, Setup } from './optimizers/optimizer.js'
import type { Problem } from './tasks/task.js'

/** One run of the study: what it was and how it ended. */
export interface Run {
  readonly task: string
  readonly optimizer: string
  /** The learning rate, or what the optimiser has in its place. */
  readonly rate: number
  readonly seed: number
  readonly steps: number
  /** At the end, over the training data; null where it isn't finite. */
  readonly loss: number | null
  /** At the end, on the test set. */
  readonly accuracy?: number
  /** Mean loss of the batches, as the run met them, in equal parts of it; null where it isn't finite. */
  readonly curve: readonly (number | null)[]
  /** Of a processor. */
  readonly seconds: number
}

/** Parts of a run whose mean losses are kept. */
const PARTS = 20

/**
 * Trains a problem from its first parameters.
 *
 * @param start - those parameters; they are copied into the problem before and after
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

/** Takes all steps; the mean loss of each part of them. */
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
