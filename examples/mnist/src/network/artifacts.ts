import { create, type MessageInitShape } from '@bufbuild/protobuf'
import { writeCheckpoint } from '@induced-metric/onnxruntime'
import {
  createAttribute,
  dataType,
  int64Tensor,
  ModelProtoSchema,
  NodeProtoSchema,
  realTensor,
  ValueInfoProtoSchema,
  writeModel,
  type AttributeValue,
  type NodeProto,
  type TensorProto,
  type TypeProtoSchema,
  type ValueInfoProto,
} from '@induced-metric/onnxruntime/onnx'

import type { NetworkArray } from './network.js'

/** What ONNX Runtime's `generate_artifacts` writes for a network, as the contents of its four files. */
export interface Artifacts {
  readonly trainModel: Uint8Array
  readonly evalModel: Uint8Array
  readonly optimizerModel: Uint8Array
  readonly checkpointState: Uint8Array
}

/** What AdamW's kernel takes from its model. */
export interface AdamHyperparameters {
  readonly beta1: number
  readonly beta2: number
  readonly epsilon: number
}

/**
 * Training artifacts for the network, without Python: dense layers, GELU in its tanh form after all but the last, mean
 * softmax cross-entropy. Inputs are `input` (float, batch × inputs) and `labels` (int64, batch); outputs `loss` and
 * `output`, the logits. The gradients are spelled out as ONNX Runtime's gradient builder spells them, with its own
 * operators, so that the last release with training runs them, too.
 *
 * @param network - `[weight, bias, …]`; weights are inputs × outputs
 * @param adam - hyperparameters of the optimizer model's AdamW, where they are not those of `generate_artifacts`
 */
export function buildArtifacts(
  network: readonly NetworkArray[],
  adam: AdamHyperparameters = { beta1: 0.9, beta2: 0.999, epsilon: 1e-6 },
): Artifacts {
  const forward = forwardNodes(network)
  const inputs = [
    valueInfo('input', tensorType(dataType.float, ['batch', network[0]!.shape[0]!])),
    valueInfo('labels', tensorType(dataType.int64, ['batch'])),
    ...network.map(({ name, shape }) => valueInfo(name, tensorType(dataType.float, shape))),
  ]
  const outputs = [
    valueInfo('loss', tensorType(dataType.float, [])),
    valueInfo('output', tensorType(dataType.float, ['batch', network.at(-1)!.shape[0]!])),
  ]
  const state = network.map(({ name, shape, data }) => ({
    name,
    dims: shape,
    dataType: dataType.float,
    data,
  }))
  return {
    trainModel: modelOf(
      [...forward, ...backwardNodes(network), ...network.map(({ name }) => accumulator(name))],
      [...inputs, ...network.map(bufferInfo), valueInfo('lazy_reset_grad', tensorType(dataType.bool, [1]))],
      [
        ...outputs,
        ...network.map(({ name }) =>
          valueInfo(`${name}_grad.accumulation.out`, tensorType(dataType.bool, [1])),
        ),
      ],
      [realTensor('loss_grad', [1], dataType.float), int64Tensor('rows', [0])],
    ),
    evalModel: modelOf(forward, inputs, outputs, []),
    optimizerModel: optimizerModel(adam),
    checkpointState: writeCheckpoint({
      trainable: state,
      frozen: [],
      optimizerGroups: [],
      properties: new Map(),
    }),
  }
}

function forwardNodes(network: readonly NetworkArray[]): NodeProto[] {
  const nodes: NodeProto[] = []
  for (let place = 0; place < network.length; place += 2) {
    const [weight, bias] = [network[place]!.name, network[place + 1]!.name]
    const { above, sums, below } = names(network, place)
    nodes.push(node('Gemm', [below, weight, bias], [sums], gemm(0, 0, 1)))
    if (above !== sums) nodes.push(node('FastGelu', [sums], [above], {}, 'com.microsoft'))
  }
  const losses = ['loss', 'log_prob']
  return [...nodes, node('SoftmaxCrossEntropyLoss', ['output', 'labels'], losses, { reduction: 'mean' })]
}

