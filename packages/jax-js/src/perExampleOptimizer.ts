import {
  InducedMetricError,
  perExample,
  type Checkpoint,
  type PerExampleOptimizer,
  type PerExampleOptions,
  type Preconditioner,
  type StepReport,
  type TypedArray,
} from '@induced-metric/core'
import { type numpy as np, tree, valueAndGrad, vmap, type JsTree } from '@jax-js/jax'
import { tensors } from './tensors.js'

/** The function of one example that is minimised: ½ the square of a residual, or a loss. Both return a scalar. */
export type ExampleFunction<Params, Example> =
  | { readonly residual: (params: Params, example: Example) => np.Array }
  | { readonly loss: (params: Params, example: Example) => np.Array }

/** An optimiser with one axis per example, for trees of arrays. It keeps the state of the base itself, on the host. */
export interface ExampleOptimizer<Params, Example> {
  /**
   * Takes one step. Consumes all arrays that it is given, unless it throws.
   *
   * @param params a tree of another form than the one before starts over
   * @param examples a tree like the function's second argument, each array with one more axis in front, for the examples
   * @returns the new parameters
   * @throws the errors of `step` of the core's `perExample`
   */
  update(params: Params, examples: Example): Params
  /** The report of the latest step; `undefined` before the first. */
  readonly report: StepReport | undefined
  /** A copy of the base's state. Throws ERR_CHECKPOINT before the first step. */
  save(): Checkpoint
  /** Continues from a saved state. Consumes nothing. Throws ERR_CHECKPOINT if it belongs to another base or other parameters. */
  load(checkpoint: Checkpoint | Uint8Array, params: Params): void
  /** Returns to the state before the first step. Consumes nothing. */
  reset(): void
  /** Frees the state. */
  dispose(): void
}

/**
 * Experimental. Minimises the mean over examples, with one axis for each. Its row is computed by `vmap` of `grad`. With a
 * residual, this is the method of Levenberg and Marquardt in the metric of the base. It is meant for small networks, as rows
 * and weights pass through the host.
 *
 * @param one the residual or the loss of one example
 * @param base `adam({ beta1: 0 })`, or another whose P is diagonal
 * @param options of the core's `perExample`
 * @throws ERR_OPTION for a wrong option; ERR_NOT_SUPPORTED for a base whose P is not diagonal
 *
 * @example
 * ```ts
 * import { adam } from '@induced-metric/core'
 * import { perExampleOptimizer } from '@induced-metric/jax-js'
 * import { numpy as np } from '@jax-js/jax'
 *
 * type Params = { a: np.Array; b: np.Array }
 * const residual = ({ a, b }: Params, { x, y }: { x: np.Array; y: np.Array }) => np.exp(x.mul(b)).mul(a).sub(y)
 * const solver = perExampleOptimizer({ residual }, adam({ beta1: 0 }))
 * let params: Params = { a: np.array(1), b: np.array(0) }
 * for (let i = 0; i < 20; i++) {
 *   params = solver.update(params, { x: np.array([0, 1, 2, 3]), y: np.array([2, 1.2, 0.7, 0.4]) })
 * }
 * console.log(params.a.js(), params.b.js(), solver.report?.loss)
 * ```
 */
export function perExampleOptimizer<Params extends JsTree<np.Array>, Example extends JsTree<np.Array>>(
  one: ExampleFunction<Params, Example>,
  base: Preconditioner,
  options: PerExampleOptions = {},
): ExampleOptimizer<Params, Example> {
  perExample(base, [], options).dispose()
  const rowsOf = vmap(valueAndGrad(functionOf(one) as (...operands: JsTree<np.Array>[]) => np.Array), [
    null,
    0,
  ])
  let host: { key: string; data: TypedArray[]; optimizer: PerExampleOptimizer } | undefined

  /** The optimiser of parameters of this form, with their values. */
  const hostOf = (params: Params): NonNullable<typeof host> => {
    const [leaves, structure] = tree.flatten<np.Array>(params)
    const key = JSON.stringify([
      String(structure),
      leaves.map((leaf) => [tensors.shape(leaf), tensors.dtype(leaf)]),
    ])
    if (host?.key !== key) {
      const data = leaves.map((leaf) => tensors.read(leaf).slice())
      const parameters = data.map((values, i) => ({ name: `${i}`, shape: leaves[i]!.shape, data: values }))
      const optimizer = perExample(base, parameters, options)
      host?.optimizer.dispose()
      host = { key, data, optimizer }
    }
    leaves.forEach((leaf, i) => host!.data[i]!.set(tensors.read(leaf)))
    return host
  }
  return {
    get report() {
      return host?.optimizer.report
    },
    update(params, examples) {
      const { data, optimizer } = hostOf(params)
      const [values, grads] = rowsOf(tree.ref(params), tree.ref(examples)) as unknown as [np.Array, Params]
      const [rows, structure] = tree.flatten<np.Array>(grads)
      try {
        const numbers = Float64Array.from(tensors.read(values))
        const blocks = rows.map((row) => tensors.read(row))
        optimizer.step(blocks, 'residual' in one ? { residuals: numbers } : { losses: numbers })
      } finally {
        tree.dispose([values, grads])
      }
      const leaves = tree.leaves<np.Array>(params)
      const updated = data.map((own, i) => tensors.from(own, leaves[i]!.shape))
      tree.dispose([params, examples])
      return tree.unflatten(structure, updated) as Params
    },
    save() {
      if (host) return host.optimizer.save()
      throw new InducedMetricError('ERR_CHECKPOINT', 'save: there is no state before the first step')
    },
    load(checkpoint, params) {
      hostOf(params).optimizer.load(checkpoint)
    },
    reset() {
      host?.optimizer.reset()
    },
    dispose() {
      host?.optimizer.dispose()
      host = undefined
    },
  }
}

function functionOf<Params, Example>(one: ExampleFunction<Params, Example>) {
  const given: unknown = 'residual' in one ? one.residual : one.loss
  if (typeof given === 'function' && Object.keys(one).length === 1) return given
  throw new InducedMetricError(
    'ERR_OPTION',
    'perExampleOptimizer takes { residual } or { loss }, a function of the parameters and one example',
  )
}
