import type { Expr } from '../graph/algebra.js'

/** A slot: its initial value, a scalar or an identity matrix, and its next one. */
export interface RecordedSlot {
  readonly initial: Expr
  readonly next: Expr
}

/** A preconditioner's update as expressions, checked, with the initial values of its slots. */
export interface RecordedUpdate {
  readonly direction: Expr
  readonly average: Expr | undefined
  readonly dual: Expr | undefined
  readonly slots: Readonly<Record<string, RecordedSlot>>
  /** The new parameter before decay, where the base gives it. */
  readonly parameter: Expr | undefined
  /** The weights to evaluate with, where the base gives them, in terms of what is kept after a step. */
  readonly evaluation: Expr | undefined
  /** What is summed over the parameters of the profile: the I-th enters the graph as `total.I`. */
  readonly totals: readonly Expr[]
  /** The scalars that are kept for the profile, by name. */
  readonly shared: Readonly<Record<string, RecordedSlot>>
  /** The streams of normal numbers that it reads. */
  readonly normals: readonly number[]
}
