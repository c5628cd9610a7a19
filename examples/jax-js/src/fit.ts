import { adam, inducedMetric, log } from '@induced-metric/core'
import { applyUpdates, inducedOptimizer } from '@induced-metric/jax-js'
import { jit, numpy as np, tree, valueAndGrad } from '@jax-js/jax'

type Params = { weight: np.Array; bias: np.Array }

/** The mean squared error of weight·x + bias against y. */
function error({ weight, bias }: Params, x: np.Array, y: np.Array): np.Array {
  return np.square(x.mul(weight).add(bias).sub(y)).mean()
}

/** Fits y = 2x − 1 through a little noise, by the logarithm of the loss. Returns the losses and the line. */
export function fit(steps: number): { losses: number[]; weight: number; bias: number } {
  const gradient = jit(valueAndGrad(error))
  const x = np.linspace(-1, 1, 64)
  const y = x.ref
    .mul(2)
    .sub(1)
    .add(np.sin(x.ref.mul(50)).mul(0.05))

  const optimizer = inducedOptimizer(inducedMetric(adam(), { learningRate: 0.05, embedding: log() }))
  let params: Params = { weight: np.zeros([]), bias: np.zeros([]) }
  let state = optimizer.init(tree.ref(params))
  const losses = Array.from({ length: steps }, () => {
    const [value, grads] = gradient(tree.ref(params), x.ref, y.ref)
    const loss = value.item()
    const [updates, next] = optimizer.update(grads, state, tree.ref(params), { loss })
    params = applyUpdates(params, updates)
    state = next
    return loss
  })
  tree.dispose([x, y, state])
  gradient.dispose()
  return { losses, weight: params.weight.item(), bias: params.bias.item() }
}
