import { intOf, intsOf } from '../proto/attribute.js'
import type { GraphProto, NodeProto } from '../proto/onnx_pb.js'
import { canonicalDomain } from '../proto/model.js'
import { own } from '../own.js'
import type { Extent, ValueType, ValueTypes } from './valueTypes.js'

/**
 * Derives the types of values from those before them, for models without inferred shapes. It covers the operators
 * that are common in training, and only what the lowering needs: element types, ranks, and extents where they are
 * easy.
 */
export function applyTypeRules(graph: GraphProto, types: ValueTypes): void {
  for (const node of graph.node) applyTypeRule(node, types)
}

/** Derives the types of a node's outputs. */
export function applyTypeRule(node: NodeProto, types: ValueTypes): void {
  const rule = own(rules, node.opType)
  const domain = canonicalDomain(node.domain)
  if (!rule || (domain !== '' && domain !== 'com.microsoft')) return
  const results = rule(
    node.input.map((name) => types.get(name)),
    node,
  )
  node.output.forEach((name, i) => {
    const result = results[i]
    if (name !== '' && result) types.add(name, result)
  })
}

type Rule = (inputs: readonly ValueType[], node: NodeProto) => (ValueType | undefined)[]

const unknown: ValueType = {}

/** Every output has the type of the given input. */
function like(index: number): Rule {
  return (inputs, { output }) => output.map(() => inputs[index] ?? unknown)
}

/** The outputs have, in order, the types of the given inputs. */
function likes(...indices: readonly number[]): Rule {
  return (inputs) => indices.map((index) => inputs[index] ?? unknown)
}

const broadcast: Rule = (inputs) => {
  const dataType = inputs.find((input) => input.dataType !== undefined)?.dataType
  if (!inputs.every(({ shape }) => shape)) return [{ dataType }]
  const shapes = inputs.map(({ shape }) => shape!)
  const rank = Math.max(...shapes.map(({ length }) => length))
  const shape = Array.from({ length: rank }, (_, axis): Extent => {
    const extents = shapes.map((s) => (axis - rank + s.length < 0 ? 1 : s[axis - rank + s.length]))
    const others = extents.filter((extent) => extent !== 1)
    if (others.length === 0) return 1
    return (
      others.find((extent) => typeof extent === 'number') ??
      (others.every((x) => x === others[0]) ? others[0] : undefined)
    )
  })
  return [{ dataType, shape }]
}

/** [N, M, …] of a convolution or pool; extents only if all of them are known. */
const windowed: Rule = ([x, w], { opType, attribute }) => {
  const { dataType, shape } = x ?? unknown
  if (shape === undefined) return [{ dataType }]
  const node = { attribute } as NodeProto
  const kernel = opType === 'Conv' ? w?.shape?.slice(2) : intsOf(node, 'kernel_shape')
  const automatic = attribute.some(
    ({ name, s }) => name === 'auto_pad' && new TextDecoder().decode(s) !== 'NOTSET',
  )
  const pads = intsOf(node, 'pads')
  const strides = intsOf(node, 'strides')
  const dilations = intsOf(node, 'dilations')
  const round = intOf(node, 'ceil_mode', 0) === 0 ? Math.floor : undefined
  const rank = shape.length - 2
  const spatial = shape.slice(2).map((extent, i): Extent => {
    const k = kernel?.[i]
    if (typeof extent !== 'number' || typeof k !== 'number' || automatic || round === undefined)
      return undefined
    const reach = (dilations?.[i] ?? 1) * (k - 1) + 1
    return round((extent + (pads?.[i] ?? 0) + (pads?.[i + rank] ?? 0) - reach) / (strides?.[i] ?? 1)) + 1
  })
  const channels = opType === 'Conv' ? w?.shape?.[0] : shape[1]
  return [
    { dataType, shape: [shape[0], channels, ...spatial] },
    { dataType: 7, shape: [shape[0], channels, ...spatial] },
  ]
}

/** The outputs have the element type of the given input; their extents stay unknown. */
function typed(index: number): Rule {
  return (inputs, { output }) => output.map(() => ({ dataType: inputs[index]?.dataType }))
}

const gemm: Rule = ([a, b], node) => {
  const { shape: x } = a ?? unknown
  const { shape: y } = b ?? unknown
  const rows = x?.[intOf(node, 'transA', 0) === 0 ? 0 : 1]
  const columns = y?.[intOf(node, 'transB', 0) === 0 ? 1 : 0]
  return [{ dataType: a?.dataType ?? b?.dataType, shape: [rows, columns] }]
}

