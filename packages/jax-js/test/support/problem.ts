import { numpy as np, tree, valueAndGrad, type JsTree } from '@jax-js/jax'

export type Params = { layers: { kernel: np.Array; bias: np.Array }[]; gain: np.Array }

/** The first parameters of a small network: a tree of every kind of node, with a scalar. */
export function initialParams(): Params {
  const wave = (length: number, phase: number) =>
    np.array(Float32Array.from({ length }, (_, i) => 0.5 * Math.sin(3 * i + phase)))
  return {
    layers: [
      { kernel: wave(6, 0).reshape([2, 3]), bias: np.zeros([3]) },
      { kernel: wave(3, 1).reshape([3, 1]), bias: np.zeros([1]) },
    ],
    gain: np.array(1),
  }
}

/** The loss of the network on a few examples, a scalar. Consumes the parameters. */
export function loss({ layers: [first, second], gain }: Params): np.Array {
  const x = np.array(Float32Array.from({ length: 16 }, (_, i) => Math.cos(5 * i))).reshape([8, 2])
  const hidden = np.tanh(np.matmul(x.ref, first!.kernel).add(first!.bias))
  const y = np.matmul(hidden, second!.kernel).add(second!.bias).mul(gain)
  return np.square(y.sub(x.sum(1).reshape([8, 1]))).mean()
}

/** The loss, and its gradients; the parameters remain. */
export function differentiate(params: Params): [number, Params] {
  const [value, grads] = valueAndGrad(loss)(tree.ref(params))
  return [value.item(), grads]
}

/** The values of all leaves; the arrays remain. */
export function valuesOf(params: JsTree<np.Array>): number[][] {
  return tree.leaves<np.Array>(params).map(({ ref }) => [...(ref.dataSync() as Float32Array)])
}

export function countsOf(params: JsTree<np.Array>): number[] {
  return tree.leaves<np.Array>(params).map(({ refCount }) => refCount)
}
