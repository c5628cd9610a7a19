import { isSingleValue, refuseSingleValue } from '../rewrite/batchStatistics.js'
import type { ValueTypes } from '../rewrite/valueTypes.js'
import { createAttribute, floatOf } from '../proto/attribute.js'
import { dataType } from '../proto/dataType.js'
import { freshNames, namesIn } from '../proto/graph.js'
import { canonicalDomain } from '../proto/model.js'
import type { GraphProto, NodeProto } from '../proto/onnx_pb.js'
import { createTensor } from '../proto/tensor.js'

/**
 * Makes dropouts drop and, unless they should or must stay as at inference, makes batch normalisations use the statistics of
 * the batch and update the running ones. For that they become BatchNormInternal, as in the genuine runtime.
 *
 * @param graph is changed
 * @param types the types of new values are added
 */
export function setTrainingMode(
  graph: GraphProto,
  types: ValueTypes,
  batchNormalization: 'training' | 'inference' | undefined,
): void {
  const inputs = new Set(graph.input.map(({ name }) => name))
  // What follows from the inputs cannot be updated, and of one value per channel the statistics tell nothing.
  const canMove = ({ input }: NodeProto): boolean =>
    inputs.has(input[3] ?? '') && inputs.has(input[4] ?? '') && !isSingleValue(types.get(input[0]!).shape)
  const fresh = freshNames(namesIn(graph))
  let yes: string | undefined
  for (const node of graph.node) {
    if (isOnnx(node, 'Dropout')) {
      if (yes === undefined) {
        yes = fresh('training_mode')
        graph.initializer.push(createTensor(yes, [], dataType.bool, Uint8Array.of(1)))
      }
      node.input = [node.input[0]!, node.input[1] ?? '', yes]
    }
    if (!isOnnx(node, 'BatchNormalization')) continue
    const isInference = batchNormalization === undefined ? !canMove(node) : batchNormalization === 'inference'
    if (isInference) setInference(node)
    else setInternal(node, types, fresh)
  }
}

function setInternal(node: NodeProto, types: ValueTypes, fresh: (hint: string) => string): void {
  const { input, output } = node
  const [x = '', scale = '', , mean = '', variance = ''] = input
  refuseSingleValue(x, types.get(x).shape)
  const kept = [output[1], output[2]].map((name, i) =>
    name === undefined || name === '' ? fresh(`${i === 0 ? mean : variance}/updated`) : name,
  )
  const saved = [fresh(`${output[0]}/saved_mean`), fresh(`${output[0]}/saved_inv_std`)]
  node.domain = 'com.microsoft'
  node.opType = 'BatchNormInternal'
  node.output = [output[0]!, ...kept, ...saved]
  node.attribute = [
    createAttribute('epsilon', { float: floatOf(node, 'epsilon', 1e-5) }),
    createAttribute('momentum', { float: floatOf(node, 'momentum', 0.9) }),
    createAttribute('training_mode', 1),
  ]
  types.add(kept[0]!, types.get(mean))
  types.add(kept[1]!, types.get(variance))
  for (const name of saved) types.add(name, types.get(scale))
}

/** Prepares a graph for evaluation: nothing drops, and batch normalisations use the running statistics. */
export function setEvalMode(graph: GraphProto): void {
  for (const node of graph.node) {
    if (isOnnx(node, 'Dropout')) node.input = node.input.slice(0, 2)
    if (isOnnx(node, 'BatchNormalization')) setInference(node)
  }
}

function setInference(node: NodeProto): void {
  node.attribute = node.attribute.filter(({ name }) => name !== 'training_mode')
  node.output = node.output.slice(0, 1)
}

function isOnnx(node: NodeProto, opType: string): boolean {
  return node.opType === opType && canonicalDomain(node.domain) === ''
}
