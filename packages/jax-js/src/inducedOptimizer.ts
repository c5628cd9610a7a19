import {
  InducedMetricError,
  type Checkpoint,
  type ParameterInfo,
  type StepReport,
  type Transformation,
} from '@induced-metric/core'
import {
  checkOptions,
  createTensorStep,
  withGroups,
  type GroupOf,
  type TensorInfo,
  type TensorState,
  type TensorStep,
} from '@induced-metric/core/adapter'
import { numpy as np, tree, type JsTree } from '@jax-js/jax'
import { leavesOf, valuesFor, withLeaves, type Leaf } from './leaves.js'
import { refuseForeign, tensors } from './tensors.js'

/** A state: a tree of arrays like any other, so that it can be held on to, let go of, and be part of another tree. */
export type InducedState = {
  /** Counts and averages: float64 numbers, each as the two uint32 that its bits make. Every backend has those. */
  numbers: np.Array
  /** The slots of each parameter, by its name and theirs. */
  slots: Record<string, Record<string, np.Array>>
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
    options?: { readonly loss?: number },
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
  const { nameOf = (path) => path.join('.') } = options
  const steps = new Map<string, TensorStep<np.Array>>()
  let report: StepReport | undefined

  /** Parameters of trees that came before, by name: groups are demanded of all of them together. */
  const met = new Map<string, ParameterInfo>()

  const nameOfLeaf = ({ path }: Leaf): string => nameOf(path.map(String))
  const infosOf = (leaves: readonly Leaf[]): TensorInfo[] => {
    const infos = leaves.map((leaf): TensorInfo => {
      const { value } = leaf
      const [shape, dtype] = [tensors.shape(value), tensors.dtype(value)]
      // Weights are multiplied from the right: x @ w.
      return { name: nameOfLeaf(leaf), shape, dtype, rowsAre: 'inputs' }
    })
    const twice = infos.find(({ name }, i) => infos.findIndex((other) => other.name === name) !== i)
    if (twice)
      throw new InducedMetricError('ERR_OPTION', `two parameters are named ${JSON.stringify(twice.name)}`)
    return withGroups(infos, options.groupOf)
  }
  const stepOf = (infos: readonly TensorInfo[]): TensorStep<np.Array> => {
    const key = JSON.stringify(infos)
    let step = steps.get(key)
    if (step === undefined) {
      const rest = { others: () => [...met.values()], isOpen: true }
      steps.set(key, (step = createTensorStep(transformation, infos, tensors, 'update', rest)))
      for (const info of infos) met.set(info.name, info)
    }
    return step
  }
  /** The leaves of the parameters in the order of a state's, which goes by their names, and the step for them. */
  const meet = (state: InducedState, params: JsTree<np.Array>) => {
    const names = Object.keys(state.slots)
    const leaves = new Map(leavesOf(params).map((leaf) => [nameOfLeaf(leaf), leaf]))
    if (leaves.size !== names.length || names.some((name) => !leaves.has(name))) {
      const message = `the state is of the parameters ${names.join(', ')}; given are ${[...leaves.keys()].join(', ')}`
      throw new InducedMetricError('ERR_SHAPE', message)
    }
    const ordered = names.map((name) => leaves.get(name)!)
    return { leaves: ordered, names, step: stepOf(infosOf(ordered)) }
  }
  const begin = (
    params: JsTree<np.Array>,
    make: (step: TensorStep<np.Array>) => TensorState<np.Array>,
  ): InducedState => {
    const infos = new Map(infosOf(leavesOf(params)).map((info) => [info.name, info]))
    // An object has keys that are whole numbers first, and the order of its keys is that of the state.
    const names = Object.keys(Object.fromEntries(infos))
    const state = pack(names, make(stepOf(names.map((name) => infos.get(name)!))))
    tree.dispose(params)
    return state
  }
  return {
    get report() {
      return report
    },
    init: (params) => begin(params, (step) => step.init()),
    load: (checkpoint, params) => begin(params, (step) => step.load(checkpoint)),
    save: (state, params) => meet(state, params).step.save(unpack(state)),
    averagedParams(state, params) {
      const { step, leaves } = meet(state, params)
      const averages = new Map(step.averages(unpack(state)).map((average, i) => [leaves[i]!.key, average]))
      return withLeaves(
        params,
        leavesOf(params).map(({ key, value }) => (averages.get(key) ?? value).ref),
      )
    },
    learningRate: (state, params) => meet(state, params).step.learningRate(unpack(state)),
    withLearningRate(state, params, value) {
      const { step, names } = meet(state, params)
      const next = pack(names, step.withLearningRate(unpack(state), value))
      state.numbers.dispose()
      return next
    },
    update(grads, state, params, given) {
      const like = params ?? grads
      const { step, leaves, names } = meet(state, like)
      const gradients = valuesFor(leaves, grads, 'grads')
      const values = leaves.map(({ value }) => value)
      const result = step.take(params ? values : [], gradients, unpack(state), given)
      report = result.report
      // x + −0 is x, whatever the sign of a zero.
      const made = result.values.map((update, i) => update ?? np.fullLike(values[i]!.ref, -0))
      const updates = new Map(leaves.map(({ key }, i) => [key, made[i]!]))
      const ordered = leavesOf(like).map(({ key }) => updates.get(key)!)
      tree.dispose([state.numbers, ...result.replaced, grads, params ?? []])
      return [withLeaves(like, ordered), pack(names, result.state)]
    },
  }
}

function pack(names: readonly string[], { numbers, slots }: TensorState<np.Array>): InducedState {
  const named = names.map((name, index) => [name, { ...slots[index] }] as const)
  return { numbers: np.array(new Uint32Array(numbers.buffer)), slots: Object.fromEntries(named) }
}

/** The state that was packed; its arrays remain the caller's. */
function unpack({ numbers, slots }: InducedState): TensorState<np.Array> {
  const bits = (numbers.ref.dataSync() as Uint32Array).slice()
  return { numbers: new Float64Array(bits.buffer), slots: Object.values(slots) }
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
  return withLeaves(
    params,
    leaves.map(({ value }, i) => value.add(changes[i]!)),
  )
}
