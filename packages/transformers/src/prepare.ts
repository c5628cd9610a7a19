import { optionError, unsupported } from '@induced-metric/core/adapter'
import type { Ort } from '@induced-metric/onnx'
import { typeOf } from '@induced-metric/onnx/adapter'
import type { Model } from '@induced-metric/onnx/proto'
import {
  addLora,
  generateArtifacts,
  type LoraOptions,
  type TrainingArtifacts,
} from '@induced-metric/onnxruntime/artifacts'
import { cacheInputs } from './caches.js'
import { fieldsOf, type LabelledText, type TextExample } from './examples.js'
import { headOf, labelCount, setHead } from './head.js'
import { classificationLoss, nextTokenLoss, type ProblemType } from './losses.js'
import type { FineTuningOptions } from './options.js'
import { numberIn, taskOf, type Task, type TextModel } from './textModel.js'

/** A classifier's classes. */
export interface Classes {
  readonly labels: readonly string[]
  readonly problem: ProblemType
}

/** A model that is ready to be trained. */
export interface PreparedModel {
  readonly task: Task
  /** Undefined for a language model. */
  readonly classes: Classes | undefined
  /** The forward model with a new head and adapters, where it got any. */
  readonly forward: Model
  readonly hasAdapters: boolean
  readonly artifacts: TrainingArtifacts
}

/**
 * Gives a model a head for its labels and low-rank adapters, and generates the artifacts of its training.
 *
 * @throws ERR_OPTION for options that do not fit the model; ERR_NOT_SUPPORTED for a model that cannot be trained
 */
export async function prepare(
  model: TextModel,
  options: FineTuningOptions,
  ort: Ort,
): Promise<PreparedModel> {
  const { lora = { rank: 8 }, seed = 0 } = options
  const task = options.task ?? taskOf(model)
  const classes = task === 'text-classification' ? classesOf(model, options) : undefined
  const head = classes === undefined ? [] : fitHead(model, classes, options)
  let forward = model.model
  let requiresGrad: readonly string[] | undefined
  if (lora !== false) {
    const adapted = addLora(forward, { seed, targets: defaultTargets(model, head), ...lora })
    forward = adapted.model
    requiresGrad = [...adapted.trainable, ...head]
  }
  const caches = cacheInputs(model)
  const artifacts = await generateArtifacts(forward, {
    loss: classes === undefined ? nextTokenLoss : classificationLoss(classes.problem),
    outputNames: ['logits'],
    additionalOutputs: ['logits'],
    ...(requiresGrad && { requiresGrad }),
    ...(caches.length > 0 && {
      inputs: Object.fromEntries(caches.map(({ name, dims }) => [name, ['batch_size', ...dims]])),
    }),
    ort,
  })
  return { task, classes, forward, hasAdapters: lora !== false, artifacts }
}

function classesOf({ config, model }: TextModel, options: FineTuningOptions): Classes {
  const problem =
    options.problem ?? (config['problem_type'] as ProblemType | undefined) ?? 'single_label_classification'
  if (options.labels !== undefined) return { labels: options.labels, problem }
  const own = labelsOf(config)
  if (problem === 'regression') return { labels: valuesOf(config, options), problem }
  const used = new Set(options.examples.flatMap((example) => labelsIn(example)))
  if (own.length > 0 && [...used].every((label) => typeof label === 'number' || own.includes(label))) {
    return { labels: own, problem }
  }
  const names = [...used].filter((label) => typeof label === 'string')
  if (names.length > 0 && names.length < used.size) {
    const number = [...used].find((label) => typeof label === 'number')
    throw optionError(
      `labels are names, such as ${JSON.stringify(names[0])}, and numbers, such as ${number}; give all of one kind`,
    )
  }
  if (names.length < used.size) {
    const count = labelCount(model, 1 + Math.max(...[...used].map(Number)))
    return { labels: Array.from({ length: count }, (_, i) => `LABEL_${i}`), problem }
  }
  if (names.length < 2 && problem === 'single_label_classification') {
    throw optionError(
      `all examples have the label ${JSON.stringify(names[0])}; a classifier needs at least two`,
    )
  }
  return { labels: names.sort(), problem }
}

/** The names of a regression's values: those of a model that is one already, or as many as the examples have. */
function valuesOf(config: TextModel['config'], { examples }: FineTuningOptions): string[] {
  const own = labelsOf(config)
  if (own.length > 0 && config['problem_type'] === 'regression') return own
  const count = Math.max(1, labelsIn(examples[0]!).length)
  return Array.from({ length: count }, (_, i) => `LABEL_${i}`)
}

function labelsIn(example: TextExample): (string | number)[] {
  const { label } = fieldsOf(example) as Partial<LabelledText>
  return label === undefined ? [] : [label].flat()
}

/** The names of a classifier's classes in config.json. */
function labelsOf(config: TextModel['config']): string[] {
  const names = config['id2label']
  return typeof names === 'object' && names !== null ? Object.values(names as Record<string, string>) : []
}

/** Gives a classifier a head of as many outputs as it has labels, unless it has one, and returns its parameters. */
function fitHead(text: TextModel, { labels }: Classes, options: FineTuningOptions): readonly string[] {
  const { model, config } = text
  const logits = model.graph.output.find(({ name }) => name === 'logits')
  const shape = logits && typeOf(logits).shape
  if (shape && shape.length > 2) {
    throw unsupported(
      `a classifier computes logits [batch, labels], and the model's have ${shape.length} axes, as those of a language model: ` +
        'give a classifier, or a model for feature extraction, which computes last_hidden_state',
    )
  }
  const last = shape?.at(-1)
  const declared = typeof last === 'number' ? last : labelsOf(config).length || undefined
  if (logits && labelCount(model, declared) === labels.length && hasOwnLabels(config, labels))
    return headOf(model)
  const { pooling = 'mean', seed = 0 } = options
  return setHead(model, labels.length, widthOf(text), pooling, seed)
}

/** Whether labels are the model's own, or its own have no names yet, so that its head can stay. */
function hasOwnLabels(config: TextModel['config'], labels: readonly string[]): boolean {
  const own = labelsOf(config)
  return own.every((name, i) => name === labels[i] || /^LABEL_\d+$/.test(name))
}

function widthOf({ config }: TextModel): number {
  const width = numberIn(config, 'hidden_size', 'dim', 'd_model', 'n_embd')
  if (width !== undefined) return width
  throw optionError('config.json does not give hidden_size, which a new head needs')
}

/** Operators that are dense layers, plain or quantised. */
const dense =
  /:(MatMul|Gemm|FusedMatMul|MatMulNBits|MatMulInteger|MatMulIntegerToFloat|DynamicQuantizeMatMul|Attention)$/

/** All weights of dense layers, except the head, and projections onto the vocabulary. */
function defaultTargets({ config }: TextModel, head: readonly string[]): LoraOptions['targets'] {
  const vocabulary = Number(config['vocab_size'])
  return (name, { dims, operator }) =>
    dense.test(operator) && !head.includes(name) && !dims.includes(vocabulary)
}
