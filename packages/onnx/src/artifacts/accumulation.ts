import { create } from '@bufbuild/protobuf'
import { bufferKey, bufferName, resetName } from '../lowering/names.js'
import { dataType } from '../proto/dataType.js'
import { freshNames, namesIn, renameValue } from '../proto/graph.js'
import type { Model } from '../proto/model.js'
import { createNode } from '../proto/node.js'
import { StringStringEntryProtoSchema, type GraphProto } from '../proto/onnx_pb.js'
import { declaredValue, withFields } from '../rewrite/declare.js'

/**
 * Renames values whose names the genuine runtime reserves for inputs of its own, unless someone asks for them by
 * name.
 */
export function freeReservedNames(
  graph: GraphProto,
  parameters: readonly string[],
  asked: ReadonlySet<string>,
): void {
  const fixed = new Set([...graph.input, ...graph.output].map(({ name }) => name))
  const names = namesIn(graph)
  const fresh = freshNames(names)
  for (const name of [resetName, ...parameters.map(bufferName)]) {
    if (!names.has(name) || fixed.has(name) || asked.has(name)) continue
    renameValue(graph, name, fresh(name))
  }
}

/**
 * Makes a training model accumulate its gradients, in inputs with the names that the genuine runtime expects. If the
 * model has a value of such a name, the input gets another, which the metadata store.
 */
export function addAccumulation(model: Model, gradients: ReadonlyMap<string, string>): void {
  const { graph } = model
  const fresh = freshNames(namesIn(graph))
  const declared = new Map(graph.input.map((input) => [input.name, input]))
  const reset = fresh(resetName)
  for (const [parameter, gradient] of gradients) {
    const buffer = fresh(bufferName(parameter))
    if (buffer !== bufferName(parameter)) {
      const entry = { key: `${bufferKey}${parameter}`, value: buffer }
      model.metadataProps.push(create(StringStringEntryProtoSchema, entry))
    }
    const out = fresh(`${parameter}_grad.accumulation.out`)
    graph.node.push(createNode('com.microsoft:InPlaceAccumulatorV2', [buffer, gradient, reset], [out]))
    graph.input.push(withFields(declared.get(parameter)!, { name: buffer }))
    graph.output.push(declaredValue(out, dataType.bool, [1]))
  }
  graph.input.push(declaredValue(reset, dataType.bool, [1]))
}
