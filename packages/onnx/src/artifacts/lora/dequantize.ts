import { shapeError, unsupported } from '@induced-metric/core/adapter'
import { intOf } from '../../proto/attribute.js'
import { dataType } from '../../proto/dataType.js'
import { fromHalf } from '../../proto/half.js'
import { createNode } from '../../proto/node.js'
import type { GraphProto, NodeProto, TensorProto } from '../../proto/onnx_pb.js'
import { createTensor, dimsOf, readTensor } from '../../proto/tensor.js'
import type { WeightUse } from './uses.js'

/** Finds an initializer by name. */
type Find = (name: string | undefined) => TensorProto | undefined

/** Whether elements are whole numbers that a scale gives a meaning. */
export function isQuantized({ dataType: type }: TensorProto): boolean {
  const { uint8, int8, uint4, int4 } = dataType
  return ([uint8, int8, uint4, int4] as number[]).includes(type)
}

/** The elements of a tensor as numbers. */
export function numbersOf(tensor: TensorProto): Float64Array {
  const { uint4, int4, float16 } = dataType
  const size = dimsOf(tensor).reduce((product, extent) => product * extent, 1)
  if (tensor.dataType === uint4 || tensor.dataType === int4) {
    const bytes = tensor.rawData.length > 0 ? tensor.rawData : Uint8Array.from(tensor.int32Data)
    if (bytes.length !== Math.ceil(size / 2)) {
      throw shapeError(
        `tensor ${JSON.stringify(tensor.name)} has ${size} elements of 4 bits, and ${bytes.length} bytes`,
      )
    }
    return Float64Array.from({ length: size }, (_, i) => {
      const number = (bytes[i >> 1]! >> (4 * (i & 1))) & 15
      return tensor.dataType === int4 && number > 7 ? number - 16 : number
    })
  }
  const { data } = readTensor(tensor)
  const values = Float64Array.from(data as ArrayLike<number | bigint>, Number)
  return tensor.dataType === float16 ? values.map(fromHalf) : values
}

/** Real weights that take the place of quantised ones. */
interface Dequantized {
  readonly values: Float64Array
  readonly dims: readonly number[]
}

/** What a weight stands for at a use, as it is stored there. */
export function dequantized(
  { node: nodes, initializer }: GraphProto,
  weight: TensorProto,
  use: WeightUse,
  producer: NodeProto | undefined,
): Dequantized {
  const { node } = use
  const find: Find = (name) => initializer.find((tensor) => tensor.name === name)
  const at = (index: number): TensorProto | undefined => find(node.input[index])
  if (producer?.opType === 'DequantizeLinear') {
    return scaledAlong(weight, find(producer.input[1]), find(producer.input[2]), {
      axis: intOf(producer, 'axis', 1),
      block: intOf(producer, 'block_size', 0),
    })
  }
  switch (node.opType) {
    case 'MatMulNBits':
      return ofFewBits(weight, node, find)
    case 'DynamicQuantizeMatMul':
      return scaledAlong(weight, at(2), at(3), { axis: 1, block: 0 })
    case 'MatMulIntegerToFloat':
      return scaledAlong(weight, at(3), at(5), { axis: 1, block: 0 })
    case 'MatMulInteger':
      return scaledAlong(weight, scaleOf(use, nodes, find), at(3), { axis: 1, block: 0 })
    default:
      throw unsupported(
        `${node.opType} of a quantised weight cannot be merged; run the model with its adapter`,
      )
  }
}

/** The scale of the weight in a product as ONNX Runtime's dynamic quantiser writes it: it is multiplied by the other. */
function scaleOf({ end }: WeightUse, nodes: readonly NodeProto[], find: Find): TensorProto | undefined {
  const product = nodes.find(({ opType, output }) => opType === 'Mul' && end.input.includes(output[0]!))
  return [...end.input, ...(product?.input ?? [])].map(find).find((tensor) => tensor !== undefined)
}

