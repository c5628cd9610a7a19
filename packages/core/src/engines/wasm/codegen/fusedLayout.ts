import type { Graph } from '../../../graph/graph.js'
import type { MetricGraph } from '../../../step/metricGraph.js'
import type { StepGraph } from '../../../step/stepGraph.js'
import { rowWords } from './loop.js'
import type { LoopStage, PassStages, StepStages } from './stages.js'
import type { VectorType } from './vectors.js'

/** The layout of the block of memory that a fused step works in. Numbers are bytes from its start. */
export interface FusedLayout {
  /** Scalar inputs (f64) by name: those of the parameters' graph, and those of the metric's. */
  readonly inputs: {
    readonly step: ReadonlyMap<string, number>
    readonly metric: ReadonlyMap<string, number>
  }
  /** Results (f64). */
  readonly results: {
    readonly average: number
    readonly metric: number
    readonly scale: number
    readonly dualNorm: number
    /** The metric's state, in its order. */
    readonly state: readonly number[]
  }
  readonly passes: { readonly [name in FusedPass]: PassLayout }
  /** The size of the block. */
  readonly bytes: number
}

/** The passes of a fused step. */
export type FusedPass = 'reduce' | 'update'

/** A pass that is one loop: its stage, and the places of the loop's sums (f64), scalars and table. */
export interface PassLayout {
  readonly stage: LoopStage
  readonly sums: number
  readonly scalars: number
  readonly table: number
}

/** Lays out the block of a step whose passes are one loop each. */
export function layOutFusedStep(
  graph: StepGraph,
  metric: MetricGraph,
  { reduce, update }: StepStages,
  type: VectorType,
): FusedLayout {
  let bytes = 0
  const take = (count: number, size: number): number => {
    const at = Math.ceil(bytes / size) * size
    bytes = at + count * size
    return at
  }
  const takeInputs = (given: Graph, computed: readonly string[]): Map<string, number> =>
    new Map(
      given.nodes
        .filter(({ op, shape, name }) => op === 'input' && shape === 'scalar' && !computed.includes(name!))
        .map(({ name }) => [name!, take(1, 8)]),
    )
  const takePass = ({ stages }: PassStages): PassLayout => {
    const stage = stages.find((each) => each.kind === 'loop')!
    const { loop } = stage
    return {
      stage,
      sums: take(loop.sums.length, 8),
      scalars: take(loop.scalars.length, type.bytes),
      table: take(rowWords(loop), 4),
    }
  }
  // The step computes its scale and the metric's sums itself.
  const sums = metric.sums.map(({ input }) => input)
  const inputs = { step: takeInputs(graph, ['scale']), metric: takeInputs(metric, sums) }
  const results = {
    average: take(1, 8),
    metric: take(1, 8),
    scale: take(1, 8),
    dualNorm: take(1, 8),
    state: metric.state.map(() => take(1, 8)),
  }
  const passes = { reduce: takePass(reduce), update: takePass(update) }
  return { inputs, results, passes, bytes }
}
