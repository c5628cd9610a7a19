import type { Checkpoint } from '../checkpoint/checkpoint.js'
import { arrayOf } from '../dtype.js'
import { optionError, shapeError, show } from '../errors.js'
import { sizeOf } from '../shape.js'
import type { StepReport } from '../step/report.js'
import { withGroups, type GroupOf } from '../transformation/groups.js'
import type { MatrixRows } from '../transformation/hyperparameter.js'
import { checkTransformation } from '../transformation/transformation.js'
import type { ParameterInfo, Transformation } from '../transformation/types.js'
import type { TensorBackend } from './backend.js'
import { createTensorStep } from './plannedStep.js'
import type { TensorInfo, TensorStep } from './step.js'
import type { TracedBackend } from './tracedStep.js'
import { leavesOf, valuesFor, withLeaves, type Leaf, type Tree } from './trees.js'

/** The state that one step over a tree of tensors passes to the next. */
export interface TreeState<T, Numbers = Float64Array> {
  /** Those of a `TensorState`; inside a trace, a list of scalars. */
  readonly numbers: Numbers
  /** The slots of each parameter, by its name and theirs. */
  readonly slots: Record<string, Record<string, T>>
}

/** The result of a step over a tree of tensors. */
export interface TreeResult<T, P, Numbers = Float64Array> {
  /** Δθ of every parameter, to be added to it. It is −0 for a parameter without a gradient: adding that changes no bit. */
  readonly updates: P
  readonly state: TreeState<T, Numbers>
  /** The slots of the state before that are not in this one. */
  readonly replaced: readonly T[]
}

/** How the leaves of a tree become parameters. */
export interface TreeNaming {
  /** The name of a parameter, from the keys that lead to its leaf. */
  readonly nameOf: (path: readonly string[]) => string
  readonly groupOf: GroupOf | undefined
  /** The meaning of the rows of a matrix. */
  readonly rowsAre: MatrixRows
}

/**
 * Steps over trees of tensors, as functions of a state. The keys that lead to a leaf identify it, whatever their order. All
 * tensors that are given stay as they are. See {@link TensorStep} for the errors.
 */
export interface TreeStep<T> {
  init(params: Tree<T>): TreeState<T>
  /** @param params needed if the step reads the parameters, or a gradient is `null` */
  take<P extends Tree<T>>(
    grads: P,
    state: TreeState<T>,
    params?: P,
    options?: { readonly loss?: number },
  ): TreeResult<T, P> & { readonly report: StepReport }
  /** Takes a step inside a trace. */
  trace<P extends Tree<T>>(
    backend: TracedBackend<T>,
    grads: P,
    state: TreeState<T, readonly T[]>,
    params?: P,
    options?: { readonly loss?: T },
  ): TreeResult<T, P, readonly T[]>
  learningRate(state: TreeState<T>, params: Tree<T>): number
  withLearningRate(state: TreeState<T>, params: Tree<T>, value: number): TreeState<T>
  /** The weights to evaluate with, those of `params` where there are no others: new tensors. */
  evaluation<P extends Tree<T>>(state: TreeState<T>, params: P): P
  save(state: TreeState<T>, params: Tree<T>): Checkpoint
  load(checkpoint: Checkpoint | Uint8Array, params: Tree<T>): TreeState<T>
}

/**
 * Creates the steps of a transformation over trees of tensors, for frameworks whose optimisers are functions of such trees.
 * It serves trees of any form; each form is a set of parameters of its own.
 *
 * @throws ERR_OPTION for anything but a transformation; by its functions, when the transformation does not fit the parameters
 *   or two have one name
 */