function backwardNodes(network: readonly NetworkArray[]): NodeProto[] {
  const loss = ['loss_grad', 'log_prob', 'labels']
  const nodes = [
    node('SoftmaxCrossEntropyLossGrad', loss, ['output_grad'], { reduction: 'mean' }, 'com.microsoft'),
  ]
  for (let place = network.length - 2; place >= 0; place -= 2) {
    const [weight, bias] = [network[place]!.name, network[place + 1]!.name]
    const { above, sums, below } = names(network, place)
    const back = `${sums}_grad`
    if (above !== sums) nodes.push(node('FastGeluGrad', [`${above}_grad`, sums], [back], {}, 'com.microsoft'))
    nodes.push(
      node('ReduceSum', [back, 'rows'], [`${bias}_reduced`], { keepdims: 0, noop_with_empty_axes: 0 }),
      node('Identity', [`${bias}_reduced`], [`${bias}_grad`]),
      node('Gemm', [below, back], [`${weight}_grad`], gemm(1, 0, 0)),
    )
    if (place > 0) nodes.push(node('Gemm', [back, weight], [`${below}_grad`], gemm(0, 1, 0)))
  }
  return nodes
}

/** What the values around a layer are called. */
function names(
  network: readonly NetworkArray[],
  place: number,
): { below: string; sums: string; above: string } {
  const layer = place / 2 + 1
  const last = place + 2 === network.length
  const sums = last ? 'output' : `sums${layer}`
  return {
    below: layer === 1 ? 'input' : `activations${layer - 1}`,
    sums,
    above: last ? sums : `activations${layer}`,
  }
}

function gemm(transA: number, transB: number, beta: number): Record<string, AttributeValue> {
  return { alpha: { float: 1 }, beta: { float: beta }, transA, transB }
}

function bufferInfo({ name, shape }: NetworkArray): ValueInfoProto {
  return valueInfo(`${name}_grad.accumulation.buffer`, tensorType(dataType.float, shape))
}

function accumulator(name: string): NodeProto {
  const inputs = [`${name}_grad.accumulation.buffer`, `${name}_grad`, 'lazy_reset_grad']
  return node('InPlaceAccumulatorV2', inputs, [`${name}_grad.accumulation.out`], {}, 'com.microsoft')
}

/** AdamW; all but these hyperparameters as `generate_artifacts` has them. */
function optimizerModel({ beta1, beta2, epsilon }: AdamHyperparameters): Uint8Array {
  const lists = ['params', 'gradients', 'first_order_moments', 'second_order_moments']
  const attributes = {
    alpha: { float: beta1 },
    beta: { float: beta2 },
    epsilon: { float: epsilon },
    weight_decay: { float: 0 },
    adam_mode: 1,
    correct_bias: 1,
  }
  const update = node(
    'AdamWOptimizer',
    ['learning_rate', 'step', ...lists],
    ['updated'],
    attributes,
    'com.microsoft',
  )
  const list: MessageInitShape<typeof TypeProtoSchema> = {
    value: {
      case: 'sequenceType',
      value: { elemType: { value: { case: 'tensorType', value: { elemType: dataType.float } } } },
    },
  }
  return modelOf(
    [update],
    [
      valueInfo('learning_rate', tensorType(dataType.float, [1])),
      valueInfo('step', tensorType(dataType.int64, [1])),
      ...lists.map((name) => valueInfo(name, list)),
    ],
    [valueInfo('updated', tensorType(dataType.bool, [1]))],
    [],
  )
}

function node(
  opType: string,
  input: string[],
  output: string[],
  attributes: Record<string, AttributeValue> = {},
  domain = '',
): NodeProto {
  const attribute = Object.entries(attributes).map(([name, value]) => createAttribute(name, value))
  return create(NodeProtoSchema, { opType, input, output, attribute, domain, name: `${output[0]}/${opType}` })
}

function tensorType(
  elemType: number,
  dims: readonly (number | string)[],
): MessageInitShape<typeof TypeProtoSchema> {
  const dim = dims.map((extent) =>
    typeof extent === 'number'
      ? { value: { case: 'dimValue' as const, value: BigInt(extent) } }
      : { value: { case: 'dimParam' as const, value: extent } },
  )
  return { value: { case: 'tensorType', value: { elemType, shape: { dim } } } }
}

function valueInfo(name: string, type: MessageInitShape<typeof TypeProtoSchema>): ValueInfoProto {
  return create(ValueInfoProtoSchema, { name, type })
}

function modelOf(
  nodes: NodeProto[],
  input: ValueInfoProto[],
  output: ValueInfoProto[],
  initializer: TensorProto[],
): Uint8Array {
  return writeModel(
    create(ModelProtoSchema, {
      irVersion: 7n,
      producerName: 'induced-metric',
      opsetImport: [
        { domain: '', version: 14n },
        { domain: 'com.microsoft', version: 1n },
      ],
      graph: { name: 'graph', node: nodes, input, output, initializer },
    }),
  )
}
