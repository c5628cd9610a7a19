import { adaptsQuantized } from '@induced-metric/onnx/adapter'
import { writeModel } from '@induced-metric/onnx/proto'
import type { SessionParameter } from '@induced-metric/onnxruntime'
import { mergeLora, withParameters } from '@induced-metric/onnxruntime/artifacts'
import type { WritableModelFiles } from './files.js'
import type { Classes, PreparedModel } from './prepare.js'
import type { Json, TextModel } from './textModel.js'
import { pathOf } from './variants.js'

/** The files that a model's folder may have besides the model and config.json. */
const copied = [
  'tokenizer.json',
  'tokenizer_config.json',
  'special_tokens_map.json',
  'added_tokens.json',
  'vocab.txt',
  'vocab.json',
  'merges.txt',
  'spiece.model',
  'chat_template.jinja',
  'generation_config.json',
  'preprocessor_config.json',
]

/** Writes a model's folder with trained parameters. */
export async function saveModel(
  files: WritableModelFiles,
  text: TextModel,
  { forward, hasAdapters, classes }: PreparedModel,
  parameters: ReadonlyMap<string, SessionParameter>,
): Promise<void> {
  const trained = new Map([...parameters].filter(([, { trainable }]) => trainable))
  // A change that is added to a quantised weight would be rounded away.
  const isMerged = hasAdapters && !adaptsQuantized(forward)
  const model = isMerged ? mergeLora(forward, trained) : withParameters(forward, trained)
  for (const path of copied) {
    const content = (await text.files.read(path)) ?? substitute(path, text.config, classes)
    if (content !== undefined) await files.write(path, content)
  }
  await files.write('config.json', encodeJson(trainedConfig(text.config, classes)))
  await files.write(pathOf(text.dtype), writeModel(model))
}

/**
 * What stands for a file that a model lacks. Transformers.js asks for the generation config of every language model: without
 * one, it would ask the model's host, and fail where there is none, as for a model of one's own in the cache.
 */
function substitute(path: string, config: Json, classes: Classes | undefined): Uint8Array | undefined {
  if (path !== 'generation_config.json' || classes !== undefined) return undefined
  const { bos_token_id: start, eos_token_id: end } = config
  return encodeJson({ _from_model_config: true, bos_token_id: start, eos_token_id: end })
}

/** The config of the trained model: with its labels, and without files beside the weights, which are in the model now. */
function trainedConfig(config: Json, classes: Classes | undefined): Json {
  const own = { ...config }
  const settings = own['transformers.js_config']
  if (typeof settings === 'object' && settings !== null) {
    const { use_external_data_format: _, ...others } = settings as Record<string, unknown>
    own['transformers.js_config'] = others
  }
  if (classes === undefined) return own
  const { labels, problem } = classes
  const architectures = own['architectures']
  return {
    ...own,
    ...(Array.isArray(architectures) && {
      architectures: architectures.map((name) => String(name).replace(/Model$/, 'ForSequenceClassification')),
    }),
    id2label: Object.fromEntries(labels.map((label, i) => [String(i), label])),
    label2id: Object.fromEntries(labels.map((label, i) => [label, i])),
    ...(problem !== 'single_label_classification' && { problem_type: problem }),
  }
}

function encodeJson(value: Json): Uint8Array {
  return new TextEncoder().encode(`${JSON.stringify(value, null, 2)}\n`)
}
