import { InducedMetricError } from '@induced-metric/core'
import { describeNode } from './lowering/context.js'
import { typeOf } from './lowering/shapes.js'
import { createOrtSession, type Ort, type OrtSession } from './namespace.js'
import { dataType } from './onnx/dataType.js'
import { subgraphsOf } from './onnx/graph.js'
import type { Model } from './onnx/model.js'
import type { GraphProto, NodeProto } from './onnx/onnx_pb.js'

/**
 * Makes a session of a lowered model.
 *
 * @param what names the model in errors
 * @throws ERR_NOT_SUPPORTED where the runtime cannot: where it does not know an operator, or has no kernel for it, with the
 *   operator, its domain and the node
 */
export async function createModelSession(
  ort: Ort,
  model: Model,
  what: string,
  options?: object,
): Promise<OrtSession> {
  try {
    return await createOrtSession(ort, model, what, optionsFor(model, options))
  } catch (error) {
    const found = error instanceof Error ? findCulprit(model.graph, error.message) : undefined
    if (found === undefined) throw error
    throw new InducedMetricError(
      'ERR_NOT_SUPPORTED',
      `${what}: ${describeNode(found.node)} ${found.problem} (${(error as Error).message.replace('ERR_NOT_SUPPORTED: ', '')})`,
      { cause: (error as Error).cause },
    )
  }
}

/**
 * Optimisations of the runtime that make no session of doubles: one puts a QuickGelu, for which there is no kernel, in the
 * place of x·σ(x), the other gives up on a Clip after a Relu.
 */
const floatOnly = ['QuickGeluFusion', 'FuseReluClip']

interface SessionOptions {
  readonly extra?: { readonly optimization?: { readonly disable_specified_optimizers?: string } }
}

function optionsFor({ graph }: Model, options?: SessionOptions): object | undefined {
  const values = [...graph.input, ...graph.valueInfo, ...graph.output].map((value) => typeOf(value))
  if (![...values, ...graph.initializer].some((value) => value.dataType === dataType.double)) return options
  const { extra } = options ?? {}
  const { disable_specified_optimizers: own } = extra?.optimization ?? {}
  const disabled = [...(own === undefined ? [] : [own]), ...floatOnly].join(';')
  const optimization = { ...extra?.optimization, disable_specified_optimizers: disabled }
  return { ...options, extra: { ...extra, optimization } }
}

const isUnknown =
  'is not in this build of the runtime, and the lowering table has no row for it: give one with the option lowerings'
const lacksKernel = 'has no kernel in this build of the runtime, or none for the element types it is given'

/** How the runtime's releases name an operator that they cannot run, and the node where they do. */
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
    const nodes = nodesOf(graph).filter(({ opType }) => opType === op)
    const node = nodes.find((candidate) => candidate.name === name) ?? nodes[0]
    if (node) return { node, problem }
  }
  return undefined
}

function nodesOf({ node }: GraphProto): NodeProto[] {
  return node.flatMap((one) => [one, ...subgraphsOf(one).flatMap(nodesOf)])
}
