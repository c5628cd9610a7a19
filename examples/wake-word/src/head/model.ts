import { createModelBuilder, dataType, type Model } from '@induced-metric/onnx/proto'
import { createRandom } from '../audio/random.js'
import { embeddingSize, windowSteps } from '../features/features.js'

/** Embeddings of a pair, the channels that all pairs are mapped to alike, and the pairs of a window. */
const pair = 2
const channels = 48
const pairs = windowSteps / pair
const units = 64

/** The mean and the standard deviation of each of the 96 numbers of an embedding. */
export interface Spread {
  readonly mean: Float32Array
  readonly deviation: Float32Array
}

/** The constants of the model that are not trained. */
export const frozen = 'embedding.*'

/**
 * The part that is trained: embeddings of mean 0 and variance 1; each of the eight pairs, 192 → 48, by the same weights, which is a convolution of stride 2;
 * 384 → 64; → 1. Layer normalisation and ReLU follow the first two. Its input and its `score`, a probability, have the shapes that openWakeWord's
 * runtimes ask for: `input` [batch, 16, 96] → `score` [batch, 1].
 *
 * @param spread of the embeddings that it is trained on
 * @param seed of the first weights, which are drawn as PyTorch's `Linear` draws them
 */
export function headModel({ mean, deviation }: Spread, seed: number): Model {
  const { float } = dataType
  const random = createRandom(seed)
  const builder = createModelBuilder(17)
  const { emit, ints } = builder
  const dense = (x: string, name: string, from: number, to: number): string => {
    const layer = builder.within(name)
    const bound = 1 / Math.sqrt(from)
    const draw = (length: number) => Float32Array.from({ length }, () => random.between(-bound, bound))
    const weight = layer.initializer('weight', [to, from], float, draw(to * from))
    return emit('Gemm', [x, weight, layer.initializer('bias', [to], float, draw(to))], { transB: 1 })
  }
  const activated = (x: string, name: string, size: number): string => {
    const layer = builder.within(name)
    const scale = layer.initializer('weight', [size], float, new Float32Array(size).fill(1))
    const shift = layer.initializer('bias', [size], float, new Float32Array(size))
    return emit('Relu', [emit('LayerNormalization', [x, scale, shift], { axis: -1, epsilon: 1e-5 })])
  }
  const x = builder.input('input', float, ['batch', windowSteps, embeddingSize])
  const embedding = builder.within('embedding')
  const centred = emit('Sub', [x, embedding.initializer('mean', [embeddingSize], float, mean)])
  const factor = deviation.map((one) => 1 / one)
  const scaled = emit('Mul', [centred, embedding.initializer('scale', [embeddingSize], float, factor)])
  const paired = emit('Reshape', [scaled, ints([-1, pair * embeddingSize])])
  const mapped = activated(dense(paired, 'pair', pair * embeddingSize, channels), 'pair.norm', channels)
  const flat = emit('Reshape', [mapped, ints([-1, pairs * channels])])
  const hidden = activated(dense(flat, 'hidden', pairs * channels, units), 'hidden.norm', units)
  emit('Identity', [dense(hidden, 'out', units, 1)], {}, 'logit')
  builder.output(emit('Sigmoid', ['logit'], {}, 'score'), float, ['batch', 1])
  return builder.build('wake word')
}
