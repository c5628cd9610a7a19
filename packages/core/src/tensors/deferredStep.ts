import { clipGraph, type MetricGraph } from '../step/metricGraph.js'
import type { MetricUnit, StepPlan } from '../step/plan.js'
import { changeOutput, type StepGraph } from '../step/stepGraph.js'
import { isReshaped, tensorShape } from './tensorShape.js'
import { evaluateGraph, type Evaluation } from './evaluate.js'
import type { DeferredInputs, Evaluate, Total } from './deferredInputs.js'
import { createDeferredProfile, type DeferredProfile } from './deferredProfile.js'
import type { ValueBackend } from './operation.js'
import { checkHostWork } from './hostWork.js'
import { createSharedScalars } from './sharedScalars.js'

/** Operations on the values of a deferred step: tensors and numbers, or the names of values in a model. */
export interface DeferredBackend<V> extends ValueBackend<V> {
  /** The sum of two or more scalars. */
  sum(values: readonly V[]): V
  /** The same values in another shape with as many elements. */
  reshape(value: V, shape: readonly number[]): V
  /** The identity matrix of n rows, in the element type of another value. */
  identity(n: number, like: V): V
  /** Whether a scalar that several graphs compute from the same values is computed once. It is never passed to `free`. */
  readonly sharesScalars?: boolean
  /** Evaluates graphs in another way than operation by operation. */
  readonly evaluate?: Evaluate<V>
}

/** The scalars of a metric unit in a step. Each is computed when it is first read. */
export interface DeferredUnit<V> {
  /** s */
  readonly dualNorm: V
  /** v, after the step. */
  readonly average: V
  /** v̂ */
  readonly metric: V
  /** ρ */
  readonly scale: V
  /** See `stepStatus`. Unless the status of every unit is `ok`, nothing may be written. */
  readonly status: V
  /** The values of the unit's `state` after the step, in its order. Call it after `update` of every active parameter. */
  nextState(): V[]
}

/** The new values of a parameter and its slots, in the shapes in which they are given. */
export interface DeferredUpdate<V> {
  /** The new value, or Δθ if the step was created for `update`. */
  readonly value: V
  readonly slots: Readonly<Record<string, V>>
}

/** A step whose scalars are known only where they are computed: on a device, or when a model runs. */
export interface DeferredStep<V> {
  /** By metric unit of the plan; `undefined` if none of its parameters has a gradient. */
  readonly units: readonly (DeferredUnit<V> | undefined)[]
  /** By profile of the plan; `undefined` if none of its parameters has a gradient. */
  readonly profiles: readonly (DeferredProfile<V> | undefined)[]
  /**
   * Computes the new values of an active parameter. They are new values, and nothing is written. The caller may overwrite the
   * parameter and its slots afterwards: nothing reads the old ones any more, unless it is called again.
   */
  update(parameter: number): DeferredUpdate<V>
}

/**
 * Creates a step for a backend whose values the host does not read: norms, dual norms, metrics and factors are values of the
 * backend. If the host can read one number per step, `createStepper` is faster.
 *
 * @param plan the result of `planStep`
 * @param backend the operations
 * @param inputs the values that the step reads
 * @param output the value that `update` returns of each parameter: its new value (`parameter`), or Δθ (`update`)
 *
 * @example
 * ```ts no-run
 * import { createDeferredStep, type DeferredBackend, type DeferredInputs, type StepPlan } from '@induced-metric/core/adapter'
 *
 * interface Tensor { assign(value: Tensor): void } // the framework's
 * declare const plan: StepPlan
 * declare const backend: DeferredBackend<Tensor>
 * declare const inputs: DeferredInputs<Tensor>
 *
 * const step = createDeferredStep(plan, backend, inputs)
 * for (const index of inputs.active) {
 *   const { value, slots } = step.update(index)
 *   inputs.parameter(index).assign(value)
 *   for (const [name, slot] of Object.entries(slots)) inputs.slot(index, name).assign(slot)
 * }
 * ```
 */
