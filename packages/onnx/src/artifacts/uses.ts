import { intOf } from '../proto/attribute.js'
import { subgraphsOf } from '../proto/graph.js'
import { canonicalDomain } from '../proto/model.js'
import type { GraphProto, NodeProto } from '../proto/onnx_pb.js'
import { own } from '../own.js'

/**
 * The role of a value in an operator.
 *
 * - `setting`: exponents, bounds, scales, ratios, thresholds, fill values
 * - `bound`: an operand of Max or Min
 * - `buffer`: running statistics, which no gradient flows to
 * - `arithmetic`: an operand of a sum, a product, a comparison or a choice
 * - `parameter`: anything else, such as a weight, a bias or a slope
 */
export type Use = 'setting' | 'bound' | 'buffer' | 'arithmetic' | 'parameter'

/** The uses of a value: the first node of each kind. */
export type Uses = ReadonlyMap<Use, NodeProto>

type Slots = Readonly<Record<string, readonly number[]>>

/** Inputs of operators that take settings rather than parameters, although their type is the same. */
const settings: Slots = {
  Clip: [1, 2],
  DequantizeLinear: [1, 2],
  Dropout: [1],
  MelWeightMatrix: [3, 4],
  NonMaxSuppression: [3, 4],
  OneHot: [2],
  Pad: [2],
  Pow: [1],
  QLinearConv: [1, 4, 6],
  QLinearMatMul: [1, 4, 6],
  QuantizeLinear: [1, 2],
  Range: [0, 1, 2],
  Resize: [1, 2],
  Upsample: [1],
}
const buffers: Slots = { BatchNormalization: [3, 4] }

const bounding = new Set(['Max', 'Min'])
const arithmetic = new Set(
  'Add Sub Mul Div Pow Mod Sum Mean Where Equal Greater GreaterOrEqual Less LessOrEqual If Loop Scan'.split(
    ' ',
  ),
)
/** Operators that pass a value on in another form. The value's role is the role of that form. */
const carriers = new Set(
  'Identity Cast CastLike Reshape Flatten Squeeze Unsqueeze Expand Tile Transpose Neg Abs Sqrt Reciprocal'.split(
    ' ',
  ),
)
/** Products whose result a bias may be added to. */
const products = new Set(['MatMul', 'Gemm', 'Conv', 'ConvTranspose'])

/** Finds the uses of a graph's values, in it and in the graphs inside it. */
export function usesIn(graph: GraphProto): (name: string) => Uses {
  const readers = new Map<string, { readonly node: NodeProto; readonly index: number }[]>()
  const producers = new Map<string, NodeProto>()
  const visit = (nodes: readonly NodeProto[]): void => {
    for (const node of nodes) {
      for (const name of node.output) producers.set(name, node)
      node.input.forEach((name, index) => {
        const found = readers.get(name)
        if (found) found.push({ node, index })
        else readers.set(name, [{ node, index }])
      })
      for (const inner of subgraphsOf(node)) visit(inner.node)
    }
  }
  visit(graph.node)
  const isOne = new Set(
    graph.initializer.filter(({ dims }) => dims.every((extent) => extent === 1n)).map(({ name }) => name),
  )
  const dims = new Map(graph.initializer.map((tensor) => [tensor.name, tensor.dims]))

  /** Whether a node adds a value with one element and an axis to a product with one output. */
  const isBias = (node: NodeProto, name: string): boolean => {
    if (node.opType !== 'Add' || dims.get(name)?.length === 0) return false
    const other = producers.get(node.input.find((given) => given !== name) ?? '')
    if (!other || !products.has(other.opType)) return false
    let weight = dims.get(other.input[1] ?? '')
    let isRowed = other.opType === 'Conv' || (other.opType === 'Gemm' && intOf(other, 'transB', 0) !== 0)
    const before = producers.get(other.input[1] ?? '')
    if (!weight && before?.opType === 'Transpose') {
      weight = dims.get(before.input[0] ?? '')
      isRowed = !isRowed
    }
    if (!weight || weight.length < 2) return false
    return (isRowed ? weight[0] : other.opType === 'ConvTranspose' ? weight[1] : weight.at(-1)) === 1n
  }
  const useOf = (node: NodeProto, index: number, name: string): Use | 'carried' => {
    const domain = canonicalDomain(node.domain)
    if (domain !== '' && domain !== 'com.microsoft') return 'parameter'
    if (has(settings, node, index)) return 'setting'
    if (has(buffers, node, index)) return 'buffer'
    if (bounding.has(node.opType)) return 'bound'
    if (arithmetic.has(node.opType) && !isBias(node, name)) return 'arithmetic'
    // Only values with one element: weights are also used through transpositions and reshapings.
    return carriers.has(node.opType) && index === 0 ? 'carried' : 'parameter'
  }
  return (name) => {
    const uses = new Map<Use, NodeProto>()
    const seen = new Set([name])
    for (const value of seen) {
      for (const { node, index } of readers.get(value) ?? []) {
        const use = useOf(node, index, value)
        if (use === 'carried') {
          if (!isOne.has(name)) uses.set('parameter', uses.get('parameter') ?? node)
          else for (const output of node.output) if (output !== '') seen.add(output)
        } else if (!uses.has(use)) uses.set(use, node)
      }
    }
    return uses
  }
}

function has(slots: Slots, { opType }: NodeProto, index: number): boolean {
  return own(slots, opType)?.includes(index) === true
}
