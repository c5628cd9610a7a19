import { createOptimizer, type Transformation, type TypedArray } from '@induced-metric/core'
import { openRegression, type Problem } from '@induced-metric/example-robustness'

/** Batches of 1024 of its 8192 points. */
const STEPS_PER_EPOCH = 8

/** One training run on the polynomial. */
export interface RegressionRun {
  readonly transformation: Transformation
  readonly epochs: number
  /** Determines the initial weights and the order of the points; the polynomial is the same for all. */
  readonly seed: number
  /** Called after each epoch, counted from 1, with the mean squared error on the 5120 points apart. */
  readonly onEpoch: (epoch: number, error: number) => void
}

const open = new Map<number, Promise<{ readonly problem: Problem; readonly start: readonly TypedArray[] }>>()

/** Trains 4-32-32-1 with GELU on the paper's regression. */
export async function trainRegression({
  transformation,
  epochs,
  seed,
  onEpoch,
}: RegressionRun): Promise<void> {
  if (!open.has(seed))
    open.set(
      seed,
      openRegression(seed, { judgedOn: 'validation', dataSeed: 0 }).then((problem) => ({
        problem,
        start: problem.parameters.map(({ data }) => data.slice()),
      })),
    )
  const { problem, start } = await open.get(seed)!
  problem.parameters.forEach(({ data }, place) => data.set(start[place]!))
  const optimizer = createOptimizer(transformation, problem.parameters)
  try {
    for (let epoch = 1; epoch <= epochs; epoch++) {
      for (let batch = 1; batch <= STEPS_PER_EPOCH; batch++) {
        const loss = await problem.differentiate((epoch - 1) * STEPS_PER_EPOCH + batch)
        optimizer.step(problem.gradients, { loss })
      }
      onEpoch(epoch, (await problem.evaluate()).loss)
    }
  } finally {
    optimizer.dispose()
  }
}
