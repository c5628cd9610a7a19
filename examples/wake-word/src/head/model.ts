import { createModelBuilder, dataType, type Model } from '@induced-metric/onnx/proto'
import { createRandom } from '../audio/random.js'
import { embeddingSize, windowSteps } from '../features/features.js'

const inputs = windowSteps * embeddingSize
const units = 64

/** The mean and the standard deviation of each of the 96 numbers of an embedding. */
export interface Spread {
  readonly mean: Float32Array
  readonly deviation: Float32Array
}

/** The constants of the model that are not trained. */
export const frozen = 'embedding.*'

/**
 * The part that is trained: embeddings of mean 0 and variance 1, 1536 → 64, layer normalisation, ReLU, → 1. Its input and its `score`, a probability, have the shapes
 * that openWakeWord's runtimes ask for: `input` [batch, 16, 96] → `score` [batch, 1].
 *
 * @param spread of the embeddings that it is trained on
 * @param seed of the first weights, which are drawn as PyTorch's `Linear` draws them
 */
export function headModel({ mean, deviation }: Spread, seed: number): Model {
  const { float } = dataType
  const random = createRandom(seed)
  const builder = createModelBuilder(17)
  const { emit } = builder
  const dense = (x: string, name: string, from: number, to: number): string => {
    const layer = builder.within(name)
    const bound = 1 / Math.sqrt(from)
    const draw = (length: number) => Float32Array.from({ length }, () => random.between(-bound, bound))
    const weight = layer.initializer('weight', [to, from], float, draw(to * from))
    return emit('Gemm', [x, weight, layer.initializer('bias', [to], float, draw(to))], { transB: 1 })
  }
  const x = builder.input('input', float, ['batch', windowSteps, embeddingSize])
  const embedding = builder.within('embedding')
  const centred = emit('Sub', [x, embedding.initializer('mean', [embeddingSize], float, mean)])
  const factor = deviation.map((one) => 1 / one)
  const scaled = emit('Mul', [centred, embedding.initializer('scale', [embeddingSize], float, factor)])
  const hidden = dense(emit('Flatten', [scaled], { axis: 1 }), 'hidden', inputs, units)
  const norm = builder.within('norm')
  const scale = norm.initializer('weight', [units], float, new Float32Array(units).fill(1))
  const shift = norm.initializer('bias', [units], float, new Float32Array(units))
  const normal = emit('LayerNormalization', [hidden, scale, shift], { axis: -1, epsilon: 1e-5 })
  const logit = dense(emit('Relu', [normal]), 'out', units, 1)
  emit('Identity', [logit], {}, 'logit')
  builder.output(emit('Sigmoid', ['logit'], {}, 'score'), float, ['batch', 1])
  return builder.build('wake word')
}