export function createDeferredStep<V>(
  plan: StepPlan,
  backend: DeferredBackend<V>,
  inputs: DeferredInputs<V>,
  output: 'parameter' | 'update' = 'parameter',
): DeferredStep<V> {
  checkHostWork(plan, inputs.active, {
    computesMatrices: backend.hostMatrix !== undefined,
    drawsNormals: inputs.normal !== undefined,
  })
  const scalars = backend.sharesScalars ? createSharedScalars<V>() : undefined
  const evaluate: Evaluate<V> =
    backend.evaluate ?? ((graph, outputs, supply) => evaluateGraph(graph, outputs, backend, supply, scalars))
  const known: KnownLater<V> = { clips: [], scales: [], profiles: [] }
  const units: (DeferredUnit<V> | undefined)[] = []
  /** The evaluations of the active parameters, by index. */
  const evaluations = new Map(
    inputs.active.map((index) => {
      const { graph } = plan.parameters[index]!
      const supply = (name: string): V | undefined =>
        parameterInput({ plan, backend, inputs, known }, index, name)
      return [index, evaluate(graph, outputsOf(graph, output), supply)]
    }),
  )
  const total: Total<V> = (members, name) => {
    const active = members.flatMap((index) => evaluations.get(index) ?? [])
    return active.length === 0 ? undefined : totalOf(backend, active, name)
  }

  // These compute nothing yet. A norm may depend on hyperparameters.
  plan.profiles.forEach((profile, index) => {
    if (profile.members.some((member) => evaluations.has(member)))
      known.profiles[index] = createDeferredProfile(profile, index, { inputs, evaluate, total })
  })
  plan.clips.forEach(({ clipNorm, members }, index) => {
    const normSquared = total(members, 'norm')
    if (normSquared === undefined) return
    const given: Record<string, V> = { normSquared, clipNorm: backend.constant(clipNorm) }
    known.clips[index] = evaluate(clipGraph, clipOutputs, (name) => given[name]).get('clip')
  })
  plan.units.forEach((unit, index) => {
    if (unit.contributors.some((member) => evaluations.has(member)))
      units[index] = createUnit(unit, index, { backend, inputs, evaluate, total })
  })

  return {
    units: plan.units.map((_, index) => units[index]),
    profiles: plan.profiles.map((_, index) => known.profiles[index]),
    update(index) {
      const parameter = plan.parameters[index]!
      const { slots, averaging } = parameter.graph
      known.scales[index] = units[parameter.unit]!.scale
      // Computed before the caller overwrites what it is computed from.
      known.profiles[parameter.profile]!.nextShared()
      const evaluation = evaluations.get(index)!
      const value = evaluation.own(output)
      const next = slots.map((name) => [name, evaluation.own(`slot.${name}`)] as const)
      // The changes are summed later, but computed now: the caller may overwrite the parameter.
      for (const name of averaging) evaluation.scaled(changeOutput(name))
      return {
        value: isReshaped(parameter) ? backend.reshape(value, parameter.shape) : value,
        slots: Object.fromEntries(next),
      }
    },
  }
}

/** The values of a step that are known after others, by clip unit, parameter and profile. */
interface KnownLater<V> {
  readonly clips: V[]
  /** ρ of each parameter that is being updated. */
  readonly scales: V[]
  readonly profiles: DeferredProfile<V>[]
}

/** A scalar or tensor that the graph of a parameter reads. */
function parameterInput<V>(
  given: {
    readonly plan: StepPlan
    readonly backend: DeferredBackend<V>
    readonly inputs: DeferredInputs<V>
    readonly known: KnownLater<V>
  },
  index: number,
  name: string,
): V | undefined {
  const { plan, backend, inputs, known } = given
  const parameter = plan.parameters[index]!
  const { rows, columns, size, profile, clip } = parameter
  const tensor = (value: V): V =>
    isReshaped(parameter) ? backend.reshape(value, tensorShape(parameter)) : value
  switch (name) {
    case 'gradient':
      return tensor(inputs.gradient(index))
    case 'parameter':
      return tensor(inputs.parameter(index))
    case 'step':
      return inputs.step(index)
    case 'rows':
      return backend.constant(rows)
    case 'columns':
      return backend.constant(columns)
    case 'size':
      return backend.constant(size)
    case 'identity.rows':
      return backend.identity(rows, inputs.gradient(index))
    case 'identity.columns':
      return backend.identity(columns, inputs.gradient(index))
    case 'clip':
      return known.clips[clip]
    case 'scale':
      return known.scales[index]
    default:
  }
  if (name.startsWith('slot.')) return inputs.slot(index, name.slice('slot.'.length))
  if (name.startsWith('normal.')) return inputs.normal?.(index, Number(name.slice('normal.'.length)))
  return known.profiles[profile]!.input(name)
}

