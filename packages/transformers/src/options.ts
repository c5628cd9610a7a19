import type { Transformation } from '@induced-metric/core'
import { checkOptions, checkTransformation, optionError, show } from '@induced-metric/core/adapter'
import type { Ort } from '@induced-metric/onnx'
import type { LoraOptions } from '@induced-metric/onnxruntime/artifacts'
import type { TextExample } from './examples.js'
import type { Pooling } from './head.js'
import type { ProblemType } from './losses.js'
import type { Task } from './textModel.js'
import type { Dtype } from './variants.js'

/** Options of {@link createFineTuning}. */
export interface FineTuningOptions {
  /** The examples to train on. */
  readonly examples: readonly TextExample[]
  /** Passes through the examples. Default 3. */
  readonly epochs?: number
  /** Examples per step. Default 8. */
  readonly batchSize?: number
  /** Batches whose gradients are added up for a step. Default 1. */
  readonly accumulate?: number
  /** The variant of the weights. Default `'fp32'`. */
  readonly dtype?: Dtype
  /** Default: the one that the model was made for. */
  readonly task?: Task
  /**
   * The names of a classifier's classes, in their order. Default: those of config.json if there are examples of them, otherwise
   * those of the examples, sorted. With another number than the model has, it gets a new last layer.
   */
  readonly labels?: readonly string[]
  /** What the labels of a classifier are. Default: what config.json says, otherwise classes. */
  readonly problem?: ProblemType
  /** How a classifier on a model without a head makes one vector of a text. Default `'mean'`. */
  readonly pooling?: Pooling
  /**
   * The low-rank adapters: their rank, and as in `addLora` `alpha` and `targets`, by default all weights of dense layers
   * except the head. `false` trains all parameters. Default `{ rank: 8 }`.
   */
  readonly lora?: (Pick<LoraOptions, 'rank'> & Partial<LoraOptions>) | false
  /** The optimiser. Default: `inducedMetric(adam(), { learningRate: 0.01, xi: 'rate', embedding: root() })`. */
  readonly optimizer?: Transformation
  /** The most tokens of an example. Default: what the tokenizer and the model can take, at most 512. */
  readonly maxLength?: number
  /** The seed of new weights and of the examples' order. Default 0. */
  readonly seed?: number
  /** The package of the runtime: onnxruntime-node (default), or onnxruntime-web in a page. */
  readonly ort?: Ort
  /** Options of the runtime's sessions, such as `{ intraOpNumThreads: 4 }`. */
  readonly sessionOptions?: object
}

/**
 * Checks the options.
 *
 * @throws ERR_OPTION
 */
export function checkFineTuningOptions(options: FineTuningOptions): void {
  if (typeof options !== 'object' || options === null || !Array.isArray(options.examples)) {
    throw optionError('createFineTuning takes { examples, … }: a list of examples is required')
  }
  checkOptions('createFineTuning', options, {
    examples: 'any',
    epochs: 'any',
    batchSize: 'any',
    accumulate: 'any',
    dtype: 'any',
    task: ['text-classification', 'text-generation'],
    labels: 'any',
    problem: ['single_label_classification', 'multi_label_classification', 'regression'],
    pooling: ['mean', 'first'],
    lora: 'any',
    optimizer: 'any',
    maxLength: 'any',
    seed: 'any',
    ort: 'any',
    sessionOptions: 'any',
  })
  const { examples, optimizer, labels, lora } = options
  if (examples.length === 0) throw optionError('examples is empty; give at least one')
  for (const name of ['epochs', 'batchSize', 'accumulate', 'maxLength'] as const) {
    const value = options[name]
    if (value === undefined || (Number.isSafeInteger(value) && value > 0)) continue
    throw optionError(`${name} must be a positive whole number, given ${show(value)}`)
  }
  if (options.seed !== undefined && !Number.isFinite(options.seed)) {
    throw optionError(`seed must be a number, given ${show(options.seed)}`)
  }
  if (labels !== undefined && !isListOfNames(labels)) {
    throw optionError(`labels must be a list of different names, given ${show(labels)}`)
  }
  if (lora !== undefined && lora !== false && (typeof lora !== 'object' || lora === null)) {
    throw optionError(`lora must be { rank, … } or false, given ${show(lora)}`)
  }
  if (optimizer !== undefined) checkTransformation(optimizer)
}

function isListOfNames(labels: unknown): boolean {
  return (
    Array.isArray(labels) &&
    labels.length > 0 &&
    labels.every((label) => typeof label === 'string') &&
    new Set(labels).size === labels.length
  )
}
