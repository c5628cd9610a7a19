import { optionError, show } from '@induced-metric/core/adapter'

/** The ends of the files' names that Transformers.js gives the variants of a model, by its `dtype`. */
const suffixes = {
  fp32: '',
  fp16: '_fp16',
  q8: '_quantized',
  int8: '_int8',
  uint8: '_uint8',
  q4: '_q4',
  q4f16: '_q4f16',
  bnb4: '_bnb4',
} as const

/** A variant of a model's weights, as Transformers.js names it. */
export type Dtype = keyof typeof suffixes

/** The names of the variants. */
export const dtypes = Object.keys(suffixes) as Dtype[]

/**
 * The path of a variant in the model's folder.
 *
 * @throws ERR_OPTION for an unknown variant
 */
export function pathOf(dtype: Dtype): string {
  if (typeof dtype === 'string' && Object.hasOwn(suffixes, dtype)) return `onnx/model${suffixes[dtype]}.onnx`
  throw optionError(`dtype must be one of ${dtypes.join(', ')}, given ${show(dtype)}`)
}
