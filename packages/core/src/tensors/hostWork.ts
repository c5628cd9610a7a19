import { unsupported } from '../errors.js'
import { isHostMatrixOp } from '../graph/algebra.js'
import type { Graph } from '../graph/graph.js'
import type { StepPlan } from '../step/plan.js'

/** The host's part in the steps of some bases. */
interface HostWork {
  /** Whether it can read matrices and compute with them, or need not, because the device does. */
  readonly computesMatrices: boolean
  /** Whether it can draw normal numbers for a step. */
  readonly drawsNormals: boolean
}

/** By graph, the operation on a matrix that the host computes; `undefined` if there is none. */
const hostOps = new WeakMap<Graph, string | undefined>()

function hostOpOf(graph: Graph): string | undefined {
  if (!hostOps.has(graph)) hostOps.set(graph, graph.nodes.find(({ op }) => isHostMatrixOp(op))?.op)
  return hostOps.get(graph)
}

/**
 * Checks that the host can do its part of a step.
 *
 * @param active indices of the parameters that are updated
 * @throws ERR_NOT_SUPPORTED naming the base and what it needs
 */
export function checkHostWork(plan: StepPlan, active: readonly number[], host: HostWork): void {
  for (const index of active) {
    const { graph, profile } = plan.parameters[index]!
    const op = host.computesMatrices ? undefined : hostOpOf(graph)
    const needed =
      op !== undefined
        ? `${op} of a matrix, which the host computes`
        : graph.normals.length > 0 && !host.drawsNormals
          ? 'normal numbers, which the host draws'
          : undefined
    if (needed === undefined) continue
    throw unsupported(
      `the base ${plan.profiles[profile]!.base.name} needs ${needed}, and here the host takes no part in a step: inside a trace, in ` +
        'an optimizer model, or on a device whose values it cannot read at once. Take the steps elsewhere, or another base',
    )
  }
}
