import { intOf, intsOf } from '../../proto/attribute.js'
import { capturedBy } from '../../proto/graph.js'
import { canonicalDomain } from '../../proto/model.js'
import type { GraphProto, NodeProto } from '../../proto/onnx_pb.js'

/** A use of a weight in a product, or in a look-up of its rows. */
export interface WeightUse {
  readonly kind: 'MatMul' | 'Gemm' | 'Gather'
  readonly node: NodeProto
  /** Whether the product is with the transposed weight. */
  readonly transposed: boolean
}

/** The uses of a weight: those that an adapter can be added to, and the others. */
export interface WeightUses {
  readonly uses: readonly WeightUse[]
  readonly other: string | undefined
}

/** Finds the uses of weights, through transpositions. It visits each value of the graph once. */
export function loraUses(graph: GraphProto): (weight: string) => WeightUses {
  const outputs = new Set(graph.output.map(({ name }) => name))
  const readers = new Map<string, { readonly node: NodeProto; readonly index: number | undefined }[]>()
  const add = (name: string, node: NodeProto, index: number | undefined): void => {
    const found = readers.get(name)
    if (found) found.push({ node, index })
    else readers.set(name, [{ node, index }])
  }
  for (const node of graph.node) {
    node.input.forEach((name, index) => add(name, node, index))
    for (const name of capturedBy(node)) add(name, node, undefined)
  }
  return (weight) => {
    const uses: WeightUse[] = []
    let other: string | undefined
    const turned = new Map([[weight, false]])
    for (const [name, transposed] of turned) {
      if (outputs.has(name)) other = 'it is an output'
      for (const { node, index } of readers.get(name) ?? []) {
        if (index === undefined) other = `a graph within ${describe(node)} reads it`
        else if (isTranspose(node)) turned.set(node.output[0]!, !transposed)
        else {
          const use = useOf(node, index, transposed)
          if (use) uses.push(use)
          else other = `${describe(node)} takes it as input ${index}`
        }
      }
    }
    return { uses, other }
  }
}

function useOf(node: NodeProto, index: number, transposed: boolean): WeightUse | undefined {
  if (canonicalDomain(node.domain) !== '') return undefined
  if (node.opType === 'MatMul' && index === 1) return { kind: 'MatMul', node, transposed }
  if (node.opType === 'Gemm' && index === 1)
    return { kind: 'Gemm', node, transposed: (intOf(node, 'transB', 0) !== 0) !== transposed }
  if (node.opType === 'Gather' && index === 0 && intOf(node, 'axis', 0) === 0)
    return { kind: 'Gather', node, transposed }
  return undefined
}

/** Whether a node swaps two axes. */
function isTranspose(node: NodeProto): boolean {
  if (canonicalDomain(node.domain) !== '' || node.opType !== 'Transpose') return false
  const order = intsOf(node, 'perm') ?? [1, 0]
  return order[0] === 1 && order[1] === 0
}

function describe({ opType, name, output }: NodeProto): string {
  return `${opType} ${JSON.stringify(name === '' ? output[0] : name)}`
}
