import { clipGraph, type MetricGraph } from '../step/metricGraph.js'
import type { Graph } from '../graph/graph.js'
import type { MetricUnit, StepPlan } from '../step/plan.js'
import { changeOutput, type StepGraph } from '../step/stepGraph.js'
import { evaluateGraph, type Evaluation, type ValueBackend } from './evaluate.js'
import { createSharedScalars } from './sharedScalars.js'

/** Operations on the values of a deferred step: tensors and numbers, or the names of values in a model. */
export interface DeferredBackend<V> extends ValueBackend<V> {
  /** The sum of two or more scalars. */
  sum(values: readonly V[]): V
  /** Whether a scalar that several graphs compute from the same values is computed once. It is never passed to `free`. */
  readonly sharesScalars?: boolean
}

/**
 * The values that a step reads. Each function is called when a graph first needs the value, and may be called again.
 * Parameters, metric units and profiles are given by their indices in the plan.
 */
export interface DeferredInputs<V> {
  /** The parameters that have a gradient in this step, in the order of the plan. */
  readonly active: readonly number[]
  gradient(parameter: number): V
  parameter(parameter: number): V
  slot(parameter: number, name: string): V
  /** t of a parameter: how often it has been updated, this step included. */
  step(parameter: number): V
  /** A hyperparameter of a profile, by the `input` of its `profileEntries`; `undefined` if there is none. */
  profile(profile: number, input: string): V | undefined
  /** A hyperparameter of a metric unit, by the `input` of its `unitEntries`; `undefined` if there is none. */
  unit(unit: number, input: string): V | undefined
  /** t of a metric unit: the number of its steps, this one included. */
  metricStep(unit: number): V
  /** v of a metric unit, before the step. */
  average(unit: number): V
  /** A scalar of a metric unit's `state`, before the step. */
  state(unit: number, name: string): V
  /** The loss; `undefined` if the step has none. */
  loss(): V | undefined
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

/** The new values of a parameter and its slots. */
export interface DeferredUpdate<V> {
  /** The new value, or Δθ if the step was created for `update`. */
  readonly value: V
  readonly slots: Readonly<Record<string, V>>
}

/** A step whose scalars are known only where they are computed: on a device, or when a model runs. */
export interface DeferredStep<V> {
  /** By metric unit of the plan; `undefined` if none of its parameters has a gradient. */
  readonly units: readonly (DeferredUnit<V> | undefined)[]
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
  const shared = backend.sharesScalars ? createSharedScalars<V>() : undefined
  const evaluate: Evaluate<V> = (graph, outputs, supply) =>
    evaluateGraph(graph, outputs, backend, supply, shared)
  const clips: V[] = []
  /** ρ of each parameter that is being updated. */
  const scales: V[] = []
  const units: (DeferredUnit<V> | undefined)[] = []

  const parameterInput = (index: number, name: string): V | undefined => {
    const { rows, columns, size, profile, clip } = plan.parameters[index]!
    switch (name) {
      case 'gradient':
        return inputs.gradient(index)
      case 'parameter':
        return inputs.parameter(index)
      case 'step':
        return inputs.step(index)
      case 'rows':
        return backend.constant(rows)
      case 'columns':
        return backend.constant(columns)
      case 'size':
        return backend.constant(size)
      case 'clip':
        return clips[clip]
      case 'scale':
        return scales[index]
      default:
        return name.startsWith('slot.')
          ? inputs.slot(index, name.slice('slot.'.length))
          : inputs.profile(profile, name)
    }
  }
  /** The evaluations of the active parameters, by index. */
  const evaluations = new Map(
    inputs.active.map((index) => {
      const { graph } = plan.parameters[index]!
      return [index, evaluate(graph, outputsOf(graph, output), (name) => parameterInput(index, name))]
    }),
  )
  const total: Total<V> = (members, name) => {
    const active = members.flatMap((index) => evaluations.get(index) ?? [])
    return active.length === 0 ? undefined : totalOf(backend, active, name)
  }

  plan.clips.forEach(({ clipNorm, members }, index) => {
    const normSquared = total(members, 'norm')
    if (normSquared === undefined) return
    const given: Record<string, V> = { normSquared, clipNorm: backend.constant(clipNorm) }
    clips[index] = evaluate(clipGraph, clipOutputs, (name) => given[name]).get('clip')
  })
  plan.units.forEach((unit, index) => {
    if (unit.contributors.some((member) => evaluations.has(member)))
      units[index] = createUnit(unit, index, { backend, inputs, evaluate, total })
  })

  return {
    units: plan.units.map((_, index) => units[index]),
    update(index) {
      const { graph, unit } = plan.parameters[index]!
      const { slots, averaging } = graph
      scales[index] = units[unit]!.scale
      const evaluation = evaluations.get(index)!
      const value = evaluation.own(output)
      const next = slots.map((name) => [name, evaluation.own(`slot.${name}`)] as const)
      // The changes are summed later, but computed now: the caller may overwrite the parameter.
      for (const name of averaging) evaluation.scaled(changeOutput(name))
      return { value, slots: Object.fromEntries(next) }
    },
  }
}

/** Begins the evaluation of a graph. */
type Evaluate<V> = (
  graph: Graph,
  outputs: readonly string[],
  supply: (name: string) => V | undefined,
) => Evaluation<V>

/** The sum of an output over those of some parameters that are active; `undefined` if none is. */
type Total<V> = (members: readonly number[], output: string) => V | undefined

const outputLists = new WeakMap<StepGraph, Partial<Record<string, readonly string[]>>>()

/** The outputs of a parameter's graph that a step reads: one list for all steps. */
function outputsOf(graph: StepGraph, output: string): readonly string[] {
  let lists = outputLists.get(graph)
  if (lists === undefined) outputLists.set(graph, (lists = {}))
  const { reductions, slots, averaging } = graph
  return (lists[output] ??= [
    ...('norm' in graph.outputs ? ['norm'] : []),
    ...reductions,
    output,
    ...slots.map((name) => `slot.${name}`),
    ...averaging.map(changeOutput),
  ])
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
