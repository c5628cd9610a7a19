import { adam, inducedMetric } from '@induced-metric/core'
import { InducedTrainer, type Input, type Model, type Target } from '@induced-metric/__name__'

/** FILL IN: a model of __name__ with one input, one output and a weight and a bias, both 0. */
function createModel(): Model {
  throw new Error('fill in createModel in examples/__name__/src/fit.ts')
}

/** FILL IN: the point (x, y) as the trainer takes it. Its loss is the squared error. */
function exampleOf(x: number, y: number): [input: Input, target: Target] {
  throw new Error(`fill in exampleOf in examples/__name__/src/fit.ts: (${x}, ${y})`)
}

/** Fits y = 2x − 1 from one point a step; the losses. */
export function fit(steps: number): number[] {
  const trainer = new InducedTrainer(createModel(), inducedMetric(adam(), { learningRate: 0.05 }))
  const losses = Array.from({ length: steps }, (_, step) => {
    const x = Math.sin(step)
    return trainer.train(...exampleOf(x, 2 * x - 1)).loss ?? NaN
  })
  trainer.dispose()
  return losses
}
