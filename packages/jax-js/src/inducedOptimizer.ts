import {
  checkOptions,
  createTensorStep,
  InducedMetricError,
  withGroups,
  type Checkpoint,
  type GroupOf,
  type StepReport,
  type TensorInfo,
  type TensorState,
  type TensorStep,
  type Transformation,
} from '@induced-metric/core'
import { numpy as np, tree, type JsTree } from '@jax-js/jax'
import { tensors } from './tensors.js'

/** A state: a tree of arrays like any other, so that it can be held on to, let go of, and be part of another tree. */
export type InducedState = {
  /** Counts and averages: float64 numbers, each as the two uint32 that its bits make. Every backend has those. */
  numbers: np.Array
  /** The slots of each parameter, by name, in the order of the parameters' leaves. */
  slots: Record<string, np.Array>[]
}

/** The options of {@link inducedOptimizer}. */
export interface InducedOptimizerOptions {
  /** The label of a parameter's group, for `groups` of the transformation; `undefined` for none. */
  readonly groupOf?: GroupOf
  /** The name by which checkpoints and `groupOf` go, from the keys that lead to a leaf; else those joined by dots. */
  readonly nameOf?: (path: readonly string[]) => string
}

/**
 * An induced-metric optimiser as a gradient transformation of optax: functions of a state, which is a tree of arrays. As
 * everywhere in jax-js, arrays that are given away are consumed: hold on to what you need later with `tree.ref`. When a
 * function throws, it has consumed nothing.
 */
export interface InducedOptimizer {
  /** The state before the first step. Consumes the parameters. */
  init(params: JsTree<np.Array>): InducedState
  /**
   * Takes one step. Consumes all arrays that it is given.
   *
   * @param grads ∂L/∂θ, a tree like the parameters; `null` in place of an array leaves that parameter alone
   * @param state as `init` or the step before returned it
   * @param params needed by weight decay, by bases that read the parameters, and where there is a `null` in `grads`
   * @param options `loss`: L at the parameters before the step; required by `log` and `logDamped`
   * @returns Δθ, to be added to the parameters (`applyUpdates`), and the next state
   * @throws ERR_SHAPE, ERR_OPTION, ERR_LOSS_REQUIRED, ERR_BAD_LOSS, ERR_NON_FINITE with `onNonFinite: 'throw'`,
   *   ERR_NOT_SUPPORTED inside of `jit`, `grad` and `vmap`: one number a step has to be known on the host
   */
  update<Params extends JsTree<np.Array>>(
    grads: Params,
    state: InducedState,
    params?: Params,
    options?: { readonly loss?: number },
  ): [Params, InducedState]
  /** What the latest `update` did, of whichever state. */
  readonly report: StepReport | undefined
  /** A copy of the state, which every adapter can go on from. Consumes nothing. */
  save(state: InducedState, params: JsTree<np.Array>): Checkpoint
  /**
   * The state of a checkpoint. Consumes the parameters, as `init` does.
   *
   * @throws ERR_CHECKPOINT when it belongs to another transformation or to other parameters
   */
  load(checkpoint: Checkpoint | Uint8Array, params: JsTree<np.Array>): InducedState
}

/**
 * Makes an induced-metric optimiser for trees of jax-js arrays.
 *
 * @param transformation what `inducedMetric` returned
 * @throws ERR_OPTION by `init` and its like, when the transformation doesn't fit the parameters
 *
 * @example
 * ```ts
 * import { numpy as np, tree, valueAndGrad } from '@jax-js/jax'
 * import { adam, inducedMetric } from '@induced-metric/core'
 * import { applyUpdates, inducedOptimizer } from '@induced-metric/jax-js'
 *
 * const loss = ({ w }: { w: np.Array }) => np.square(w.sub(3)).sum()
 * const solver = inducedOptimizer(inducedMetric(adam(), { learningRate: 0.1 }))
 * let params = { w: np.zeros([2]) }
 * let state = solver.init(tree.ref(params))
 * for (let i = 0; i < 200; i++) {
 *   const [value, grads] = valueAndGrad(loss)(tree.ref(params))
 *   const [updates, next] = solver.update(grads, state, tree.ref(params), { loss: value.item() })
 *   params = applyUpdates(params, updates)
 *   state = next
 * }
 * ```
 */
export function inducedOptimizer(
  transformation: Transformation,
  options: InducedOptimizerOptions = {},
): InducedOptimizer {
  checkOptions('inducedOptimizer', options, { groupOf: 'function', nameOf: 'function' })
  const { nameOf = (path) => path.join('.') } = options
  const steps = new Map<string, TensorStep<np.Array>>()
  let report: StepReport | undefined

  /** The leaves of a tree, in jax-js's order, named by the keys that lead to them. */
  const infosOf = (node: JsTree<np.Array>, path: readonly string[] = []): TensorInfo[] => {
    if (Array.isArray(node) || node?.constructor === Object) {
      const children = Object.entries(node as Record<string, JsTree<np.Array>>)
      return children.flatMap(([key, child]) => infosOf(child, [...path, key]))
    }
    const leaf = node as np.Array
    // Weights are multiplied from the left: x @ w.
    const [shape, dtype] = [tensors.shape(leaf), tensors.dtype(leaf)]
    return [{ name: nameOf(path), shape, dtype, rowsAre: 'inputs' }]
  }
  const stepOf = (params: JsTree<np.Array>): TensorStep<np.Array> => {
    const infos = withGroups(infosOf(params), options.groupOf)
    const key = JSON.stringify(infos)
    const step = steps.get(key) ?? createTensorStep(transformation, infos, tensors, 'update')
    steps.set(key, step)
    return step
  }
  return {
    get report() {
      return report
    },
    init: (params) => begin(stepOf(params).init(), params),
    load: (checkpoint, params) => begin(stepOf(params).load(checkpoint), params),
    save: (state, params) => stepOf(params).save(unpack(state)),
    update(grads, state, params, given) {
      const step = stepOf(params ?? grads)
      const [gradients, structure] = tree.flatten<np.Array | null>(grads)
      const [values, expected] = tree.flatten<np.Array>(params ?? grads)
      if (!structure.equals(expected)) {
        const message = `grads must be a tree like params, given ${String(structure)} for ${String(expected)}`
        throw new InducedMetricError('ERR_SHAPE', message)
      }
      const result = step.take(params ? values : [], gradients, unpack(state), given)
      report = result.report
      // x + −0 is x, whatever the sign of a zero.
      const updates = result.values.map((update, i) => update ?? np.fullLike(values[i]!.ref, -0))
      tree.dispose([state.numbers, ...result.replaced, grads, params ?? []])
      return [tree.unflatten(structure, updates) as typeof grads, pack(result.state)]
    },
  }
}

/** The state, which takes the place of the parameters. */
function begin(state: TensorState<np.Array>, params: JsTree<np.Array>): InducedState {
  tree.dispose(params)
  return pack(state)
}

function pack({ numbers, slots }: TensorState<np.Array>): InducedState {
  return { numbers: np.array(new Uint32Array(numbers.buffer)), slots: slots.map((own) => ({ ...own })) }
}

/** The state that was packed; its arrays remain the caller's. */
function unpack({ numbers, slots }: InducedState): TensorState<np.Array> {
  return { numbers: new Float64Array((numbers.ref.dataSync() as Uint32Array).slice().buffer), slots }
}

/** Adds updates to parameters, and consumes both; as in optax. */
export function applyUpdates<Params extends JsTree<np.Array>>(params: Params, updates: Params): Params {
  return tree.map((value: np.Array, update: np.Array) => value.add(update), params, updates)
}
