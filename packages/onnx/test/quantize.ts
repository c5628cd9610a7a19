import { clone } from '@bufbuild/protobuf'
import {
  createNode,
  createTensor,
  dataType,
  ModelProtoSchema,
  readTensor,
  setOpset,
  type Model,
  type NodeProto,
  type TensorProto,
} from '../src/proto/index.js'

const { float, int8, uint8 } = dataType

/** The ways in which people quantise the weights of products. */
export type Quantization =
  | 'MatMulNBits'
  | 'MatMulNBits with zero points'
  | 'DequantizeLinear'
  | 'MatMulInteger'
  | 'DynamicQuantizeMatMul'
  | 'MatMulIntegerToFloat'

/** A quantised weight, [inputs, outputs] */
interface Weight {
  readonly name: string
  readonly inputs: number
  readonly outputs: number
  readonly values: Float32Array
}

const block = 16

/** Numbers of four bits by blocks of inputs, for each output. */
function ofFewBits({ name, inputs, outputs, values }: Weight, hasZeros: boolean): TensorProto[] {
  const blocks = Math.ceil(inputs / block)
  const bytes = new Uint8Array((outputs * blocks * block) / 2)
  const scales = new Float32Array(outputs * blocks)
  const zeros = new Uint8Array(outputs * Math.ceil(blocks / 2))
  for (let output = 0; output < outputs; output++) {
    for (let part = 0; part < blocks; part++) {
      const own = Array.from({ length: block }, (_, i) => {
        const input = part * block + i
        return input < inputs ? values[input * outputs + output]! : 0
      })
      const [low, high] = [Math.min(0, ...own), Math.max(0, ...own)]
      const scale = Math.fround(hasZeros ? (high - low) / 15 || 1 : Math.max(-low, high) / 7 || 1)
      const zero = hasZeros ? Math.round(-low / scale) : 8
      scales[output * blocks + part] = scale
      zeros[output * Math.ceil(blocks / 2) + (part >> 1)]! |= zero << (4 * (part & 1))
      own.forEach((value, i) => {
        const number = Math.max(0, Math.min(15, Math.round(value / scale) + zero))
        bytes[(output * blocks + part) * (block / 2) + (i >> 1)]! |= number << (4 * (i & 1))
      })
    }
  }
  return [
    createTensor(name, [outputs, blocks, block / 2], uint8, bytes),
    createTensor(`${name}_scales`, [outputs * blocks], float, scales),
    ...(hasZeros ? [createTensor(`${name}_zeros`, [zeros.length], uint8, zeros)] : []),
  ]
}

/** Numbers of eight bits with a scale for each output, or with one. */
function ofEightBits({ name, inputs, outputs, values }: Weight, perOutput: boolean): TensorProto[] {
  const largest = new Float32Array(perOutput ? outputs : 1)
  values.forEach((value, i) => {
    const at = perOutput ? i % outputs : 0
    largest[at] = Math.max(largest[at]!, Math.abs(value))
  })
  const scales = largest.map((value) => value / 127 || 1)
  const numbers = Int8Array.from(values, (value, i) =>
    Math.round(value / scales[perOutput ? i % outputs : 0]!),
  )
  const dims = perOutput ? [outputs] : []
  return [
    createTensor(name, [inputs, outputs], int8, numbers),
    createTensor(`${name}_scales`, dims, float, scales),
    createTensor(`${name}_zeros`, dims, int8, new Int8Array(scales.length)),
  ]
}

/** The nodes of a product with a quantised weight. */
function productOf(kind: Quantization, x: string, { name, inputs, outputs }: Weight, y: string): NodeProto[] {
  const [scales, zeros] = [`${name}_scales`, `${name}_zeros`]
  const [q, scale, zero] = [`${y}_q`, `${y}_scale`, `${y}_zero`]
  const quantize = createNode('DynamicQuantizeLinear', [x], [q, scale, zero])
  switch (kind) {
    case 'MatMulNBits':
    case 'MatMulNBits with zero points':
      return [
        createNode(
          'com.microsoft:MatMulNBits',
          [x, name, scales, ...(kind === 'MatMulNBits' ? [] : [zeros])],
          [y],
          { K: inputs, N: outputs, bits: 4, block_size: block },
        ),
      ]
    case 'DequantizeLinear':
      return [
        createNode('DequantizeLinear', [name, scales, zeros], [`${name}_real`], { axis: 1 }),
        createNode('MatMul', [x, `${name}_real`], [y]),
      ]
    case 'DynamicQuantizeMatMul':
      return [createNode('com.microsoft:DynamicQuantizeMatMul', [x, name, scales, zeros], [y])]
    case 'MatMulIntegerToFloat':
      return [
        quantize,
        createNode('com.microsoft:MatMulIntegerToFloat', [q, name, scale, scales, zero, zeros], [y]),
      ]
    case 'MatMulInteger':
      return [
        quantize,
        createNode('MatMulInteger', [q, name, zero, zeros], [`${y}_whole`]),
        createNode('Cast', [`${y}_whole`], [`${y}_real`], { to: float }),
        createNode('Mul', [scale, scales], [`${y}_scales`]),
        createNode('Mul', [`${y}_real`, `${y}_scales`], [y]),
      ]
  }
}

/** A model whose products with constant matrices are quantised. */
export function quantized(model: Model, kind: Quantization): Model {
  const made = clone(ModelProtoSchema, model) as Model
  const { graph } = made
  const turned = new Map(
    graph.node.flatMap(({ opType, input, output }) =>
      opType === 'Transpose' ? [[output[0]!, input[0]!]] : [],
    ),
  )
  const tensors = new Map(graph.initializer.map((tensor) => [tensor.name, tensor]))
  const replaced = new Set<string>()
  graph.node = graph.node.flatMap((node) => {
    if (node.opType !== 'MatMul') return [node]
    const name = node.input[1]!
    const tensor = tensors.get(turned.get(name) ?? name)
    if (tensor?.dims.length !== 2) return [node]
    const { dims, data } = readTensor(tensor)
    const isTurned = turned.has(name)
    const [inputs, outputs] = (isTurned ? [dims[1], dims[0]] : dims) as [number, number]
    const values = Float32Array.from({ length: data.length }, (_, i) =>
      Number(isTurned ? data[(i % outputs) * inputs + Math.floor(i / outputs)] : data[i]),
    )
    const weight = { name: `${tensor.name}_quant`, inputs, outputs, values }
    replaced.add(tensor.name)
    graph.initializer.push(
      ...(kind.startsWith('MatMulNBits')
        ? ofFewBits(weight, kind !== 'MatMulNBits')
        : ofEightBits(weight, kind !== 'MatMulInteger')),
    )
    return productOf(kind, node.input[0]!, weight, node.output[0]!)
  })
  const read = new Set(graph.node.flatMap(({ input }) => input))
  graph.node = graph.node.filter(({ opType, output }) => opType !== 'Transpose' || read.has(output[0]!))
  const left = new Set(graph.node.flatMap(({ input }) => input))
  graph.initializer = graph.initializer.filter(({ name }) => !replaced.has(name) || left.has(name))
  setOpset(made, 'com.microsoft', 1)
  return made
}
