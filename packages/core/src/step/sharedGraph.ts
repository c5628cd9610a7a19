import type { Expr } from '../graph/algebra.js'
import { buildGraph, type Graph } from '../graph/graph.js'
import { sharedInput } from '../transformation/declarations.js'
import type { RecordedUpdate } from '../transformation/recordedUpdate.js'

/**
 * The scalars that a base keeps once for its profile. Inputs: `total.I`, `shared.NAME`, `base.NAME`, `profileStep`,
 * `learningRate` and `loss`. Outputs: `shared.NAME` (its next value) and `initial.NAME`.
 */
export interface SharedGraph extends Graph {
  /** The names of the scalars. */
  readonly names: readonly string[]
}

/** Records the shared scalars of an update. */
export function recordShared({ shared }: RecordedUpdate): SharedGraph {
  const outputs: Record<string, Expr> = {}
  for (const [name, { initial, next }] of Object.entries(shared)) {
    outputs[sharedInput(name)] = next
    outputs[`initial.${name}`] = initial
  }
  return { ...buildGraph(outputs), names: Object.keys(shared) }
}
