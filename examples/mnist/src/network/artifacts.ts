import { writeCheckpoint } from '@induced-metric/onnxruntime'
import {
  createModel,
  createNode as node,
  createSequence,
  createValue as value,
  dataType,
  int64Tensor,
  realTensor,
  writeModel,
  type AttributeValue,
  type NodeProto,
  type TensorProto,
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
    value('input', dataType.float, ['batch', network[0]!.shape[0]!]),
    value('labels', dataType.int64, ['batch']),
    ...network.map(({ name, shape }) => value(name, dataType.float, shape)),
  ]
  const outputs = [
    value('loss', dataType.float, []),
    value('output', dataType.float, ['batch', network.at(-1)!.shape[0]!]),
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
      [...inputs, ...network.map(bufferInfo), value('lazy_reset_grad', dataType.bool, [1])],
      [...outputs, ...network.map(({ name }) => value(`${name}_grad.accumulation.out`, dataType.bool, [1]))],
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
    if (above !== sums) nodes.push(node('com.microsoft:FastGelu', [sums], [above]))
  }
  const losses = ['loss', 'log_prob']
  return [...nodes, node('SoftmaxCrossEntropyLoss', ['output', 'labels'], losses, { reduction: 'mean' })]
}

function backwardNodes(network: readonly NetworkArray[]): NodeProto[] {
  const loss = ['loss_grad', 'log_prob', 'labels']
  const nodes = [
    node('com.microsoft:SoftmaxCrossEntropyLossGrad', loss, ['output_grad'], { reduction: 'mean' }),
  ]
  for (let place = network.length - 2; place >= 0; place -= 2) {
    const [weight, bias] = [network[place]!.name, network[place + 1]!.name]
    const { above, sums, below } = names(network, place)
    const back = `${sums}_grad`
    if (above !== sums) nodes.push(node('com.microsoft:FastGeluGrad', [`${above}_grad`, sums], [back]))
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
  return value(`${name}_grad.accumulation.buffer`, dataType.float, shape)
}

function accumulator(name: string): NodeProto {
  const inputs = [`${name}_grad.accumulation.buffer`, `${name}_grad`, 'lazy_reset_grad']
  return node('com.microsoft:InPlaceAccumulatorV2', inputs, [`${name}_grad.accumulation.out`])
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
    'com.microsoft:AdamWOptimizer',
    ['learning_rate', 'step', ...lists],
    ['updated'],
    attributes,
  )
  return modelOf(
    [update],
    [
      value('learning_rate', dataType.float, [1]),
      value('step', dataType.int64, [1]),
      ...lists.map((name) => createSequence(name, dataType.float)),
    ],
    [value('updated', dataType.bool, [1])],
    [],
  )
}

function modelOf(
  nodes: NodeProto[],
  inputs: ValueInfoProto[],
  outputs: ValueInfoProto[],
  initializers: TensorProto[],
): Uint8Array {
  return writeModel(
    createModel({ nodes, inputs, outputs, initializers, opset: 14, domains: { 'com.microsoft': 1 } }),
  )
}
