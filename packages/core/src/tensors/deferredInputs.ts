import type { Graph } from '../graph/graph.js'
import type { Evaluation } from './evaluate.js'

/**
 * The values that a step reads. Each function is called when a graph first needs the value, and may be called again.
 * Parameters, metric units and profiles are given by their indices in the plan.
 */
export interface DeferredInputs<V> {
  /** The parameters that have a gradient in this step, in the order of the plan. */
  readonly active: readonly number[]
  gradient(parameter: number): V
  parameter(parameter: number): V
  /** A slot, in its `slotShape`. A scalar one is a scalar as precise as all others. */
  slot(parameter: number, name: string): V
  /**
   * Standard normal numbers of a parameter's `tensorShape`; see `fillNormals`. Leave it out where the host does not know how
   * often a parameter has been updated.
   */
  normal?(parameter: number, stream: number): V
  /** t of a parameter: how often it has been updated, this step included. */
  step(parameter: number): V
  /** A hyperparameter of a profile, by the `input` of its `profileEntries`; `undefined` if there is none. */
  profile(profile: number, input: string): V | undefined
  /** t of a profile: the number of steps of any of its parameters, this one included. */
  profileStep(profile: number): V
  /** A shared scalar of a profile, before the step. */
  shared(profile: number, name: string): V
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

/** Begins the evaluation of a graph. */
export type Evaluate<V> = (
  graph: Graph,
  outputs: readonly string[],
  supply: (name: string) => V | undefined,
) => Evaluation<V>

/** The sum of an output over those of some parameters that are active; `undefined` if none is. */
export type Total<V> = (members: readonly number[], output: string) => V | undefined
