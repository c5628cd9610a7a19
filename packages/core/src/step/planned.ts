import type { Graph } from '../graph/graph.js'
import type { Preconditioner } from '../transformation/preconditioner.js'
import type { GroupSettings, ParameterInfo, Transformation } from '../transformation/types.js'
import type { ClipUnit } from './clipUnits.js'
import type { MetricGraph } from './metricGraph.js'
import type { SharedGraph } from './sharedGraph.js'
import type { Reduction, StepGraph } from './stepGraph.js'

/** A parameter's place in a step. */
export interface PlannedParameter extends ParameterInfo {
  /** The number of its elements. */
  readonly size: number
  /** The extents of the matrix that it is to its base; if it is none, of its first two axes. */
  readonly rows: number
  readonly columns: number
  /** Whether it is a matrix to its base; its tensors then have the shape [rows, columns] in the graph. */
  readonly isMatrix: boolean
  /** The index in `plan.profiles` of its group's options and the base that updates it. */
  readonly profile: number
  readonly graph: StepGraph
  /** The index of the metric unit whose ρ scales it. */
  readonly unit: number
  /** The index of the clip unit whose norm limits it, or −1. */
  readonly clip: number
  /**
   * The weights to evaluate with, where they are not the parameter itself. Inputs: `parameter`, `slot.NAME`, `base.NAME`,
   * `step` (the number of updates so far), `rows`, `columns` and `size`. Output: `evaluation`.
   */
  readonly evaluation?: Graph
}

/** The options of a group with one base, its own or its fallback. The scalars of a step depend on these. */
export interface Profile {
  readonly settings: GroupSettings
  readonly base: Preconditioner
  /** Its name in checkpoints: the label of its group, and whether its base is the fallback. */
  readonly key: string
  /** Indices of its parameters. */
  readonly members: readonly number[]
  /** The totals that its base reads: outputs of the parameters' graphs, and the inputs that their sums are. */
  readonly totals: readonly string[]
  /** The scalars that its base keeps once for all parameters. */
  readonly shared: SharedGraph
  /** Whether it has shared scalars, or a count of its steps that is read. */
  readonly keepsState: boolean
}

/** Parameters under one ρ. */
export interface MetricUnit {
  /** Its name in checkpoints: '' for the default group, else the group's label or the parameter's name. */
  readonly key: string
  readonly settings: GroupSettings
  /** Indices of the parameters whose dual norms it sums. */
  readonly contributors: readonly number[]
  /** N, the number of elements summed over; `xi: 'auto'` is 1/N. */
  readonly size: number
  readonly graph: MetricGraph
  /** The sums that `graph` reads; `dualNorm` is the first. */
  readonly sums: readonly UnitSum[]
  /** The sums that are added to its state after the parameters have been written. */
  readonly changes: readonly UnitChange[]
  /** Whether the base of a contributor reads the loss. */
  readonly baseReadsLoss: boolean
  /** The bases for which `graph` was recorded, if the model is averaged; else none. */
  readonly bases: readonly Preconditioner[]
}

/** A sum over parameters that a metric graph reads. */
export interface UnitSum {
  readonly input: string
  readonly output: Reduction
  /** Indices of the parameters. */
  readonly members: readonly number[]
}

/** A sum over parameters that is added to a scalar of a metric's state. */
export interface UnitChange {
  /** The index of the scalar in the graph's `state`. */
  readonly state: number
  readonly output: string
  /** Indices of the parameters. */
  readonly members: readonly number[]
}

/** A transformation recorded for given parameters: everything that an engine or adapter needs to run steps. */
export interface StepPlan {
  readonly transformation: Transformation
  readonly parameters: readonly PlannedParameter[]
  readonly profiles: readonly Profile[]
  readonly units: readonly MetricUnit[]
  readonly clips: readonly ClipUnit[]
  /** The sums that a step takes over each parameter before it writes. A parameter's own graph may lack all but the first. */
  readonly reductions: readonly Reduction[]
  /** The sums that a step takes over each parameter while it writes. Most parameters' own graphs have none. */
  readonly changes: readonly string[]
  /** The totals of all profiles. A step takes them after `norm` and before `reductions`, where there are any. */
  readonly totals: readonly string[]
  /** Whether a step must be given its loss. */
  readonly needsLoss: boolean
  /** Structural hash of the bases and of the metric's scope. Checkpoints carry it. */
  readonly hash: string
}
