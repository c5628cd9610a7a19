import { unsupported } from '@induced-metric/core/adapter'
import type { Ort, OrtTensor, OrtValues } from '@induced-metric/onnx'
import { createOrtTensor } from '@induced-metric/onnxruntime'
import { cacheInputs, type CacheInput } from './caches.js'
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
  const caches = cacheInputs(model)
  const isCache = new Set(caches.map(({ name }) => name))
  const others = inputNamesOf(model.model).filter((name) => !isCache.has(name))
  const feeds: (readonly [string, Feed])[] = [
    ...others.map((name) => [name, feedOf(name, model, ort)] as const),
    ...caches.map((cache) => [cache.name, emptyCache(cache, ort)] as const),
    [labelsInput, labelsOf(ort, problem)],
  ]
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
      throw unsupported(
        `the model takes an input ${JSON.stringify(name)}; models that take input_ids, attention_mask, token_type_ids, ` +
          'position_ids and past_key_values can be fine-tuned',
      )
  }
}

/** No earlier tokens. A model of float16 is trained in float32. */
function emptyCache({ dims }: CacheInput, ort: Ort): Feed {
  return ({ examples }) => createOrtTensor(ort, 'float32', new Float32Array(), [examples.length, ...dims])
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
      createOrtTensor(
        ort,
        'int64',
        BigInt64Array.from(examples, ({ labels }) => BigInt(labels[0]!)),
        [examples.length],
      )
  }
  return ({ examples }) => {
    const labels = Float32Array.from(examples.flatMap(({ labels }) => labels))
    return createOrtTensor(ort, 'float32', labels, [examples.length, labels.length / examples.length])
  }
}
