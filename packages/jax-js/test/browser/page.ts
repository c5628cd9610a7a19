import * as jax from '@jax-js/jax'
import { adam, inducedMetric } from '@induced-metric/core'
import { applyUpdates, inducedOptimizer } from '@induced-metric/jax-js'

// The function of the page that the browser test calls.

const { numpy: np, tree } = jax

/** The parameters after five steps on a device, by `update` itself or inside of `jit`, or the message of an error. */
async function train(device: 'wasm' | 'webgpu' | 'webgl', how: 'itself' | 'jit'): Promise<number[] | string> {
  const devices = await jax.init(device)
  if (!devices.includes(device)) return `there is no ${device}`
  jax.defaultDevice(device)
  const solver = inducedOptimizer(inducedMetric(adam(), { learningRate: 0.1, xi: 0.1 }))
  try {
    let params = { w: np.array([1, 2, 3]), b: np.array([0.5]) }
    let state = solver.init(tree.ref(params))
    const step = (p: typeof params, s: typeof state) => {
      const grads = { w: p.w.ref.mul(2), b: p.b.ref.mul(2) }
      const [updates, next] = solver.update(grads, s, tree.ref(p))
      return [applyUpdates(p, updates), next] as [typeof params, typeof state]
    }
    const run = how === 'jit' ? (jax.jit(step as never) as unknown as typeof step) : step
    for (let i = 0; i < 5; i++) [params, state] = run(params, state)
    const values = [await params.w.data(), await params.b.data()] as Float32Array[]
    return values.flatMap((each) => [...each])
  } catch (error) {
    return (error as Error).message
  }
}

const page = { train }

/** The functions of the page, as the tests call them. */
export type Page = typeof page

Object.assign(globalThis, { page })