export function createTreeStep<T extends object>(
  transformation: Transformation,
  backend: TensorBackend<T>,
  naming: TreeNaming,
): TreeStep<T> {
  const steps = createSteps(transformation, backend, naming)
  const named = (names: readonly string[], slots: readonly Readonly<Record<string, T>>[]) =>
    Object.fromEntries(names.map((name, index) => [name, { ...slots[index] }]))
  const flat = <N>({ numbers, slots }: TreeState<T, N>) => ({ numbers, slots: Object.values(slots) })
  const nothing = (value: T): T => {
    const shape = backend.shape(value)
    return backend.from(arrayOf(backend.dtype(value), sizeOf(shape)).fill(-0), shape)
  }
  /** Takes a step by `take` over the leaves, in the order of the state. */
  const over = <P extends Tree<T>, N, R extends Stepped<T, N>>(
    grads: P,
    state: TreeState<T, N>,
    params: P | undefined,
    take: (step: TensorStep<T>, values: T[], gradients: (T | null)[]) => R,
  ): TreeResult<T, P, N> & { readonly result: R } => {
    const like = params ?? grads
    const { step, leaves } = steps.resume(state, like)
    const values = params === undefined ? [] : leaves.map(({ value }) => value)
    const result = take(step, values, valuesFor<T | null>(leaves, grads, 'grads'))
    const updates = result.values.map((update, i) => update ?? nothing(leaves[i]!.value))
    const kept = new Set(result.state.slots.flatMap((slots) => Object.values(slots)))
    const before = Object.values(state.slots).flatMap((slots) => Object.values(slots))
    return {
      updates: withLeaves(like, leaves, updates),
      state: {
        numbers: result.state.numbers,
        slots: named(Object.keys(state.slots), result.state.slots),
      },
      replaced: before.filter((slot) => !kept.has(slot)),
      result,
    }
  }

  return {
    init(params) {
      const { step, names } = steps.begin(params)
      const { numbers, slots } = step.init()
      return { numbers, slots: named(names, slots) }
    },
    take(grads, state, params, options) {
      const { result, ...taken } = over(grads, state, params, (step, values, gradients) =>
        step.take(values, gradients, flat(state), options),
      )
      return { ...taken, report: result.report }
    },
    trace(traced, grads, state, params, options) {
      const { result: _, ...taken } = over(grads, state, params, (step, parameters, gradients) =>
        step.trace(traced, { parameters, gradients, state: flat(state), options }),
      )
      return taken
    },
    learningRate: (state, params) => steps.resume(state, params).step.learningRate(flat(state)),
    withLearningRate: (state, params, value) => ({
      ...state,
      numbers: steps.resume(state, params).step.withLearningRate(flat(state), value).numbers,
    }),
    evaluation(state, params) {
      const { step, leaves } = steps.resume(state, params)
      const own = leaves.map(({ value }) => value)
      const others = step.evaluation(flat(state), own)
      const copy = (value: T): T => backend.reshape(value, backend.shape(value))
      return withLeaves(
        params,
        leaves,
        own.map((value, i) => others[i] ?? copy(value)),
      )
    },
    save: (state, params) => steps.resume(state, params).step.save(flat(state)),
    load(checkpoint, params) {
      const { step, names } = steps.begin(params)
      const { numbers, slots } = step.load(checkpoint)
      return { numbers, slots: named(names, slots) }
    },
  }
}

/** The common part of the results of `take` and `trace`. */
interface Stepped<T, N> {
  readonly values: readonly (T | null)[]
  readonly state: { readonly numbers: N; readonly slots: readonly Readonly<Record<string, T>>[] }
}

/** The steps for each form of tree. */
function createSteps<T extends object>(
  transformation: Transformation,
  backend: TensorBackend<T>,
  { nameOf, groupOf, rowsAre }: TreeNaming,
) {
  checkTransformation(transformation)
  const steps = new Map<string, TensorStep<T>>()
  /** The parameters of all trees so far, by name. Only together need they be in all groups of the transformation. */
  const met = new Map<string, ParameterInfo>()

  const nameOfLeaf = ({ path }: Leaf<T>): string => nameOf(path.map(String))
  const infosOf = (leaves: readonly Leaf<T>[]): TensorInfo[] => {
    const infos = leaves.map((leaf): TensorInfo => {
      const [shape, dtype] = [backend.shape(leaf.value), backend.dtype(leaf.value)]
      return { name: nameOfLeaf(leaf), shape, dtype, rowsAre }
    })
    const twice = infos.find(({ name }, i) => infos.findIndex((other) => other.name === name) !== i)
    if (twice) throw optionError(`two parameters are named ${show(twice.name)}`)
    return withGroups(infos, groupOf)
  }
  const stepOf = (infos: readonly TensorInfo[]): TensorStep<T> => {
    const key = JSON.stringify(infos)
    let step = steps.get(key)
    if (step === undefined) {
      const rest = { others: () => [...met.values()], isOpen: true }
      steps.set(key, (step = createTensorStep(transformation, infos, backend, 'update', rest)))
      for (const info of infos) met.set(info.name, info)
    }
    return step
  }

  return {
    /** The step for parameters without a state, and their names in the order of the state to be. */
    begin(params: Tree<T>) {
      const infos = new Map(infosOf(leavesOf(params)).map((info) => [info.name, info]))
      // The order of a state is that of its keys, and an object has keys that are whole numbers first.
      const names = Object.keys(Object.fromEntries(infos))
      return { names, step: stepOf(names.map((name) => infos.get(name)!)) }
    },
    /** The step for the parameters of a state, and their leaves in its order. */
    resume({ slots }: Pick<TreeState<T>, 'slots'>, params: Tree<T>) {
      const names = Object.keys(slots)
      const leaves = new Map(leavesOf(params).map((leaf) => [nameOfLeaf(leaf), leaf]))
      if (leaves.size !== names.length || names.some((name) => !leaves.has(name))) {
        throw shapeError(
          `the state is of the parameters ${names.join(', ')}; given are ${[...leaves.keys()].join(', ')}`,
        )
      }
      const ordered = names.map((name) => leaves.get(name)!)
      return { leaves: ordered, step: stepOf(infosOf(ordered)) }
    },
  }
}
