import { optionError, show } from '@induced-metric/core/adapter'
import { dataType } from '../proto/dataType.js'
import type { Model } from '../proto/model.js'
import { own } from '../own.js'
import { dense } from './layers.js'
import {
  checkModelOptions,
  checkSizes,
  createNetwork,
  normalOf,
  parameter,
  uniformWithin,
  within,
  type ModelOptions,
  type Network,
} from './network.js'

/** Options of {@link recurrent}. The defaults make a model of 0.1 million parameters. */
export interface RecurrentOptions extends ModelOptions {
  /** The kind of the layers. Default `'lstm'`. */
  readonly kind?: 'lstm' | 'gru' | 'rnn'
  /** The number of tokens. Default 65. */
  readonly vocabulary?: number
  /** The numbers per token that the first layer takes. Default 64. */
  readonly width?: number
  /** The hidden numbers of each layer and direction. Default 128. */
  readonly hidden?: number
  /** Default 1. */
  readonly layers?: number
  /**
   * Whether each layer also reads backwards. A model that predicts the next token must not. Default `false`.
   */
  readonly bidirectional?: boolean
}

const kinds = {
  lstm: { opType: 'LSTM', gates: 4, attributes: {} },
  gru: { opType: 'GRU', gates: 3, attributes: { linear_before_reset: 1 } },
  rnn: { opType: 'RNN', gates: 1, attributes: {} },
} as const

/**
 * A recurrent network over tokens: an embedding, layers of LSTM, GRU or RNN, and a dense layer, as PyTorch exports
 * them. It maps `input_ids` (int64, [batch, sequence]) to `logits` [batch · sequence, vocabulary], one row per token, as
 * cross-entropy expects. Parameters: `embedding.weight`, `layers.0.W`, `layers.0.R`, `layers.0.B` (named and ordered as
 * ONNX's inputs, with the directions as the first axis), …, `head.weight`, `head.bias`. Hochreiter and Schmidhuber, "Long
 * short-term memory", 1997; Cho and others, arXiv:1406.1078, with the reset gate after the product.
 *
 * @throws ERR_OPTION for options out of their range
 *
 * @example
 * ```ts
 * import { recurrent } from '@induced-metric/onnxruntime/models'
 *
 * const { graph } = recurrent({ kind: 'gru', vocabulary: 11, width: 4, hidden: 8 })
 * console.log(graph.initializer.map(({ name }) => name).join()) // embedding.weight,layers.0.W,layers.0.R,layers.0.B,head.weight,head.bias
 * ```
 */
export function recurrent(options: RecurrentOptions = {}): Model {
  checkModelOptions('recurrent', options, {
    vocabulary: 'any',
    width: 'any',
    hidden: 'any',
    layers: 'any',
    bidirectional: 'boolean',
    kind: 'any',
  })
  const {
    vocabulary = 65,
    width = 64,
    hidden = 128,
    layers = 1,
    bidirectional = false,
    kind = 'lstm',
  } = options
  checkSizes({ vocabulary, width, hidden, layers })
  if (own(kinds, kind) === undefined) throw optionError(`kind is ${show(kind)}; give 'lstm', 'gru' or 'rnn'`)
  const network = createNetwork(options)
  const { builder, type } = network
  const { emit, ints } = builder
  const directions = bidirectional ? 2 : 1
  const tokens = builder.input('input_ids', dataType.int64, ['batch', 'sequence'])
  const embedding = parameter(within(network, 'embedding'), 'weight', [vocabulary, width], normalOf(1))
  let x = emit('Transpose', [emit('Gather', [embedding, tokens])], { perm: [1, 0, 2] })
  for (let layer = 0; layer < layers; layer++) {
    const inputs = layer === 0 ? width : directions * hidden
    x = recur(within(network, `layers.${layer}`), x, { kind, inputs, hidden, directions })
  }
  const rows = emit('Reshape', [emit('Transpose', [x], { perm: [1, 0, 2] }), ints([-1, directions * hidden])])
  const logits = dense(network, 'head', rows, directions * hidden, vocabulary)
  builder.output(emit('Identity', [logits], {}, 'logits'), type, ['tokens', vocabulary])
  return builder.build('recurrent')
}

interface LayerSizes {
  readonly kind: keyof typeof kinds
  readonly inputs: number
  readonly hidden: number
  readonly directions: number
}

/** A layer on [sequence, batch, inputs], drawn as PyTorch draws it. */
function recur(network: Network, x: string, { kind, inputs, hidden, directions }: LayerSizes): string {
  const { emit, emitAll, ints } = network.builder
  const { opType, gates, attributes } = kinds[kind]
  const draw = uniformWithin(1 / Math.sqrt(hidden))
  const rows = gates * hidden
  const weights = [
    parameter(network, 'W', [directions, rows, inputs], draw),
    parameter(network, 'R', [directions, rows, hidden], draw),
    parameter(network, 'B', [directions, 2 * rows], draw),
  ]
  const direction = directions === 2 ? 'bidirectional' : 'forward'
  const [all] = emitAll(opType, [x, ...weights], { hidden_size: hidden, direction, ...attributes }, 1)
  if (directions === 1) return emit('Squeeze', [all!, ints([1])])
  return emit('Reshape', [emit('Transpose', [all!], { perm: [0, 2, 1, 3] }), ints([0, 0, -1])])
}
