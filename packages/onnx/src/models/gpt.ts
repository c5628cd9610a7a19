import { optionError } from '@induced-metric/core/adapter'
import { dataType } from '../proto/dataType.js'
import type { Model } from '../proto/model.js'
import { gelu, layerNormalize, project } from './layers.js'
import {
  checkModelOptions,
  checkSizes,
  createNetwork,
  normalOf,
  parameter,
  within,
  type ModelOptions,
  type Network,
} from './network.js'

/** Options of {@link gpt}. The defaults make a model of 0.8 million parameters. */
export interface GptOptions extends ModelOptions {
  /** The number of tokens. Default 65. */
  readonly vocabulary?: number
  /** The longest sequence. Default 64. */
  readonly context?: number
  /** The number of blocks, each an attention and a perceptron. Default 4. */
  readonly layers?: number
  /** The heads of each attention. Default 4. */
  readonly heads?: number
  /** The numbers per token between the blocks, a multiple of the heads. Default 128. */
  readonly width?: number
  /** Exact GELU, or its approximation by tanh. Default `'none'`. */
  readonly approximate?: 'none' | 'tanh'
  /**
   * Whether `logits` is [batch · sequence, vocabulary], one row per token, as cross-entropy expects. Default `false`.
   */
  readonly flatten?: boolean
}

/** Values that all attentions share. */
interface Shared {
  readonly heads: number
  readonly width: number
  readonly layers: number
  readonly approximate: 'none' | 'tanh'
  /** [sequence, sequence]: the tokens that a token attends to. */
  readonly mask: string
  /** batch, sequence, heads, width of a head. */
  readonly split: string
  /** batch, sequence, width. */
  readonly joined: string
}

/**
 * A GPT: a transformer decoder with tied embeddings, learned positions, normalisation before each block, exact GELU
 * and a causal mask. It maps `input_ids` (int64, [batch, sequence]) to `logits` [batch, sequence, vocabulary].
 * Attention consists of the operators that exporters write: Split, Reshape, Transpose, MatMul, Where, Softmax.
 * Parameters: `transformer.wte.weight` (the embedding; transposed, the head), `transformer.wpe.weight`,
 * `transformer.h.0.ln_1.weight`, `transformer.h.0.attn.c_attn.weight` [3 · width, width], `….attn.c_proj.weight`,
 * `….mlp.c_fc.weight`, `….mlp.c_proj.weight`, `transformer.ln_f.weight`, and the biases. Radford and others,
 * "Language models are unsupervised multitask learners", 2019.
 *
 * @throws ERR_OPTION for options out of their range
 *
 * @example
 * ```ts
 * import { gpt } from '@induced-metric/onnxruntime/models'
 *
 * const { graph } = gpt({ vocabulary: 11, context: 8, layers: 1, heads: 2, width: 16 })
 * console.log(graph.output[0]?.name, graph.initializer[0]?.name) // logits transformer.wte.weight
 * ```
 */
export function gpt(options: GptOptions = {}): Model {
  checkModelOptions('gpt', options, {
    vocabulary: 'any',
    context: 'any',
    layers: 'any',
    heads: 'any',
    width: 'any',
    approximate: ['none', 'tanh'],
    flatten: 'boolean',
  })
  const { vocabulary = 65, context = 64, layers = 4, heads = 4, width = 128 } = options
  const { approximate = 'none', flatten = false } = options
  checkSizes({ vocabulary, context, layers, heads, width })
  if (width % heads !== 0) throw optionError(`width is ${width}; give a multiple of the ${heads} heads`)
  const network = createNetwork(options)
  const { builder, type } = network
  const { emit, int, ints } = builder
  const transformer = within(network, 'transformer')
  const tokens = builder.input('input_ids', dataType.int64, ['batch', 'sequence'])
  const embedding = parameter(within(transformer, 'wte'), 'weight', [vocabulary, width], normalOf(0.02))
  const positions = parameter(within(transformer, 'wpe'), 'weight', [context, width], normalOf(0.02))

  const shape = emit('Shape', [tokens])
  const batch = emit('Gather', [shape, ints([0])], { axis: 0 })
  const length = emit('Gather', [shape, int(1)], { axis: 0 })
  const sequence = emit('Unsqueeze', [length, ints([0])])
  const place = emit('Unsqueeze', [emit('Range', [int(0), length, int(1)]), ints([0])])
  const lower = Uint8Array.from({ length: context * context }, (_, i) =>
    i % context <= Math.floor(i / context) ? 1 : 0,
  )
  const triangle = transformer.builder.initializer('mask', [context, context], dataType.bool, lower)
  const end = emit('Concat', [sequence, sequence], { axis: 0 })
  const shared: Shared = {
    heads,
    width,
    layers,
    approximate,
    mask: emit('Slice', [triangle, ints([0, 0]), end, ints([0, 1])]),
    split: emit('Concat', [batch, sequence, ints([heads]), ints([width / heads])], { axis: 0 }),
    joined: emit('Concat', [batch, sequence, ints([width])], { axis: 0 }),
  }

  let x = emit('Add', [emit('Gather', [embedding, tokens]), emit('Gather', [positions, place])])
  for (let layer = 0; layer < layers; layer++) {
    const block = within(transformer, `h.${layer}`)
    x = emit('Add', [x, attend(within(block, 'attn'), layerNormalize(block, 'ln_1', x, width), shared)])
    x = emit('Add', [x, perceptron(within(block, 'mlp'), layerNormalize(block, 'ln_2', x, width), shared)])
  }
  const normal = layerNormalize(transformer, 'ln_f', x, width)
  const logits = emit('MatMul', [normal, emit('Transpose', [embedding], { perm: [1, 0] })])
  if (flatten) {
    builder.output(emit('Reshape', [logits, ints([-1, vocabulary])], {}, 'logits'), type, [
      'tokens',
      vocabulary,
    ])
  } else {
    builder.output(emit('Identity', [logits], {}, 'logits'), type, ['batch', 'sequence', vocabulary])
  }
  return builder.build('gpt')
}

/** softmax(q kᵀ / √d) v, in each head over the tokens so far. */
function attend(network: Network, x: string, { heads, width, layers, mask, split, joined }: Shared): string {
  const { builder, type } = network
  const { emit, emitAll, ints, real } = builder
  const together = project(network, 'c_attn', x, width, 3 * width, normalOf(0.02))
  const parts = emitAll('Split', [together, ints([width, width, width])], { axis: 2 }, 3)
  const [q, k, v] = parts.map((part, i) =>
    emit('Transpose', [emit('Reshape', [part, split])], { perm: i === 1 ? [0, 2, 3, 1] : [0, 2, 1, 3] }),
  )
  const scores = emit('Mul', [emit('MatMul', [q, k]), real(1 / Math.sqrt(width / heads), type)])
  const weights = emit('Softmax', [emit('Where', [mask, scores, real(-Infinity, type)])], { axis: -1 })
  const seen = emit('Transpose', [emit('MatMul', [weights, v])], { perm: [0, 2, 1, 3] })
  return project(network, 'c_proj', emit('Reshape', [seen, joined]), width, width, residual(layers))
}

function perceptron(network: Network, x: string, { width, layers, approximate }: Shared): string {
  const inner = project(network, 'c_fc', x, width, 4 * width, normalOf(0.02))
  return project(network, 'c_proj', gelu(network, inner, approximate), 4 * width, width, residual(layers))
}

/** Two sums pass through each layer; this scale keeps their variance. */
function residual(layers: number) {
  return normalOf(0.02 / Math.sqrt(2 * layers))
}
