import { unsupported } from '@induced-metric/core/adapter'
import { typeOf } from '@induced-metric/onnx/adapter'
import { dataType } from '@induced-metric/onnx/proto'
import type { Ort, OrtTensor, OrtValues } from '@induced-metric/onnx'
import { createOrtTensor } from '@induced-metric/onnxruntime'
import { contentOf, endToken, type EncodedExample } from './examples.js'
import { ignoredLabel, labelsInput, type ProblemType } from './losses.js'
import { inputNamesOf, type TextModel } from './textModel.js'

/** Makes the feeds of a batch of examples: padded to the longest on the right, with a mask. */
export type Batch = (examples: readonly EncodedExample[]) => OrtValues

type Feed = (rows: Rows) => OrtTensor

/** The tokens of a batch. */
interface Rows {
  readonly examples: readonly EncodedExample[]
  /** The number of tokens of the longest example. */
  readonly length: number
}

/**
 * Creates the function that makes feeds for a model.
 *
 * @param problem what the labels of a classifier are; undefined for a language model
 * @throws ERR_NOT_SUPPORTED for an input of the model that is none of a text model's
 */
export function createBatch(model: TextModel, ort: Ort, problem: ProblemType | undefined): Batch {
  const feeds: [string, Feed][] = inputNamesOf(model.model).map((name) => [name, feedOf(name, model, ort)])
  feeds.push([labelsInput, labelsOf(ort, problem)])
  return (examples) => {
    const rows = { examples, length: Math.max(...examples.map(({ ids }) => ids.length)) }
    return Object.fromEntries(feeds.map(([name, feed]) => [name, feed(rows)]))
  }
}

function feedOf(name: string, model: TextModel, ort: Ort): Feed {
  const integers = (padding: number, valueOf: (example: EncodedExample, token: number) => number): Feed => {
    return ({ examples, length }) => {
      const values = examples.flatMap((example) =>
        Array.from({ length }, (_, token) =>
          BigInt(token < example.ids.length ? valueOf(example, token) : padding),
        ),
      )
      return createOrtTensor(ort, 'int64', BigInt64Array.from(values), [examples.length, length])
    }
  }
  switch (name) {
    case 'input_ids':
      return integers(paddingOf(model), ({ ids }, token) => ids[token]!)
    case 'attention_mask':
      return integers(0, () => 1)
    case 'token_type_ids':
      return integers(0, ({ types }, token) => types[token]!)
    case 'position_ids':
      return integers(1, (_, token) => token)
    case 'use_cache_branch':
      return () => createOrtTensor(ort, 'bool', Uint8Array.of(0), [1])
    default:
      if (/^past_key_values\./.test(name)) return emptyCache(name, model, ort)
      throw unsupported(
        `the model takes an input ${JSON.stringify(name)}; models that take input_ids, attention_mask, token_type_ids, ` +
          'position_ids and past_key_values can be fine-tuned',
      )
  }
}

/** A cache of keys or values of no tokens: [batch, heads, 0, size]. */
function emptyCache(name: string, { model, config }: TextModel, ort: Ort): Feed {
  const value = model.graph.input.find((input) => input.name === name)!
  const { shape = [], dataType: type } = typeOf(value)
  const number = (...keys: readonly string[]): number | undefined =>
    keys.map((key) => config[key]).find((found) => typeof found === 'number')
  const heads = number('num_key_value_heads', 'num_attention_heads', 'n_head')
  const size = number('head_dim') ?? (number('hidden_size', 'n_embd') ?? NaN) / (number('num_attention_heads', 'n_head') ?? NaN)
  const dims = shape.map((extent, axis) => {
    if (axis === 0) return 0
    if (typeof extent === 'number') return extent
    return axis === 1 ? (heads ?? NaN) : axis === shape.length - 1 ? size : 0
  })
  if (dims.length !== 4 || dims.some(Number.isNaN)) {
    throw unsupported(`the model does not say what shape ${JSON.stringify(name)} has, nor does config.json`)
  }
  const [element, array] =
    type === dataType.float16 ? (['float16', new Uint16Array()] as const) : (['float32', new Float32Array()] as const)
  return ({ examples }) => createOrtTensor(ort, element, array, [examples.length, ...dims.slice(1)])
}

/** The id of the token that fills short rows. */
function paddingOf(model: TextModel): number {
  const { tokenizer, tokenizerConfig, config } = model
  const name = contentOf(tokenizerConfig['pad_token'])
  const id = name === undefined ? undefined : tokenizer.token_to_id(name)
  const other = config['pad_token_id']
  return id ?? (typeof other === 'number' ? other : undefined) ?? endToken(model) ?? 0
}

function labelsOf(ort: Ort, problem: ProblemType | undefined): Feed {
  if (problem === undefined) {
    return ({ examples, length }) => {
      const labels = examples.flatMap(({ labels }) =>
        Array.from({ length }, (_, token) => BigInt(labels[token] ?? ignoredLabel)),
      )
      return createOrtTensor(ort, 'int64', BigInt64Array.from(labels), [examples.length, length])
    }
  }
  if (problem === 'single_label_classification') {
    return ({ examples }) =>
      createOrtTensor(ort, 'int64', BigInt64Array.from(examples, ({ labels }) => BigInt(labels[0]!)), [examples.length])
  }
  return ({ examples }) => {
    const labels = Float32Array.from(examples.flatMap(({ labels }) => labels))
    return createOrtTensor(ort, 'float32', labels, [examples.length, labels.length / examples.length])
  }
}
