import {
  createModel,
  createNode as node,
  createSequence,
  createTensor,
  createValue as value,
  dataType,
  realTensor,
  writeModel,
  type AttributeValue,
  type Model,
  type NodeProto,
  type TensorProto,
  type ValueInfoProto,
} from '../src/proto/index.js'
import type { NamedTensor } from '../src/proto/tensorData.js'
import type { CheckpointState } from '../src/checkpoint/state.js'

export { createNode as node, createValue as value } from '../src/proto/index.js'

/** A model of nodes. */
export function model(
  nodes: readonly NodeProto[],
  inputs: readonly ValueInfoProto[],
  outputs: readonly ValueInfoProto[],
  initializers: readonly TensorProto[] = [],
  opset = 17,
): Model {
  return createModel({ nodes, inputs, outputs, initializers, opset, domains: { 'com.microsoft': 1 } })
}

/** Artifacts as `generate_artifacts` makes them. */
export interface Artifacts {
  readonly trainModel: Uint8Array
  readonly evalModel: Uint8Array
  readonly checkpointState: CheckpointState
}

/** The end of every training graph: gradients into their buffers. */
function accumulate(parameters: readonly NamedTensor[]) {
  return {
    nodes: parameters.map(({ name }) =>
      node(
        'com.microsoft:InPlaceAccumulatorV2',
        [`${name}_grad.accumulation.buffer`, `${name}_grad`, 'lazy_reset_grad'],
        [`${name}_grad.accumulation.out`],
      ),
    ),
    inputs: [
      ...parameters.map(({ name, dataType: type, dims }) =>
        value(`${name}_grad.accumulation.buffer`, type, dims),
      ),
      value('lazy_reset_grad', dataType.bool, [1]),
    ],
    outputs: parameters.map(({ name }) => value(`${name}_grad.accumulation.out`, dataType.bool, [1])),
  }
}

/** Numbers that look random and are the same every time. */
export function numbers(size: number, seed: number, scale: number): Float32Array {
  return Float32Array.from(
    { length: size },
    (_, i) => scale * Math.sin(i * 12.9898 + seed * 78.233) * Math.cos(i * 0.37 + seed),
  )
}

function parameter(name: string, dims: readonly number[], seed: number, scale: number): NamedTensor {
  const size = dims.reduce((product, extent) => product * extent, 1)
  return { name, dims, dataType: dataType.float, data: numbers(size, seed, scale) }
}

/** The same values, of another type. */
function withType(tensor: NamedTensor, type: number): NamedTensor {
  return type === dataType.double
    ? { ...tensor, dataType: type, data: Float64Array.from(tensor.data as Float32Array) }
    : tensor
}

/** A network of dense layers with ReLU under cross-entropy, with inputs `x` and `labels`. */
export function denseArtifacts(
  sizes: readonly number[],
  opset = 17,
  type: 1 | 11 = dataType.float,
): Artifacts {
  const layers = sizes
    .slice(1)
    .map((outputs, i) => ({ i, inputs: sizes[i]!, outputs, last: i === sizes.length - 2 }))
  const parameters = layers
    .flatMap(({ i, inputs, outputs }) => [
      parameter(`w${i}`, [outputs, inputs], i + 1, Math.sqrt(2 / inputs)),
      parameter(`b${i}`, [outputs], i + 20, 0.01),
    ])
    .map((tensor) => withType(tensor, type))
  const inputs = [value('x', type, ['batch', sizes[0]!]), value('labels', 7, ['batch'])]
  const declared = parameters.map(({ name, dataType: type, dims }) => value(name, type, dims))
  const activation = (i: number): string => (i === 0 ? 'x' : `a${i - 1}`)
  const forward = layers.flatMap(({ i, last }) => [
    node('Gemm', [activation(i), `w${i}`, `b${i}`], [last ? 'scores' : `z${i}`], { transB: 1 }),
    ...(last ? [] : [node('Relu', [`z${i}`], [`a${i}`])]),
  ])
  const lossNode = node('SoftmaxCrossEntropyLoss', ['scores', 'labels'], ['loss', 'log_prob'], {
    reduction: 'mean',
  })
  const backward = [...layers].reverse().flatMap(({ i, last }) => {
    const dz = last ? 'scores_grad' : `z${i}_grad`
    return [
      ...(last ? [] : [node('com.microsoft:ReluGrad', [`a${i}_grad`, `a${i}`], [dz])]),
      node('ReduceSum', [dz, 'axis0'], [`b${i}_grad`], { keepdims: 0 }),
      node('Gemm', [dz, activation(i)], [`w${i}_grad`], { transA: 1 }),
      ...(i === 0 ? [] : [node('Gemm', [dz, `w${i}`], [`a${i - 1}_grad`])]),
    ]
  })
  const end = accumulate(parameters)
  const outputs = [value('loss', type, []), value('scores', type, ['batch', sizes.at(-1)!])]
  const constants = [
    realTensor('loss_grad', [1], type),
    createTensor('axis0', [1], dataType.int64, BigInt64Array.of(0n)),
  ]
  const lossGrad = node(
    'com.microsoft:SoftmaxCrossEntropyLossGrad',
    ['loss_grad', 'log_prob', 'labels'],
    ['scores_grad'],
    {
      reduction: 'mean',
    },
  )
  const train = model(
    [...forward, lossNode, lossGrad, ...backward, ...end.nodes],
    [...inputs, ...declared, ...end.inputs],
    [...outputs, ...end.outputs],
    constants,
    opset,
  )
  const evaluation = model([...forward, lossNode], [...inputs, ...declared], outputs, [], opset)
  return {
    trainModel: writeModel(train),
    evalModel: writeModel(evaluation),
    checkpointState: { trainable: parameters, frozen: [], optimizerGroups: [], properties: new Map() },
  }
}

