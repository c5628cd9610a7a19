import { unsupported } from '@induced-metric/core/adapter'
import { withoutWrongFusions } from './fusions.js'
import { allNodes, createOrtSession, describeNode } from '@induced-metric/onnx/adapter'
import type { Ort, OrtSession } from '@induced-metric/onnx'
import type { GraphProto, Model, NodeProto } from '@induced-metric/onnx/proto'

/**
 * Creates a session of a lowered model, without the runtime's optimisations that would change its results.
 *
 * @param what names the model in errors
 * @param options options of the runtime's `InferenceSession.create`
 * @throws ERR_NOT_SUPPORTED if the runtime does not know an operator, or has no kernel for it, naming the operator,
 *   its domain and the node
 */
export async function createModelSession(
  ort: Ort,
  model: Model,
  what: string,
  options?: object,
): Promise<OrtSession> {
  try {
    return await createOrtSession(ort, model, what, withoutWrongFusions(model, options))
  } catch (error) {
    const found = error instanceof Error ? findCulprit(model.graph, error.message) : undefined
    if (found === undefined) throw error
    throw unsupported(
      `${what}: ${describeNode(found.node)} ${found.problem} (${(error as Error).message.replace('ERR_NOT_SUPPORTED: ', '')})`,
      { cause: (error as Error).cause },
    )
  }
}

const isUnknown =
  'is not in this build of the runtime, and the lowering table has no row for it: give one with the option lowerings'
const lacksKernel = 'has no kernel in this build of the runtime, or none for the element types it is given'

/** How releases of the runtime name an operator that they cannot run, and its node if they do. */
const complaints: readonly (readonly [RegExp, string])[] = [
  [/(?:[\w.]+:)?(?<op>\w+)\(-?\d+\) is not a registered function\/op/, isUnknown],
  [/"(?<name>[^"]*)", \w+, "[^"]*", -1\) .*No Op registered for (?<op>\w+)/s, isUnknown],
  [/No Op registered for (?<op>\w+)/, isUnknown],
  [/implementation for (?<op>\w+)\(\d+\) node with name '(?<name>[^']*)'/, lacksKernel],
]

function findCulprit(graph: GraphProto, message: string): { node: NodeProto; problem: string } | undefined {
  for (const [pattern, problem] of complaints) {
    const { op, name } = pattern.exec(message)?.groups ?? {}
    if (op === undefined) continue
    const nodes = allNodes(graph).filter(({ opType }) => opType === op)
    const node = nodes.find((candidate) => candidate.name === name) ?? nodes[0]
    if (node) return { node, problem }
  }
  return undefined
}
