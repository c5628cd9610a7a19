import type { Checkpoint, StepReport, Transformation } from '@induced-metric/core'
import {
  checkOptions,
  createTreeStep,
  leavesOf,
  shapeError,
  show,
  valuesFor,
  withLeaves,
  type GroupOf,
} from '@induced-metric/core/adapter'
import { Array as JaxArray, tree, type JsTree, type numpy as np } from '@jax-js/jax'
import { checkIsState, pack, unpack, type InducedState } from './state.js'
import { isTraced, refuseForeign, tensors } from './tensors.js'
import { trace } from './traced.js'

/** The options of {@link inducedOptimizer}. */
export interface InducedOptimizerOptions {
  /** The label of a parameter's group, for `groups` of the transformation; `undefined` for none. */
  readonly groupOf?: GroupOf
  /** The name of a parameter, in checkpoints and for `groupOf`, from the keys that lead to its leaf. Default: the keys joined by dots. */
  readonly nameOf?: (path: readonly string[]) => string
}

/**
 * An induced-metric optimiser in the form of an optax gradient transformation: functions of a state, which is a tree of arrays.
 * As everywhere in jax-js, functions consume the arrays that they are given: keep the ones you need later with `tree.ref`. A
 * function that throws has consumed nothing.
 */
export interface InducedOptimizer {
  /** The state before the first step. Consumes the parameters. */
  init(params: JsTree<np.Array>): InducedState
  /**
   * Takes one step. Consumes all arrays that it is given.
   *
   * It can be traced by `jit`. Then `report` is not set, and a step that must not be taken is skipped even where
   * `onNonFinite` or `onBadLoss` is `'throw'`.
   *
   * @param grads ∂L/∂θ, a tree like the parameters, whose keys may have another order; `null` in place of an array leaves
   *   that parameter unchanged
   * @param state as returned by `init` or by the step before
   * @param params needed by weight decay, by bases that read the parameters, and if there is a `null` in `grads`
   * @param options `loss`: L at the parameters before the step, a number or a scalar array; required by `log` and `logDamped`
   * @returns Δθ, to be added to the parameters (`applyUpdates`), and the next state
   * @throws ERR_SHAPE, ERR_OPTION, ERR_LOSS_REQUIRED, ERR_BAD_LOSS, ERR_NON_FINITE with `onNonFinite: 'throw'`,
   *   ERR_NOT_SUPPORTED inside of `jit` for a hyperparameter on a schedule
   */
  update<Params extends JsTree<np.Array>>(
    grads: Params,
    state: InducedState,
    params?: Params,
    options?: { readonly loss?: number | np.Array },
  ): [Params, InducedState]
  /** The report of the latest `update`, whatever its state. */
  readonly report: StepReport | undefined
  /** The learning rate of the step after a state; the value there, if it is on a schedule. Consumes nothing. */
  learningRate(state: InducedState, params: JsTree<np.Array>): number
  /**
   * A state from which steps are taken with a given learning rate in place of the transformation's number or schedule. A group
   * with a different learning rate keeps it. Consumes the state, but not the parameters. Checkpoints store the number.
   *
   * @throws ERR_OPTION unless it is a number ≥ 0
   */
  withLearningRate(state: InducedState, params: JsTree<np.Array>, value: number): InducedState
  /**
   * The weights to evaluate with, where they are others than the parameters: their averages (`averageWeights`, as `rateFree`
   * without `steps` keeps them), or those of a base that has its own. Consumes nothing.
   */
  evaluationParams<Params extends JsTree<np.Array>>(state: InducedState, params: Params): Params
  /** A copy of the state, from which every adapter can continue. Consumes nothing. */
  save(state: InducedState, params: JsTree<np.Array>): Checkpoint
  /**
   * The state in a checkpoint. Consumes the parameters, as `init` does.
   *
   * @throws ERR_CHECKPOINT when it belongs to another transformation or to other parameters
   */
  load(checkpoint: Checkpoint | Uint8Array, params: JsTree<np.Array>): InducedState
}

/**
 * Creates an induced-metric optimiser for trees of jax-js arrays.
 *
 * @param transformation the result of `inducedMetric`
 * @throws ERR_OPTION for a wrong option; by `init` and the other functions when the transformation does not fit the parameters
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
  const { nameOf = (path) => path.join('.'), groupOf } = options
  // Weights are multiplied from the right: x @ w.
  const step = createTreeStep(transformation, tensors, { nameOf, groupOf, rowsAre: 'inputs' })
  let report: StepReport | undefined
  const consume = (given: JsTree<np.Array>, state: InducedState): InducedState => {
    tree.dispose(given)
    return state
  }
  return {
    get report() {
      return report
    },
    init: (params) => consume(params, pack(step.init(params))),
    load: (checkpoint, params) => consume(params, pack(step.load(checkpoint, params))),
    save: (state, params) => step.save(unpack(state), params),
    evaluationParams: (state, params) => step.evaluation(unpack(state), params),
    learningRate: (state, params) => step.learningRate(unpack(state), params),
    withLearningRate(state, params, value) {
      const changed = pack(step.withLearningRate(unpack(state), params, value))
      return consume(state.numbers, changed)
    },
    update(grads, state, params, options = {}) {
      checkOptions('update', options, { loss: 'any' })
      checkIsState(state)
      const { loss } = options
      const lossIsArray = loss instanceof JaxArray || isTraced(loss)
      let taken
      if ([grads, state, params, loss].some(hasTraced)) {
        taken = trace(step, grads, state, params, loss)
      } else {
        const number = lossIsArray ? tensors.read(loss)[0]! : loss
        const given = number === undefined ? {} : { loss: number }
        const { report: made, ...result } = step.take(grads, unpack(state), params, given)
        report = made
        taken = { ...result, state: pack(result.state) }
      }
      tree.dispose([state.numbers, ...taken.replaced, grads, params ?? [], lossIsArray ? loss : []])
      return [taken.updates, taken.state]
    },
  }
}

/** Whether an array of a tree is inside a trace. */
function hasTraced(node: unknown): boolean {
  const isBranch = Array.isArray(node) || node?.constructor === Object
  return isBranch ? Object.values(node).some(hasTraced) : isTraced(node)
}

/**
 * Adds updates to parameters, as in optax. The keys that lead to a leaf identify it. Consumes both trees.
 *
 * @throws ERR_SHAPE when the trees have other leaves, or leaves of other shapes; ERR_NOT_SUPPORTED for an array of another copy
 *   of jax-js. Then nothing is consumed.
 */
export function applyUpdates<Params extends JsTree<np.Array>>(params: Params, updates: Params): Params {
  const leaves = leavesOf<np.Array>(params)
  const changes = valuesFor<np.Array>(leaves, updates, 'updates')
  for (const array of [...leaves.map(({ value }) => value), ...changes]) refuseForeign(array)
  leaves.forEach(({ value, path }, i) => {
    const [shape, change] = [tensors.shape(value), tensors.shape(changes[i]!)]
    if (shape.length === change.length && shape.every((extent, axis) => extent === change[axis])) return
    throw shapeError(
      `the update of ${show(path.join('.'))} has shape [${change.join(', ')}], and the parameter [${shape.join(', ')}]`,
    )
  })
  return withLeaves(
    params,
    leaves,
    leaves.map(({ value }, i) => value.add(changes[i]!)),
  )
}
