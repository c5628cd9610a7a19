import type { Shape } from '../../../graph/algebra.js'
import type { Guard } from './guards.js'
import type { Loop } from './loop.js'

/** A stage before its tensors have locations: it names nodes only. */
export type DraftStage = (
  | { kind: 'scalars'; nodes: number[] }
  | { kind: 'loop'; loop: Loop; shape: Shape; outputs: readonly string[] }
  | { kind: 'matmul'; node: number; a: Factor; b: Factor }
  | { kind: 'transpose'; node: number; from: number }
  | { kind: 'hosted'; nodes: readonly number[]; operands: readonly number[] }
) & {
  /** When anything needs the stage. */
  guard?: Guard
}

/** A factor of a matrix product. */
export interface Factor {
  readonly node: number
  readonly transposed: boolean
}
