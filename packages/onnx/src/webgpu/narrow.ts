import { unsupported } from '@induced-metric/core/adapter'
import { createAttribute, intOf } from '../proto/attribute.js'
import { dataType } from '../proto/dataType.js'
import { freshNames, namesIn } from '../proto/graph.js'
import { canonicalDomain } from '../proto/model.js'
import { createNode } from '../proto/node.js'
import type { GraphProto, NodeProto, TensorProto } from '../proto/onnx_pb.js'
import { createTensor, readTensor } from '../proto/tensor.js'
import { own } from '../own.js'
import { declaredValue } from '../rewrite/declare.js'
import { typeOf, type ValueTypes } from '../rewrite/valueTypes.js'

/** Inputs of operators that must be int64: extents, places and axes, which are constants here. */
const wideInputs: Readonly<Record<string, readonly number[]>> = {
  ConstantOfShape: [0],
  CumSum: [1],
  Expand: [1],
  GatherND: [1],
  Pad: [1, 3],
  ReduceL1: [1],
  ReduceL2: [1],
  ReduceLogSum: [1],
  ReduceLogSumExp: [1],
  ReduceMax: [1],
  ReduceMean: [1],
  ReduceMin: [1],
  ReduceProd: [1],
  ReduceSum: [1],
  ReduceSumSquare: [1],
  Reshape: [1],
  Resize: [3],
  ScatterND: [1],
  Slice: [1, 2, 3, 4],
  Split: [1],
  Squeeze: [1],
  Tile: [1],
  TopK: [1],
  Unsqueeze: [1],
}

/** Operators with results that are int64 whatever they are given. */
const wideResults = new Set(['ArgMax', 'ArgMin', 'NonZero', 'Shape', 'Size', 'TopK'])

/**
 * Makes whole numbers of 64 bits that are fed, and those computed from them, whole numbers of 32: WebGPU has no others, and the
 * provider few kernels for the pairs that it stores them as.
 *
 * @param graph is changed; constants among its inputs' companions get copies of 32 bits
 * @returns the inputs that are int32 now
 * @throws ERR_NOT_SUPPORTED for a constant beyond the range of int32
 */
export function narrowIntegers(graph: GraphProto, types: ValueTypes): ReadonlySet<string> {
  const isWide = (name: string): boolean => types.get(name).dataType === dataType.int64
  const constants = new Map(graph.initializer.map((tensor) => [tensor.name, tensor]))
  const narrow = new Set<string>()
  const fed = new Set<string>()
  graph.input = graph.input.map((input) => {
    const { dataType: type, shape } = typeOf(input)
    if (type !== dataType.int64) return input
    narrow.add(input.name)
    fed.add(input.name)
    return declaredValue(input.name, dataType.int32, shape)
  })
  const fresh = freshNames(namesIn(graph))
  const copies = new Map<string, string>()
  const nodes: NodeProto[] = []
  const cast = (name: string, to: number): string => {
    const known = copies.get(`${name}:${to}`)
    if (known !== undefined) return known
    const made = fresh(`${name}/${to === dataType.int32 ? 'int32' : 'int64'}`)
    copies.set(`${name}:${to}`, made)
    const constant = constants.get(name)
    if (constant && to === dataType.int32) graph.initializer.push(narrowed(constant, made))
    else nodes.push(createNode('Cast', [name], [made], { to }))
    return made
  }
  const outputs = new Set(graph.output.map(({ name }) => name))
  const same = new Map<string, string>()
  for (const node of graph.node) {
    node.input = node.input.map((name) => same.get(name) ?? name)
    const [source = '', result = ''] = [node.input[0], node.output[0]]
    const isInt32 = narrow.has(source) || types.get(source).dataType === dataType.int32
    if (isWidening(node) && isInt32 && !outputs.has(result)) {
      same.set(result, source)
      continue
    }
    if (canonicalDomain(node.domain) === '') narrowNode(node, { isWide, narrow, cast })
    nodes.push(node)
  }
  graph.node = nodes
  graph.output = graph.output.map((output) =>
    narrow.has(output.name) ? declaredValue(output.name, dataType.int32, typeOf(output).shape) : output,
  )
  graph.valueInfo = graph.valueInfo.filter(({ name }) => !narrow.has(name))
  return fed
}

/** Whether a node makes int64. */
function isWidening(node: NodeProto): boolean {
  return (
    node.opType === 'Cast' && canonicalDomain(node.domain) === '' && intOf(node, 'to', 1) === dataType.int64
  )
}

function narrowNode(
  node: NodeProto,
  {
    isWide,
    narrow,
    cast,
  }: {
    readonly isWide: (name: string) => boolean
    readonly narrow: Set<string>
    readonly cast: (name: string, to: number) => string
  },
): void {
  const { opType } = node
  const fixed = own(wideInputs, opType) ?? []
  const isData = (index: number): boolean => !fixed.includes(index)
  if (isWidening(node)) {
    node.attribute = [createAttribute('to', dataType.int32)]
    narrow.add(node.output[0]!)
  } else if (!wideResults.has(opType)) {
    for (const name of node.output) if (isWide(name)) narrow.add(name)
  }
  const isNarrowed = node.output.some((name) => narrow.has(name))
  const mixes = node.input.some((name, index) => narrow.has(name) && isData(index))
  const takesIndices = ['Gather', 'GatherElements', 'ScatterElements'].includes(opType)
  node.input = node.input.map((name, index) => {
    if (!isWide(name)) return name
    if (!isData(index)) return narrow.has(name) ? cast(name, dataType.int64) : name
    const converts = (isNarrowed && opType !== 'Cast') || mixes || takesIndices
    return narrow.has(name) || !converts ? name : cast(name, dataType.int32)
  })
}

function narrowed(tensor: TensorProto, name: string): TensorProto {
  const { dims, data } = readTensor(tensor)
  const values = Array.from(data as BigInt64Array, Number)
  const beyond = values.find((value) => value < -(2 ** 31) || value >= 2 ** 31)
  if (beyond !== undefined) {
    throw unsupported(
      `the constant ${JSON.stringify(tensor.name)} holds ${beyond}: on WebGPU whole numbers have 32 bits, from −2³¹ to 2³¹ − 1`,
    )
  }
  return createTensor(name, dims, dataType.int32, Int32Array.from(values))
}
