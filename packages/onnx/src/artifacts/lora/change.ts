import { attributeOf, floatOf, intOf } from '../../proto/attribute.js'
import type { GraphProto, NodeProto } from '../../proto/onnx_pb.js'
import { dataType } from '../../proto/dataType.js'
import { int64Tensor, realTensor } from '../../proto/tensor.js'
import { extentsOf, factorShapes, factorsOf, type Adapter, type Factor } from './adapter.js'
import { createAdapterNodes, type AdapterNodes } from './nodes.js'
import type { WeightUse } from './uses.js'

/** A weight and its adapter. */
export interface AdaptedWeight {
  readonly name: string
  /** Its extents, as real values. */
  readonly dims: readonly number[]
  /** The element type of the factors. */
  readonly type: number
  readonly adapter: Adapter
  readonly rank: number
  readonly uses: readonly WeightUse[]
}

/** Adds the nodes of an adapter after every use of its weight. */
export function adapt(graph: GraphProto, weight: AdaptedWeight, taken: Set<string>): void {
  const { name, type, adapter, uses } = weight
  const nodes = createAdapterNodes(name, adapter.scale, type, taken)
  const byEnd = new Map(uses.map((use) => [use.end, use]))
  graph.node = graph.node.flatMap((node) => {
    const use = byEnd.get(node)
    if (!use) return [node]
    if (use.kind === 'whole') {
      node.input[use.index] = changedWeight(nodes, weight, use)
      return [...nodes.take(), node]
    }
    const output = node.output[0]!
    const base = nodes.fresh('base')
    nodes.emit('Add', [base, narrowed(nodes, use, emitChange(nodes, use, weight))], {}, output)
    node.output[0] = base
    return [node, ...nodes.take()]
  })
}

/** What an adapter adds, in float16 where the result is. */
function narrowed({ emit }: AdapterNodes, { narrow }: WeightUse, change: string): string {
  return narrow ? emit('Cast', [change], { to: dataType.float16 }) : change
}

/** The two factors of the whole change: a [rank, inputs], b [outputs, rank]. Parts are put together, with zeros between. */
function wholeFactors(
  nodes: AdapterNodes,
  { name, dims, type, adapter, rank }: AdaptedWeight,
): [string, string] {
  const pairs = factorsOf(name, adapter)
  const [first] = pairs
  if (!adapter.parts) return [first!.a, first!.b]
  const { b } = factorShapes(dims, adapter, rank)
  const { once, emit } = nodes
  const zeros = (thirds: number): string[] => {
    if (thirds === 0) return []
    const shape = [thirds * b[0], rank]
    const value = realTensor(
      '',
      Array.from({ length: shape[0]! * rank }, () => 0),
      type,
      shape,
    )
    return [once(`zeros_${thirds}`, () => emit('Constant', [], { value }))]
  }
  const raised = (pair: (typeof pairs)[number]): string =>
    emit('Concat', [...zeros(pair.third), pair.b, ...zeros(2 - pair.third)], { axis: 0 })
  const together = (hint: string, values: () => string[], axis: number): string =>
    once(hint, () => {
      const all = values()
      return all.length === 1 ? all[0]! : emit('Concat', all, { axis })
    })
  return [together('all_a', () => pairs.map(({ a }) => a), 0), together('all_b', () => pairs.map(raised), 1)]
}

/** The change of the weight as it is stored is left·right. */
function storedFactors(nodes: AdapterNodes, weight: AdaptedWeight): [Factor, Factor] {
  const [a, b] = wholeFactors(nodes, weight)
  return weight.adapter.stored === 'outputsFirst'
    ? [
        { name: b, transposed: false },
        { name: a, transposed: false },
      ]
    : [
        { name: a, transposed: true },
        { name: b, transposed: true },
      ]
}

/** Emits what an adapter adds to the result of a use of its weight, and returns its name. */
function emitChange(nodes: AdapterNodes, use: WeightUse, weight: AdaptedWeight): string {
  const { kind, node, transposed, narrow } = use
  const x =
    narrow && kind !== 'Gather'
      ? nodes.once(`${use.x} as float`, () => nodes.emit('Cast', [use.x], { to: dataType.float }))
      : use.x
  if (kind === 'Conv') return convolved(nodes, node, x, weight)
  const { emit, matrix, scaled } = nodes
  const [left, right] = storedFactors(nodes, weight)
  const flip = ({ name, transposed: turned }: Factor): Factor => ({ name, transposed: !turned })
  const [first, second] = transposed ? [flip(right), flip(left)] : [left, right]
  if (kind === 'Gather') {
    const rows = emit('Gather', [matrix(first), node.input[1]!], { axis: 0 })
    return emit('MatMul', [scaled(rows), matrix(second)])
  }
  if (kind === 'MatMul') return emit('MatMul', [scaled(emit('MatMul', [x, matrix(first)])), matrix(second)])
  const inner = emit('Gemm', [x, first.name], {
    transA: attributeOf(node, 'transA') && intOf(node, 'transA', 0),
    transB: Number(first.transposed),
  })
  const alpha = floatOf(node, 'alpha', 1) * weight.adapter.scale
  return emit('Gemm', [inner, second.name], { alpha: { float: alpha }, transB: Number(second.transposed) })
}

/** A convolution to as many channels as the rank, and one of single points. */
function convolved(nodes: AdapterNodes, node: NodeProto, x: string, weight: AdaptedWeight): string {
  const { emit, scaled } = nodes
  const { dims, rank } = weight
  const [a, b] = wholeFactors(nodes, weight)
  const filters = reshaped(nodes, a, [rank, ...dims.slice(1)])
  const inner = emit('Conv', [x, filters])
  nodes.last().attribute = [...node.attribute]
  const points = reshaped(nodes, b, [dims[0]!, rank, ...dims.slice(2).map(() => 1)])
  return emit('Conv', [scaled(inner), points])
}

/** The weight with its change. */
function changedWeight(nodes: AdapterNodes, weight: AdaptedWeight, use: WeightUse): string {
  const { node, index } = use
  const { emit, matrix, scaled, once } = nodes
  const { outputs, inputs } = extentsOf(weight.dims, weight.adapter.stored)
  const base = node.input[index]!
  return once(`whole_${base}`, () => {
    const [left, right] = storedFactors(nodes, weight)
    const change = scaled(emit('MatMul', [matrix(left), matrix(right)]))
    const isFlat = weight.dims.length === 2 && outputs * inputs > 0
    return emit('Add', [base, narrowed(nodes, use, isFlat ? change : reshaped(nodes, change, weight.dims))])
  })
}

/** A value in other extents, made once. */
function reshaped({ emit, once }: AdapterNodes, x: string, dims: readonly number[]): string {
  return once(`${x} as ${dims.join('x')}`, () => {
    const shape = emit('Constant', [], { value: int64Tensor('', dims) })
    return emit('Reshape', [x, shape])
  })
}
