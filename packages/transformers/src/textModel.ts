import { optionError, unsupported } from '@induced-metric/core/adapter'
import { coded, loadModel } from '@induced-metric/onnx/adapter'
import type { Model } from '@induced-metric/onnx/proto'
import { Tokenizer } from '@huggingface/tokenizers'
import type { ModelFiles } from './files.js'
import { dtypes, pathOf, type Dtype } from './variants.js'

/** What a model is trained to do. The names are those of `pipeline()`. */
export type Task = 'text-classification' | 'text-generation'

/** The tokenizer of a model. */
export interface TextTokenizer {
  encode(
    text: string,
    options?: {
      readonly text_pair?: string
      readonly add_special_tokens?: boolean
      readonly return_token_type_ids?: boolean
    },
  ): { readonly ids: number[]; readonly token_type_ids?: number[] }
  decode(ids: readonly number[]): string
  token_to_id(token: string): number | undefined
}

/** The content of a JSON file. */
export type Json = Readonly<Record<string, unknown>>

/** A model for text, as it was read from its folder. */
export interface TextModel {
  readonly files: ModelFiles
  readonly dtype: Dtype
  readonly config: Json
  readonly tokenizerConfig: Json
  readonly tokenizer: TextTokenizer
  /** The forward model, with all values in it. */
  readonly model: Model
}

/**
 * Reads a model in the layout of Transformers.js: config.json, tokenizer.json, tokenizer_config.json, and a variant of the
 * weights in the folder `onnx`.
 *
 * @throws ERR_OPTION for a missing or damaged file
 */
export async function readTextModel(files: ModelFiles, dtype: Dtype): Promise<TextModel> {
  const path = pathOf(dtype)
  const [config, tokenizerJson, tokenizerConfig] = await Promise.all([
    readJson(files, 'config.json'),
    readJson(files, 'tokenizer.json'),
    readJson(files, 'tokenizer_config.json'),
  ])
  const bytes = await files.read(path)
  if (bytes === undefined) throw await missingModel(files, path, dtype)
  const model = await loadModel(bytes, `${files.name}: ${path}`, externalData(files))
  return {
    files,
    dtype,
    config,
    tokenizerConfig,
    tokenizer: tokenizerOf(tokenizerJson, tokenizerConfig),
    model,
  }
}

/** The inputs of a model that are not values of its own. */
export function inputNamesOf({ graph }: Model): string[] {
  const own = new Set(graph.initializer.map(({ name }) => name))
  return graph.input.map(({ name }) => name).filter((name) => !own.has(name))
}

/**
 * The task that a model was made for, by the names of its outputs and its architecture.
 *
 * @throws ERR_NOT_SUPPORTED for a model with another task
 */
export function taskOf({ config, model, files }: TextModel): Task {
  const outputs = model.graph.output.map(({ name }) => name)
  const [architecture = ''] = Array.isArray(config['architectures'])
    ? (config['architectures'] as string[])
    : []
  if (outputs.includes('logits')) {
    if (architecture.endsWith('ForSequenceClassification')) return 'text-classification'
    if (/(ForCausalLM|LMHeadModel)$/.test(architecture)) return 'text-generation'
  } else if (outputs.some((name) => name === 'last_hidden_state' || name === 'token_embeddings')) {
    return 'text-classification'
  }
  throw unsupported(
    `${files.name} is of the architecture ${JSON.stringify(architecture)} and computes ${outputs.join(', ')}; models of ` +
      '…ForSequenceClassification, …ForCausalLM, …LMHeadModel and those that compute last_hidden_state can be fine-tuned. ' +
      'If it is one of these, give the task',
  )
}

/** The first number that config.json has under one of the names that architectures give it. */
export function numberIn(config: Json, ...keys: readonly string[]): number | undefined {
  return keys.map((key) => config[key]).find((value) => typeof value === 'number')
}

async function readJson(files: ModelFiles, path: string): Promise<Json> {
  const bytes = await files.read(path)
  if (bytes === undefined)
    throw optionError(`${files.name} has no ${path}; give the folder of a Transformers.js model`)
  let value: unknown
  try {
    value = JSON.parse(new TextDecoder().decode(bytes))
  } catch (error) {
    throw coded('ERR_OPTION', `${files.name}: ${path} is not JSON`, error)
  }
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Json
  throw optionError(`${files.name}: ${path} is not an object`)
}

function tokenizerOf(json: Json, config: Json): TextTokenizer {
  try {
    // The package's own declarations do not resolve in Node's module resolution.
    const TokenizerClass = Tokenizer as unknown as new (json: Json, config: Json) => TextTokenizer
    return new TokenizerClass(json, config)
  } catch (error) {
    throw coded('ERR_OPTION', 'tokenizer.json is not a tokenizer that @huggingface/tokenizers reads', error)
  }
}

async function missingModel(files: ModelFiles, path: string, dtype: Dtype): Promise<Error> {
  const others: Dtype[] = []
  for (const other of dtypes) {
    if (other !== dtype && (await files.read(pathOf(other))) !== undefined) others.push(other)
  }
  const advice =
    others.length === 0 ? 'and no other variant' : `but the variants ${others.join(', ')}: give one as dtype`
  return optionError(`${files.name} has no ${path}, ${advice}`)
}

/** Reads parts of the files beside a model. */
function externalData(files: ModelFiles) {
  const contents = new Map<string, Promise<Uint8Array | undefined>>()
  return async (location: string, offset: number, length: number): Promise<Uint8Array> => {
    const path = `onnx/${location}`
    if (!contents.has(path)) contents.set(path, files.read(path))
    const content = await contents.get(path)
    if (content === undefined)
      throw optionError(`${files.name} has no ${path}, where the model keeps its values`)
    return content.subarray(offset, offset + length)
  }
}
