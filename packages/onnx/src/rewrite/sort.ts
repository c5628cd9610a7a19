import { optionError } from '@induced-metric/core/adapter'
import { describeNode } from './nodeContext.js'
import { capturedBy } from '../proto/graph.js'
import type { NodeProto } from '../proto/onnx_pb.js'

/**
 * Sorts nodes so that each comes after those whose outputs it reads. Nodes that are sorted already keep their order.
 *
 * @throws ERR_OPTION for a cycle
 */
export function sortNodes(nodes: readonly NodeProto[]): NodeProto[] {
  const producers = new Map(nodes.flatMap((node) => node.output.map((name) => [name, node] as const)))
  producers.delete('')
  const sorted: NodeProto[] = []
  const state = new Map<NodeProto, 'open' | 'done'>()
  // An explicit stack: models may be deeper than the engine's call stack.
  const visit = (root: NodeProto): void => {
    const stack = [{ node: root, inputs: [...root.input, ...capturedBy(root)], next: 0 }]
    state.set(root, 'open')
    for (let top = stack.at(-1); top !== undefined; top = stack.at(-1)) {
      const name = top.inputs[top.next++]
      if (name === undefined) {
        state.set(top.node, 'done')
        sorted.push(top.node)
        stack.pop()
        continue
      }
      const producer = producers.get(name)
      if (!producer || state.get(producer) === 'done') continue
      if (state.has(producer)) {
        throw optionError(
          `the model is not valid ONNX: ${describeNode(producer)} depends on its own output ${JSON.stringify(name)}`,
        )
      }
      state.set(producer, 'open')
      stack.push({ node: producer, inputs: [...producer.input, ...capturedBy(producer)], next: 0 })
    }
  }
  for (const node of nodes) if (!state.has(node)) visit(node)
  return sorted
}
