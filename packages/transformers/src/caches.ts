import { unsupported } from '@induced-metric/core/adapter'
import { typeOf } from '@induced-metric/onnx/adapter'
import { inputNamesOf, numberIn, type TextModel } from './textModel.js'

/** An input for the keys or values of earlier tokens. */
export interface CacheInput {
  readonly name: string
  /** Its extents for no earlier tokens, without the first, the examples: heads, 0, and the size of a head. */
  readonly dims: readonly number[]
}

/**
 * The inputs of a language model for the keys and values of earlier tokens. A training has none.
 *
 * @throws ERR_NOT_SUPPORTED if neither the model nor config.json gives their extents
 */
export function cacheInputs(text: TextModel): CacheInput[] {
  return inputNamesOf(text.model)
    .filter((name) => name.startsWith('past_key_values.'))
    .map((name) => cacheInput(name, text))
}

function cacheInput(name: string, { model, config }: TextModel): CacheInput {
  const value = model.graph.input.find((input) => input.name === name)!
  const { shape = [] } = typeOf(value)
  const heads = numberIn(config, 'num_attention_heads', 'n_head')
  const width = numberIn(config, 'hidden_size', 'n_embd')
  const given = (extent: unknown, otherwise: number | undefined): number =>
    typeof extent === 'number' ? extent : (otherwise ?? NaN)
  const dims = [
    given(shape[1], numberIn(config, 'num_key_value_heads') ?? heads),
    0,
    given(shape[3], numberIn(config, 'head_dim') ?? (width ?? NaN) / (heads ?? NaN)),
  ]
  if (shape.length !== 4 || dims.some(Number.isNaN)) {
    throw unsupported(
      `${JSON.stringify(name)} should be [batch, heads, tokens, size], and neither the model nor config.json gives the heads and the size`,
    )
  }
  return { name, dims }
}
