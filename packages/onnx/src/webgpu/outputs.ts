import { freshNames, namesIn } from '../proto/graph.js'
import { canonicalDomain } from '../proto/model.js'
import { createNode } from '../proto/node.js'
import { dataType } from '../proto/dataType.js'
import type { GraphProto, NodeProto } from '../proto/onnx_pb.js'
import { declaredValue } from '../rewrite/declare.js'
import type { ValueTypes } from '../rewrite/valueTypes.js'

/** Operators whose result has the elements of their input, in the same order: the provider copies the buffer. */
const copying = new Set(['Flatten', 'Identity', 'Reshape', 'Squeeze', 'Unsqueeze'])

/**
 * Makes every output the result of a kernel. When a captured graph is replayed, copies of buffers are missing, and an output that
 * only a Reshape makes would stay as it was. So it is bound before its last Reshape, with the same elements in other extents.
 *
 * @param graph is changed
 * @param types of its values
 * @param zero names the input that holds a zero, which is added to what no kernel makes
 */
export function bindOutputs(graph: GraphProto, types: ValueTypes, zero: () => string): void {
  const fresh = freshNames(namesIn(graph))
  const outputs = new Set(graph.output.map(({ name }) => name))
  const producers = new Map(graph.node.flatMap((node) => node.output.map((name) => [name, node] as const)))
  const isCopy = (node: NodeProto): boolean => canonicalDomain(node.domain) === '' && copying.has(node.opType)
  graph.output = graph.output.map((output) => {
    const { name } = output
    let type = types.get(name)
    for (let node = producers.get(name); node && isCopy(node); node = producers.get(name)) {
      const source = node.input[0]!
      const before = types.get(source)
      const from = producers.get(source)
      const copied = fresh(`${name}/copied`)
      rename(graph, name, copied)
      producers.delete(name)
      producers.set(copied, node)
      if (from && !outputs.has(source)) {
        rename(graph, source, name)
        producers.delete(source)
        producers.set(name, from)
      } else {
        const addend = before.dataType === dataType.float ? zero() : undefined
        if (addend === undefined) {
          // Whole numbers and conditions are not trained on: this one is right where nothing is captured.
          rename(graph, copied, name)
          producers.set(name, node)
          return output
        }
        const sum = createNode('Add', [source, addend], [name])
        graph.node.push(sum)
        producers.set(name, sum)
      }
      type = before
    }
    return type.dataType === undefined ? output : declaredValue(name, type.dataType, type.shape)
  })
}

/** Renames a value in the nodes of a graph, and not among its outputs. */
function rename({ node }: GraphProto, from: string, to: string): void {
  for (const one of node) {
    one.input = one.input.map((name) => (name === from ? to : name))
    one.output = one.output.map((name) => (name === from ? to : name))
  }
}