function scaledAlong(
  weight: TensorProto,
  scale: TensorProto | undefined,
  zero: TensorProto | undefined,
  { axis, block }: { readonly axis: number; readonly block: number },
): Dequantized {
  if (scale === undefined) {
    throw unsupported(
      `the scale of ${JSON.stringify(weight.name)} is not a constant of the model, so it cannot be merged; run the model with its adapter`,
    )
  }
  const dims = dimsOf(weight)
  const [numbers, scales] = [numbersOf(weight), numbersOf(scale)]
  const zeros = zero === undefined ? undefined : numbersOf(zero)
  const at = axis < 0 ? axis + dims.length : axis
  const inner = dims.slice(at + 1).reduce((product, extent) => product * extent, 1)
  const extent = dims[at] ?? 1
  const count = block > 0 ? Math.ceil(extent / block) : extent
  const groupOf = (i: number): number => {
    if (scales.length === 1) return 0
    const along = Math.floor(i / inner) % extent
    if (block === 0) return along
    return (Math.floor(i / (inner * extent)) * count + Math.floor(along / block)) * inner + (i % inner)
  }
  return {
    dims,
    values: numbers.map(
      (number, i) => (number - (zeros?.[zeros.length === 1 ? 0 : groupOf(i)] ?? 0)) * scales[groupOf(i)]!,
    ),
  }
}

/** The weights of a MatMulNBits, [N, K]. */
function ofFewBits(weight: TensorProto, node: NodeProto, find: Find): Dequantized {
  const [bits, outputs, inputs, block] = ['bits', 'N', 'K', 'block_size'].map((name) =>
    intOf(node, name, name === 'bits' ? 4 : 0),
  ) as [number, number, number, number]
  const blocks = Math.ceil(inputs / block)
  const [scale, zero, order] = [2, 3, 4].map((index) => find(node.input[index]))
  if (scale === undefined || (node.input[4] ?? '') !== (order?.name ?? '')) {
    throw unsupported(
      `the scales of ${JSON.stringify(weight.name)} are not constants of the model, so it cannot be merged; run the model with its adapter`,
    )
  }
  const per = 8 / bits
  const numberAt = (bytes: Float64Array, row: number, column: number): number => {
    const width = bytes.length / outputs
    return (bytes[row * width + Math.floor(column / per)]! >> (bits * (column % per))) & (2 ** bits - 1)
  }
  const [bytes, scales] = [numbersOf(weight), numbersOf(scale)]
  const zeros = zero && numbersOf(zero)
  const groups = order && numbersOf(order)
  const zeroAt = (row: number, group: number): number => {
    if (zeros === undefined || zero === undefined) return 2 ** (bits - 1)
    return zero.dataType === dataType.uint8 ? numberAt(zeros, row, group) : zeros[row * blocks + group]!
  }
  return {
    dims: [outputs, inputs],
    values: Float64Array.from({ length: outputs * inputs }, (_, i) => {
      const [row, column] = [Math.floor(i / inputs), i % inputs]
      const group = groups ? groups[column]! : Math.floor(column / block)
      return (numberAt(bytes, row, column) - zeroAt(row, group)) * scales[row * blocks + group]!
    }),
  }
}

/**
 * Puts a real product in the place of a quantised one, or a constant in the place of a dequantisation.
 *
 * @param graph is changed
 * @param values the new weight, as it is stored
 */
export function putInPlace(
  graph: GraphProto,
  use: WeightUse,
  producer: NodeProto | undefined,
  { values, dims }: Dequantized,
  name: string,
): void {
  const real = Float32Array.from(values)
  if (producer?.opType === 'DequantizeLinear') {
    graph.initializer.push(createTensor(producer.output[0]!, dims, dataType.float, real))
    graph.node = graph.node.filter((node) => node !== producer)
    return
  }
  const { node, end, transposed, x } = use
  const [rows, columns] = dims as [number, number]
  const turned = transposed
    ? Float32Array.from({ length: real.length }, (_, i) => real[(i % rows) * columns + Math.floor(i / rows)]!)
    : real
  graph.initializer.push(createTensor(name, transposed ? [columns, rows] : dims, dataType.float, turned))
  const bias =
    node.input[{ MatMulNBits: 5, DynamicQuantizeMatMul: 4, MatMulIntegerToFloat: 6 }[node.opType] ?? -1] ?? ''
  const output = end.output[0]!
  const product = bias === '' ? output : `${name}/product`
  const made = [createNode('MatMul', [x, name], [product], {}, node.name)]
  if (bias !== '') made.push(createNode('Add', [product, bias], [output], {}, `${name}/bias`))
  graph.node = graph.node.flatMap((other) => (other === end ? made : [other]))
}
