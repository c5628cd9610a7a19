import { optionError, unsupported } from '@induced-metric/core/adapter'
import {
  createNode,
  createTensor,
  createValue,
  dataType,
  dimsOf,
  int64Tensor,
  type Attributes,
  type Model,
  type NodeProto,
} from '@induced-metric/onnx/proto'
import { createRandom, dropUnused, freshNames, namesIn, normal } from '@induced-metric/onnx/adapter'

/** How a classifier on a model without a head makes one vector of a text: the mean over its tokens, or the first token. */
export type Pooling = 'mean' | 'first'

/** The standard deviation of a new head's weights, as in BERT. */
const spread = 0.02

/**
 * Gives a classifier a new dense layer, of as many outputs as there are labels. Where the model has one that computes
 * `logits`, the new one takes its place; where it computes `last_hidden_state`, it is put behind the pooled tokens.
 * The weights are normal with a standard deviation of 0.02, the biases 0.
 *
 * @param model it is changed
 * @param width the extent of hidden states
 * @returns the names of its weight and its bias
 * @throws ERR_NOT_SUPPORTED if there is neither
 */
export function setHead(
  model: Model,
  labels: number,
  width: number,
  pooling: Pooling,
  seed: number,
): readonly string[] {
  const { graph } = model
  const outputs = new Set(graph.output.map(({ name }) => name))
  const hidden = ['last_hidden_state', 'token_embeddings'].find((name) => outputs.has(name))
  const isClassifier = outputs.has('logits')
  if (!isClassifier && hidden === undefined) {
    throw unsupported(
      `a classifier is built on logits or last_hidden_state, and the model computes ${[...outputs].join(', ')}`,
    )
  }
  const kept = isClassifier ? inputOfLast(model, 'logits') : hidden!
  // Besides the old head, this drops what only other outputs need.
  dropUnused(graph, [kept])
  graph.valueInfo = graph.valueInfo.filter(({ name }) => name !== 'logits')
  const editor = createEditor(model)
  const pooled = isClassifier
    ? kept
    : pooling === 'first'
      ? firstOf(editor, kept)
      : meanOf(editor, kept, width)
  const random = createRandom(seed)
  const weight = Float32Array.from({ length: width * labels }, () => spread * normal(random))
  const parameters = [
    editor.initializer('classifier.weight', [width, labels], weight),
    editor.initializer('classifier.bias', [labels], new Float32Array(labels)),
  ]
  editor.emit('Add', [editor.emit('MatMul', [pooled, parameters[0]!]), parameters[1]!], {}, 'logits')
  graph.output = [createValue('logits', dataType.float, ['batch_size', labels])]
  return parameters
}

/** The names of the initializers of the dense layer that computes `logits`, if they are plain ones. */
export function headOf(model: Model): readonly string[] {
  const initializers = new Set(model.graph.initializer.map(({ name }) => name))
  const found: string[] = []
  let name = 'logits'
  for (;;) {
    const node = producerOf(model, name)
    if (node === undefined) return []
    const own = node.input.filter((input) => initializers.has(input))
    found.push(...own)
    if (node.opType === 'Gemm' || node.opType === 'MatMul') return own.length > 0 ? found : []
    if (node.opType !== 'Add' && node.opType !== 'Identity') return []
    name = node.input.find((input) => !initializers.has(input)) ?? ''
  }
}

/** The value that the last dense layer before an output reads, whether its weight is plain or quantised. */
function inputOfLast(model: Model, output: string): string {
  const constants = new Set(model.graph.initializer.map(({ name }) => name))
  let name = output
  for (let steps = 0; steps < 10; steps++) {
    const node = producerOf(model, name)
    if (node === undefined) break
    switch (node.opType) {
      case 'Gemm':
      case 'MatMul':
      case 'MatMulNBits':
      case 'MatMulIntegerToFloat':
      case 'DynamicQuantizeMatMul':
      case 'DynamicQuantizeLinear':
        return node.input[0]!
      default:
        // What surrounds the product: a bias, the casts and scales of a quantised one.
        name = node.input.find((input) => !constants.has(input) && isComputed(model, input)) ?? ''
    }
  }
  throw unsupported(`no dense layer computes ${JSON.stringify(output)}, so that it cannot get other labels`)
}

function isComputed(model: Model, name: string): boolean {
  return producerOf(model, name) !== undefined
}

function producerOf({ graph }: Model, name: string): NodeProto | undefined {
  return graph.node.find(({ output }) => output.includes(name))
}

interface Editor {
  readonly emit: (
    opType: string,
    inputs: readonly string[],
    attributes?: Attributes,
    output?: string,
  ) => string
  readonly initializer: (name: string, dims: readonly number[], data: Float32Array) => string
  readonly ints: (values: readonly number[], dims?: readonly number[]) => string
}

function createEditor({ graph }: Model): Editor {
  const fresh = freshNames(namesIn(graph))
  return {
    emit(opType, inputs, attributes = {}, given) {
      const output = given ?? fresh(`/classifier/${opType}`)
      graph.node.push(createNode(opType, inputs, [output], attributes, fresh(`/classifier/${opType}_node`)))
      return output
    },
    initializer(hint, dims, data) {
      const name = fresh(hint)
      graph.initializer.push(createTensor(name, dims, dataType.float, data))
      return name
    },
    ints(values, dims = [values.length]) {
      const name = fresh('/classifier/ints')
      graph.initializer.push(int64Tensor(name, values, [...dims]))
      return name
    },
  }
}

function firstOf({ emit, ints }: Editor, hidden: string): string {
  return emit('Gather', [hidden, ints([0], [])], { axis: 1 })
}

/** The mean of hidden states [batch, tokens, width] over the tokens of the mask, as products, in any opset. */
function meanOf({ emit, ints }: Editor, hidden: string, width: number): string {
  const mask = emit('Cast', ['attention_mask'], { to: dataType.float })
  const row = emit('Reshape', [mask, ints([0, 1, -1])])
  const column = emit('Reshape', [mask, ints([0, -1, 1])])
  const mean = emit('Div', [emit('MatMul', [row, hidden]), emit('MatMul', [row, column])])
  return emit('Reshape', [mean, ints([-1, width])])
}

/**
 * The number of outputs of a classifier: the last extent of `logits`, or of the weight behind it.
 *
 * @throws ERR_OPTION if the model does not say
 */
export function labelCount(model: Model, declared: number | undefined): number {
  const { graph } = model
  const dims = headOf(model).map((name) => dimsOf(graph.initializer.find((tensor) => tensor.name === name)!))
  const bias = dims.find(({ length }) => length === 1)?.[0]
  const count = bias ?? declared
  if (count !== undefined) return count
  throw optionError('the model does not say how many labels it has; give labels')
}