const matMul: Rule = ([a, b]) => {
  const { shape: x } = a ?? unknown
  const { shape: y } = b ?? unknown
  const dataType = a?.dataType ?? b?.dataType
  if (x === undefined || y === undefined || x.length < 2 || y.length < 2) return [{ dataType }]
  const [leading] = broadcast([{ shape: x.slice(0, -2) }, { shape: y.slice(0, -2) }], {} as NodeProto)
  return [{ dataType, shape: [...leading!.shape!, x.at(-2), y.at(-1)] }]
}

const transpose: Rule = ([x], node) => {
  const shape = x?.shape
  const perm = intsOf(node, 'perm') ?? shape?.map((_, i) => shape.length - 1 - i)
  return [{ dataType: x?.dataType, shape: shape && perm?.map((axis) => shape[axis]) }]
}

const flatten: Rule = ([x], node) => {
  const axis = intOf(node, 'axis', 1)
  const product = (extents: readonly Extent[]): Extent =>
    extents.reduce<Extent>((a, b) => (typeof a === 'number' && typeof b === 'number' ? a * b : undefined), 1)
  const { dataType, shape } = x ?? unknown
  if (shape === undefined) return [{ dataType, shape: [undefined, undefined] }]
  const rows = shape.slice(0, axis)
  return [{ dataType, shape: [rows.length === 1 ? rows[0] : product(rows), product(shape.slice(axis))] }]
}

const cast: Rule = ([x], node) => [{ dataType: intOf(node, 'to', 1), shape: x?.shape }]
const shapeOf: Rule = ([x]) => [{ dataType: 7, shape: [x?.shape?.length] }]

const rules: Readonly<Record<string, Rule>> = {
  Add: broadcast,
  Sub: broadcast,
  Mul: broadcast,
  Div: broadcast,
  Sum: broadcast,
  Max: broadcast,
  Min: broadcast,
  Pow: ([x, y], node) => broadcast([x ?? unknown, { shape: y?.shape }], node),
  Conv: windowed,
  MaxPool: windowed,
  AveragePool: windowed,
  Gemm: gemm,
  MatMul: matMul,
  Transpose: transpose,
  Flatten: flatten,
  Cast: cast,
  Shape: shapeOf,
  Where: typed(1),
  ...Object.fromEntries(
    'Reshape Expand Slice Pad Tile Squeeze Unsqueeze Concat Split Gather GatherElements GatherND ScatterElements ScatterND ConvTranspose FusedMatMul DepthToSpace SpaceToDepth ReduceSum ReduceMean ReduceMax ReduceMin ReduceProd'
      .split(' ')
      .map((name) => [name, typed(0)]),
  ),
  Size: () => [{ dataType: 7, shape: [] }],
  Dropout: ([x]) => [x, { dataType: 9, shape: x?.shape }],
  BatchNormalization: likes(0, 3, 4),
  BatchNormInternal: likes(0, 1, 1, 1, 1),
  LayerNormalization: likes(0),
  SoftmaxCrossEntropyLoss: ([x]) => [{ dataType: x?.dataType }, x],
  ConvGrad: likes(1, 2),
  ConvTransposeGrad: likes(1, 2),
  LayerNormalizationGrad: likes(1, 2, 2),
  BatchNormalizationGrad: likes(1, 2, 2),
  SimplifiedLayerNormalizationGrad: likes(1, 2),
  SoftmaxCrossEntropyLossGrad: likes(1),
  DivGrad: likes(1, 2),
  ...Object.fromEntries(
    'Identity Relu LeakyRelu Sigmoid Tanh Elu Selu Softplus Gelu FastGelu QuickGelu Softmax LogSoftmax Clip Neg Abs Exp Log Sqrt Erf Sign Floor Ceil Round Reciprocal Sin Cos HardSigmoid HardSwish ReluGrad LeakyReluGrad SigmoidGrad TanhGrad GeluGrad FastGeluGrad QuickGeluGrad SoftmaxGrad SoftmaxGrad_13 LogSoftmaxGrad LogSoftmaxGrad_13 DropoutGrad Scale'
      .split(' ')
      .map((name) => [name, like(0)]),
  ),
}