/**
 * A small network of a convolution with ReLU, a pool and a dense layer under cross-entropy, on images
 * `x` of [batch, 2, 8, 8],
 * with a frozen shift of the image.
 */
export function convolutionArtifacts(type: 1 | 11 = dataType.float): Artifacts {
  const parameters = [
    parameter('kernel', [4, 2, 3, 3], 1, 0.4),
    parameter('offset', [4], 2, 0.1),
    parameter('dense', [3, 64], 5, 0.2),
    parameter('bias', [3], 6, 0.1),
  ].map((tensor) => withType(tensor, type))
  const shift = withType(parameter('shift', [2, 8, 8], 7, 0.3), type)
  const window = { kernel_shape: [3, 3], pads: [1, 1, 1, 1], strides: [1, 1], group: 1, dilations: [1, 1] }
  const pool = { kernel_shape: [2, 2], strides: [2, 2] }
  const inputs = [value('x', type, ['batch', 2, 8, 8]), value('labels', 7, ['batch'])]
  const declared = [...parameters, shift].map(({ name, dims }) => value(name, type, dims))
  const forward = [
    node('Add', ['x', 'shift'], ['shifted']),
    node('Conv', ['shifted', 'kernel', 'offset'], ['convolved'], window),
    node('Relu', ['convolved'], ['rectified']),
  ]
  const after = [
    node('Flatten', ['pooled'], ['flat'], { axis: 1 }),
    node('Gemm', ['flat', 'dense', 'bias'], ['scores'], { transB: 1 }),
    node('SoftmaxCrossEntropyLoss', ['scores', 'labels'], ['loss', 'log_prob'], { reduction: 'mean' }),
  ]
  const backward = [
    node('com.microsoft:SoftmaxCrossEntropyLossGrad', ['loss_grad', 'log_prob', 'labels'], ['scores_grad'], {
      reduction: 'mean',
    }),
    node('ReduceSum', ['scores_grad', 'axis0'], ['bias_grad'], { keepdims: 0 }),
    node('Gemm', ['scores_grad', 'flat'], ['dense_grad'], { transA: 1 }),
    node('Gemm', ['scores_grad', 'dense'], ['flat_grad']),
    node('Shape', ['pooled'], ['pooled_shape']),
    node('Reshape', ['flat_grad', 'pooled_shape'], ['pooled_grad']),
    node('MaxPoolGrad', ['pooled_grad', 'indices'], ['rectified_grad'], pool),
    node('com.microsoft:ReluGrad', ['rectified_grad', 'rectified'], ['convolved_grad']),
    node(
      'com.microsoft:ConvGrad',
      ['convolved_grad', 'shifted', 'kernel'],
      ['', 'kernel_grad', 'offset_grad'],
      window,
    ),
  ]
  const end = accumulate(parameters)
  const outputs = [value('loss', type, []), value('scores', type, ['batch', 3])]
  const train = model(
    [
      ...forward,
      node('MaxPool', ['rectified'], ['pooled', 'indices'], pool),
      ...after,
      ...backward,
      ...end.nodes,
    ],
    [...inputs, ...declared, ...end.inputs],
    [...outputs, ...end.outputs],
    [realTensor('loss_grad', [1], type), createTensor('axis0', [1], dataType.int64, BigInt64Array.of(0n))],
  )
  const evaluation = model(
    [...forward, node('MaxPool', ['rectified'], ['pooled'], pool), ...after],
    [...inputs, ...declared],
    outputs,
  )
  return {
    trainModel: writeModel(train),
    evalModel: writeModel(evaluation),
    checkpointState: { trainable: parameters, frozen: [shift], optimizerGroups: [], properties: new Map() },
  }
}

/** An optimizer model as `generate_artifacts` makes it. */
export function optimizerArtifact(
  opType: string,
  attributes: Readonly<Record<string, AttributeValue>>,
): Uint8Array {
  const inputs = ['params', 'gradients', 'first_order_moments', 'second_order_moments']
  return writeModel(
    model(
      [node(`com.microsoft:${opType}`, ['learning_rate', 'step', ...inputs], ['updated'], attributes)],
      [
        value('learning_rate', 1, [1]),
        value('step', 7, [1]),
        ...inputs.map((name) => createSequence(name, 1)),
      ],
      [value('updated', 9, [1])],
    ),
  )
}
