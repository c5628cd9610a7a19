import { decompose, decompositionOf } from '../decomposition/decompose.js'
import { decompositions } from '../decomposition/table.js'
import { ruleOf } from '../gradients/context.js'
import { gradients, type GradientTable } from '../gradients/table.js'
import { capturedBy } from '../proto/graph.js'
import { opsetOf, type Model } from '../proto/model.js'
import type { GraphProto, NodeProto } from '../proto/onnx_pb.js'
import { describeBodies, hasBody, type Bodies } from '../inference/bodies.js'
import { inferTypes } from '../inference/runtimeTypes.js'
import { loweredOpset } from '../lowering/lower.js'
import { raiseOpset } from '../rewrite/upgrade/index.js'
import type { ValueTypes } from '../rewrite/valueTypes.js'
import type { Ort } from '../runtime/ort.js'

/** Whether a node without a gradient rule can be written out in primitive operators. */
export function isWrittenOut(node: NodeProto, table: GradientTable = gradients): boolean {
  return ruleOf(table, node) === undefined && decompositionOf(decompositions, node) !== undefined
}

/**
 * Prepares what depends on parameters to train: writes out the operators without a gradient rule, such as attention, and
 * finds the types in branches and in bodies of loops.
 *
 * @param model is changed
 * @param types the types of its values
 * @returns the types of its values afterwards, and how many nodes were written out
 * @throws ERR_NOT_SUPPORTED for a node that cannot be written out
 */
export async function writeOut(
  model: Model,
  types: ValueTypes,
  trainable: readonly string[],
  ort: Ort,
  table: GradientTable = gradients,
): Promise<{ readonly types: ValueTypes; readonly count: number; readonly bodies: Bodies }> {
  const dependent = dependentOn(model.graph, trainable)
  const count = decompose(model, types, (node) => dependent.has(node) && isWrittenOut(node, table))
  const isLooped = model.graph.node.some((node) => dependent.has(node) && hasBody(node))
  // Gradients within bodies are lowered at once, to this version.
  const isRaised = isLooped && opsetOf(model)! < loweredOpset
  if (isRaised) raiseOpset(model, loweredOpset)
  const written = count === 0 && !isRaised ? types : await inferTypes(model, ort)
  if (!isLooped) return { types: written, count, bodies: new Map() }
  const again = dependentOn(model.graph, trainable)
  const nodes = model.graph.node.filter((node) => again.has(node) && hasBody(node))
  return { count, ...(await describeBodies(model, written, nodes, ort)) }
}

/** The nodes that depend on given values. */
function dependentOn({ node }: GraphProto, values: readonly string[]): ReadonlySet<NodeProto> {
  const names = new Set(values)
  const found = new Set<NodeProto>()
  for (const one of node) {
    if (![...one.input, ...capturedBy(one)].some((name) => names.has(name))) continue
    found.add(one)
    for (const name of one.output) if (name !== '') names.add(name)
  }
  return found
}
