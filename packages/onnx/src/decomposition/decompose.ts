import { clone } from '@bufbuild/protobuf'
import { unsupported } from '@induced-metric/core/adapter'
import type { LoweringTable } from '../lowering/table.js'
import { dropUnused, freshNames, namesIn } from '../proto/graph.js'
import { canonicalDomain, opsetOf, setOpset, type Model } from '../proto/model.js'
import { ModelProtoSchema, type NodeProto, type TensorProto } from '../proto/onnx_pb.js'
import { codedRule, createContext, type Emitted, type LoweringRule } from '../rewrite/nodeContext.js'
import { valueTypes, type ValueTypes } from '../rewrite/valueTypes.js'
import { own } from '../own.js'
import { decompositions } from './table.js'

/** The oldest version of ONNX's operators that decompositions are written in. */
const oldest = 13

/** Finds the row for a node. */
export function decompositionOf(table: LoweringTable, node: NodeProto): LoweringRule | undefined {
  const rows = own(table, canonicalDomain(node.domain))
  return rows && own(rows, node.opType)
}

/**
 * Writes out nodes in primitive operators.
 *
 * @param model is changed
 * @param types the known types of its values
 * @param isWanted whether a node that has a row is written out
 * @returns the number of nodes that were replaced
 * @throws ERR_NOT_SUPPORTED for a node that its row cannot write out
 */
export function decompose(
  model: Model,
  types: ValueTypes,
  isWanted: (node: NodeProto) => boolean,
  table: LoweringTable = decompositions,
): number {
  const { graph } = model
  const opset = opsetOf(model) ?? 1
  const emitted: Emitted = {
    nodes: [],
    constants: new Map<string, TensorProto>(),
    prefix: 'decomposed',
    fresh: freshNames(namesIn(graph)),
  }
  let count = 0
  for (const node of graph.node) {
    const row = decompositionOf(table, node)
    if (!row || !isWanted(node)) emitted.nodes.push(node)
    else {
      if (opset < oldest)
        throw unsupported(
          `decompositions need version ${oldest} of ONNX's operators, and the model has ${opset}`,
        )
      codedRule(node, 'it cannot be written out', () => row(createContext(node, types, emitted, opset)))
      count++
    }
  }
  if (count === 0) return 0
  graph.node = emitted.nodes
  graph.initializer = [...graph.initializer, ...emitted.constants.values()]
  dropUnused(graph)
  if (
    opsetOf(model, 'com.microsoft') === undefined &&
    graph.node.some(({ domain }) => domain === 'com.microsoft')
  )
    setOpset(model, 'com.microsoft', 1)
  return count
}

/**
 * Writes out the operators that a runtime has as one kernel, such as attention, in primitive operators. The outputs stay
 * the same up to rounding. `generateArtifacts` does so itself where gradients pass.
 *
 * @param model is not changed. The ranks of the inputs of such operators must be declared, and their opset at least 13
 * @param table rows by operator, by domain
 * @returns the same object if there is nothing to write out
 * @throws ERR_NOT_SUPPORTED for a node that cannot be written out, naming it
 *
 * @example
 * ```ts
 * import { decomposeModel } from '@induced-metric/onnxruntime'
 * import { createModelBuilder, dataType } from '@induced-metric/onnxruntime/onnx'
 *
 * const { float } = dataType
 * const builder = createModelBuilder(17)
 * const names = ['query', 'key', 'value'].map((name) => builder.input(name, float, ['batch', 'length', 8]))
 * const y = builder.emit('com.microsoft:MultiHeadAttention', names, { num_heads: 2 }, 'y')
 * builder.output(y, float, ['batch', 'length', 8])
 * const written = decomposeModel(builder.build('attention'))
 * console.log(written.graph.node.some(({ opType }) => opType === 'Softmax')) // true
 * ```
 */
export function decomposeModel(model: Model, table: LoweringTable = decompositions): Model {
  const written = clone(ModelProtoSchema, model) as Model
  return decompose(written, valueTypes(written.graph), () => true, table) === 0 ? model : written
}
