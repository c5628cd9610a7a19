import { adam, inducedMetric } from '@induced-metric/core'
import { useOptimizer, type Model } from '@induced-metric/__name__'

/** FILL IN: a model of __name__ with one input, one output and a weight and a bias, both 0. */
function createModel(): Model {
  throw new Error('fill in createModel in examples/__name__/src/fit.ts')
}

/** FILL IN: one training step on the point (x, y), as a user of __name__ takes it; the squared error before the step. */
function train(model: Model, x: number, y: number): number {
  throw new Error(`fill in train in examples/__name__/src/fit.ts: ${typeof model} on (${x}, ${y})`)
}

/** Fits y = 2x − 1 from one point a step; the losses. */
export function fit(steps: number): number[] {
  const model = createModel()
  const handle = useOptimizer(model, inducedMetric(adam(), { learningRate: 0.05 }))
  const losses = Array.from({ length: steps }, (_, step) => {
    const x = Math.sin(step)
    return train(model, x, 2 * x - 1)
  })
  handle.detach()
  return losses
}
