import type { Checkpoint, StepReport, Transformation } from '@induced-metric/core'
import { checkOptions, type GroupOf, type TensorState, type TensorStep } from '@induced-metric/core/adapter'
import { Array as JaxArray, numpy as np, tree, type JsTree } from '@jax-js/jax'
import { leavesOf, valuesFor, withValues } from './leaves.js'
import { pack, unpack, type InducedState } from './state.js'
import { createSteps } from './steps.js'
import { isTraced, refuseForeign } from './tensors.js'
import { traceStep, type StepArrays, type StepOptions, type TakenStep } from './traced.js'

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
   * @param grads ∂L/∂θ, a tree like the parameters, whose keys may come in another order; `null` in place of an array
   *   leaves that parameter alone
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
    options?: StepOptions,
  ): [Params, InducedState]
  /** What the latest `update` did, of whichever state. */
  readonly report: StepReport | undefined
  /** The learning rate of the step after a state, of a schedule its value there. Consumes nothing. */
  learningRate(state: InducedState, params: JsTree<np.Array>): number
  /**
   * A state whose steps go at a learning rate ≥ 0 in place of the transformation's number or schedule, in every group whose
   * learning rate is no other than the transformation's. Consumes the state, and not the parameters. Checkpoints hold it.
   *
   * @throws ERR_OPTION when it is no such number
   */
  withLearningRate(state: InducedState, params: JsTree<np.Array>, value: number): InducedState
  /**
   * The averages of the parameters, to evaluate with, where the transformation keeps any (`averageWeights`, as `rateFree` without
   * `steps` does); the parameter itself where there is none. Consumes nothing.
   */
  averagedParams<Params extends JsTree<np.Array>>(state: InducedState, params: Params): Params
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
  const { nameOf = (path) => path.join('.'), groupOf } = options
  const steps = createSteps(transformation, { nameOf, groupOf })
  let report: StepReport | undefined

  const begin = (
    params: JsTree<np.Array>,
    make: (step: TensorStep<np.Array>) => TensorState<np.Array>,
  ): InducedState => {
    const { step, names } = steps.begin(params)
    const state = pack(names, make(step))
    tree.dispose(params)
    return state
  }
  return {
    get report() {
      return report
    },
    init: (params) => begin(params, (step) => step.init()),
    load: (checkpoint, params) => begin(params, (step) => step.load(checkpoint)),
    save: (state, params) => steps.of(state, params).step.save(unpack(state)),
    averagedParams(state, params) {
      const { step, leaves } = steps.of(state, params)
      const averages = step.averages(unpack(state))
      return withValues(
        params,
        leaves,
        leaves.map(({ value }, i) => (averages[i] ?? value).ref),
      )
    },
    learningRate: (state, params) => steps.of(state, params).step.learningRate(unpack(state)),
    withLearningRate(state, params, value) {
      const { step } = steps.of(state, params)
      const next = pack(Object.keys(state.slots), step.withLearningRate(unpack(state), value))
      state.numbers.dispose()
      return next
    },
    update(grads, state, params, given = {}) {
      const like = params ?? grads
      const { step, leaves } = steps.of(state, like)
      const arrays = {
        parameters: params ? leaves.map(({ value }) => value) : [],
        gradients: valuesFor(leaves, grads, 'grads'),
      }
      const isWithinTrace = [...leavesOf([grads, state, like]), { value: given.loss }].some(({ value }) =>
        isTraced(value),
      )
      const taken = isWithinTrace
        ? traceStep(step, state, arrays, given)
        : takeStep(step, state, arrays, given)
      report = taken.report ?? report
      const updates = taken.updates.map((update, i) => update ?? nothing(leaves[i]!.value))
      return [withValues(like, leaves, updates), taken.state]
    },
  }
}

/** Takes a step outside of a trace. Consumes all arrays, unless it throws. */
function takeStep(
  step: TensorStep<np.Array>,
  state: InducedState,
  { parameters, gradients }: StepArrays,
  { loss, ...options }: StepOptions,
): TakenStep {
  const read = loss instanceof JaxArray ? loss.ref.item() : loss
  const given = { ...options, ...(read !== undefined && { loss: read }) }
  const result = step.take(parameters, gradients, unpack(state), given)
  const consumed = [state.numbers, ...result.replaced, ...parameters, ...gradients, loss]
  tree.dispose(consumed.filter((array) => array instanceof JaxArray))
  return {
    updates: result.values,
    state: pack(Object.keys(state.slots), result.state),
    report: result.report,
  }
}

/** An update that leaves a parameter as it is: x + −0 is x, whatever the sign of a zero. */
function nothing({ shape, dtype }: np.Array): np.Array {
  return np.full(shape, -0, { dtype })
}

/**
 * Adds updates to parameters, by the keys that lead to them, and consumes both; as in optax.
 *
 * @throws ERR_SHAPE when the trees have other leaves; ERR_NOT_SUPPORTED for an array of another copy of jax-js. Nothing is
 *   consumed then.
 */
export function applyUpdates<Params extends JsTree<np.Array>>(params: Params, updates: Params): Params {
  const leaves = leavesOf(params)
  const changes = valuesFor(leaves, updates, 'updates')
  for (const array of [...leaves.map(({ value }) => value), ...changes]) refuseForeign(array)
  return withValues(
    params,
    leaves,
    leaves.map(({ value }, i) => value.add(changes[i]!)),
  )
}