const outputLists = new WeakMap<StepGraph, Partial<Record<string, readonly string[]>>>()

/** The outputs of a parameter's graph that a step reads: one list for all steps. */
function outputsOf(graph: StepGraph, output: string): readonly string[] {
  let lists = outputLists.get(graph)
  if (lists === undefined) outputLists.set(graph, (lists = {}))
  const { reductions, slots, averaging, totals } = graph
  return (lists[output] ??= [
    ...('norm' in graph.outputs ? ['norm'] : []),
    ...totals,
    ...reductions,
    output,
    ...slots.map((name) => `slot.${name}`),
    ...averaging.map(changeOutput),
  ])
}

/** The outputs of a parameter's graph that a step to new values reads. */
export function updateOutputs(graph: StepGraph): readonly string[] {
  return outputsOf(graph, 'parameter')
}

const metricOutputs = new WeakMap<MetricGraph, readonly string[]>()

/** All outputs of a unit's graph: one list for all steps. */
function allOutputs(graph: MetricGraph): readonly string[] {
  let list = metricOutputs.get(graph)
  if (list === undefined) metricOutputs.set(graph, (list = Object.keys(graph.outputs)))
  return list
}

const clipOutputs = ['clip']

/** The sum of an output of some evaluations. Values with one factor are added up first, and multiplied once. */
function totalOf<V>(backend: DeferredBackend<V>, evaluations: readonly Evaluation<V>[], output: string): V {
  const sum = (values: readonly V[]): V => (values.length === 1 ? values[0]! : backend.sum(values))
  const byFactor = new Map<number, V[]>()
  for (const evaluation of evaluations) {
    const { factor, value } = evaluation.scaled(output)
    const addends = byFactor.get(factor)
    if (addends) addends.push(value)
    else byFactor.set(factor, [value])
  }
  return sum(
    [...byFactor].map(([factor, addends]) => {
      const part = sum(addends)
      return factor === 1 ? part : backend.lowering.mul(backend.constant(factor), part)
    }),
  )
}

/** Computes the sums that a unit's metric depends on, and prepares the evaluation of its graph. */
function createUnit<V>(
  { graph, sums, changes }: MetricUnit,
  index: number,
  given: {
    readonly backend: DeferredBackend<V>
    readonly inputs: DeferredInputs<V>
    readonly evaluate: Evaluate<V>
    readonly total: Total<V>
  },
): DeferredUnit<V> {
  const { backend, inputs, evaluate, total } = given
  const supplied: Record<string, V> = { average: inputs.average(index), metricStep: inputs.metricStep(index) }
  for (const name of graph.state) supplied[`state.${name}`] = inputs.state(index, name)
  for (const { input, output, members } of sums)
    supplied[input] = total(members, output) ?? backend.constant(0)
  const values = evaluate(
    graph,
    allOutputs(graph),
    (name) => supplied[name] ?? (name === 'loss' ? inputs.loss() : inputs.unit(index, name)),
  )
  return new UnitValues(supplied['dualNorm']!, values, () =>
    graph.state.map((name, place) => {
      const change = changes
        .filter(({ state }) => state === place)
        .flatMap(({ output, members }) => total(members, output) ?? [])
      const value = values.get(`state.${name}`)
      return change.length === 0 ? value : backend.sum([value, ...change])
    }),
  )
}

/**
 * A class, because each object literal with accessors gets a hidden class of its own in V8, and that keeps the tensors of
 * its step from being collected until the next full collection: in tfjs, small steps took half as long again.
 */
class UnitValues<V> implements DeferredUnit<V> {
  readonly dualNorm: V
  readonly nextState: () => V[]
  readonly #values: Evaluation<V>

  constructor(dualNorm: V, values: Evaluation<V>, nextState: () => V[]) {
    this.dualNorm = dualNorm
    this.nextState = nextState
    this.#values = values
  }

  get average(): V {
    return this.#values.get('average')
  }

  get metric(): V {
    return this.#values.get('metric')
  }

  get scale(): V {
    return this.#values.get('scale')
  }

  get status(): V {
    return this.#values.get('status')
  }
}
