import { createNode, type Attributes } from '../../proto/node.js'
import type { NodeProto } from '../../proto/onnx_pb.js'
import { realTensor } from '../../proto/tensor.js'
import { partOf, type Factor } from './adapter.js'

/** The nodes of one adapter, while they are being made. */
export interface AdapterNodes {
  /** A name that no value or node has yet, in the adapter's namespace. */
  readonly fresh: (hint: string) => string
  /** Adds a node with one output and returns the output's name. */
  readonly emit: (
    opType: string,
    inputs: readonly string[],
    attributes?: Attributes,
    output?: string,
  ) => string
  /** The name of a factor as a matrix; a transposed one is made once and used again. */
  readonly matrix: (factor: Factor) => string
  /** Multiplies a value by the adapter's scale. */
  readonly scaled: (x: string) => string
  /** Makes a value at its first call, and returns it at each. */
  readonly once: (key: string, make: () => string) => string
  /** The node that was added last. */
  readonly last: () => NodeProto
  /** Returns the nodes added since the latest call. */
  readonly take: () => readonly NodeProto[]
}

/**
 * Creates the nodes of an adapter.
 *
 * @param weight the name of the weight
 * @param type the element type of the weight
 * @param taken the names in the graph; new ones are added
 */
export function createAdapterNodes(
  weight: string,
  scale: number,
  type: number,
  taken: Set<string>,
): AdapterNodes {
  let nodes: NodeProto[] = []
  const fresh = (hint: string): string => {
    let name = partOf(weight, hint)
    for (let i = 2; taken.has(name); i++) name = partOf(weight, `${hint}_${i}`)
    taken.add(name)
    return name
  }
  const emit: AdapterNodes['emit'] = (opType, inputs, attributes = {}, output) => {
    const name = fresh(opType)
    nodes.push(createNode(opType, inputs, [output ?? name], attributes, name))
    return output ?? name
  }
  const made = new Map<string, string>()
  const once: AdapterNodes['once'] = (key, make) => {
    const found = made.get(key) ?? make()
    made.set(key, found)
    return found
  }
  return {
    fresh,
    emit,
    once,
    last: () => nodes.at(-1)!,
    matrix: ({ name, transposed }) =>
      transposed ? once(name, () => emit('Transpose', [name], { perm: [1, 0] })) : name,
    scaled(x) {
      if (scale === 1) return x
      const constant = once('scale', () => emit('Constant', [], { value: realTensor('', [scale], type) }))
      return emit('Mul', [x, constant])
    },
    take() {
      const taken = nodes
      nodes = []
      return taken
    },
  }
}
