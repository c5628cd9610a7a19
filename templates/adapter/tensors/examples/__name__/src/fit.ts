import { adam, inducedMetric } from '@induced-metric/core'
import { inducedOptimizer, tensors, type Tensor, type Variable } from '@induced-metric/__name__'

/**
 * FILL IN: the squared error of weight·x + bias at the point (x, y), and its gradients, by the automatic differentiation
 * of __name__.
 */
function differentiate(weight: Tensor, bias: Tensor, x: number, y: number): { loss: number; of: Tensor[] } {
  const shapes = [weight, bias].map((tensor) => tensors.shape(tensor).length)
  throw new Error(`fill in differentiate in examples/__name__/src/fit.ts: ${shapes.join()} at (${x}, ${y})`)
}

/** Fits y = 2x − 1 from one point a step; the losses. */
export function fit(steps: number): number[] {
  const weight: Variable = { name: 'weight', value: tensors.from(new Float32Array(1), [1]) }
  const bias: Variable = { name: 'bias', value: tensors.from(new Float32Array(1), [1]) }
  const optimizer = inducedOptimizer([weight, bias], inducedMetric(adam(), { learningRate: 0.05 }))
  const losses = Array.from({ length: steps }, (_, step) => {
    const x = Math.sin(step)
    const { loss, of } = differentiate(weight.value, bias.value, x, 2 * x - 1)
    optimizer.step(of, { loss })
    for (const gradient of of) tensors.dispose?.(gradient)
    return loss
  })
  optimizer.dispose()
  for (const { value } of [weight, bias]) tensors.dispose?.(value)
  return losses
}
