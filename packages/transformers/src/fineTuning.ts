import { adam, inducedMetric, root, type StepReport, type Transformation } from '@induced-metric/core'
import { optionError, show, unsupported } from '@induced-metric/core/adapter'
import { epochOrder } from '@induced-metric/onnx/adapter'
import type { Ort } from '@induced-metric/onnx'
import { defaultOrt, TrainingSession } from '@induced-metric/onnxruntime'
import type { ArtifactsSummary } from '@induced-metric/onnxruntime/artifacts'
import { createBatch, type Batch } from './batches.js'
import {
  classificationEncoder,
  generationEncoder,
  type Encode,
  type EncodedExample,
  type TextExample,
} from './examples.js'
import type { ModelFiles, WritableModelFiles } from './files.js'
import { ignoredLabel } from './losses.js'
import { checkFineTuningOptions, type FineTuningOptions } from './options.js'
import { prepare, type PreparedModel } from './prepare.js'
import { saveModel } from './save.js'
import { readTextModel, type Task, type TextModel } from './textModel.js'

/** The results of a step. */
export interface FineTuningStep {
  /** Counted from 1, through all epochs. */
  readonly step: number
  readonly steps: number
  /** Counted from 1. */
  readonly epoch: number
  /** The mean loss of the step's examples. */
  readonly loss: number
  /** The report of the optimiser, whose `scale` is the factor ρ. */
  readonly report: StepReport
}

/** The results of an evaluation. */
export interface Evaluation {
  /** The mean loss: of a classifier over the examples, of a language model over the tokens. */
  readonly loss: number
  /** The share of examples of a classifier whose highest score is that of their class. */
  readonly accuracy?: number
}

/**
 * Fine-tunes a model in the layout of Transformers.js: reads it, gives it a head for its labels and low-rank adapters, and
 * prepares the training. The model's folder is not changed.
 *
 * @param files the model's folder: {@link folderFiles}, {@link urlFiles} or {@link cachedFiles}
 * @throws ERR_OPTION for files that are missing or damaged, examples that do not fit the task, and invalid options;
 *   ERR_NOT_SUPPORTED for a model that cannot be trained, naming the operator or the input
 *
 * @example
 * ```ts no-run
 * import { createFineTuning, folderFiles } from '@induced-metric/transformers'
 *
 * const tuning = await createFineTuning(folderFiles('models/bert'), {
 *   examples: [
 *     { text: 'a wonderful film', label: 'positive' },
 *     { text: 'a waste of time', label: 'negative' },
 *   ],
 * })
 * for await (const { step, steps, loss } of tuning.train()) console.log(`${step}/${steps}`, loss)
 * await tuning.save(folderFiles('models/bert-films'))
 * await tuning.release()
 * ```
 */
export async function createFineTuning(files: ModelFiles, options: FineTuningOptions): Promise<FineTuning> {
  if (typeof (files as Partial<ModelFiles> | undefined)?.read !== 'function') {
    throw optionError(
      `createFineTuning takes the files of a model, as in folderFiles('models/bert'); given ${show(files)}`,
    )
  }
  checkFineTuningOptions(options)
  const ort = options.ort ?? (await defaultOrt())
  const model = await readTextModel(files, options.dtype ?? 'fp32')
  const prepared = await prepare(model, options, ort)
  const encode = encoderOf(model, prepared, options)
  const examples = options.examples.map((example, i) => encode(example, `examples[${i}]`))
  const batch = createBatch(model, ort, prepared.classes?.problem)
  const { epochs = 3, batchSize = 8, accumulate = 1 } = options
  const steps = epochs * Math.ceil(Math.ceil(examples.length / batchSize) / accumulate)
  const optimizer = options.optimizer ?? defaultOptimizer()
  const session = await TrainingSession.create(
    { ...prepared.artifacts, optimizer, ort },
    options.sessionOptions,
  )
  const plan = { epochs, batchSize, accumulate, steps, seed: options.seed ?? 0 }
  return new FineTuning({ ort, model, prepared, encode, examples, batch, session, plan })
}

/** Adam below a rate of 0.01: the loss that is left limits each step, so that the rate need not fit the model. */
function defaultOptimizer(): Transformation {
  return inducedMetric(adam(), { learningRate: 0.01, xi: 'rate', embedding: root() })
}

/** How the examples are gone through. */
interface Plan {
  readonly epochs: number
  readonly batchSize: number
  readonly accumulate: number
  readonly steps: number
  readonly seed: number
}

interface Parts {
  readonly ort: Ort
  readonly model: TextModel
  readonly prepared: PreparedModel
  readonly encode: Encode
  readonly examples: readonly EncodedExample[]
  readonly batch: Batch
  readonly session: TrainingSession
  readonly plan: Plan
}

/** A model that is being fine-tuned. {@link createFineTuning} creates one. */
export class FineTuning {
  readonly #parts: Parts

  /** @internal */
  constructor(parts: Parts) {
    this.#parts = parts
  }

  /** What the model is trained to do. */
  get task(): Task {
    return this.#parts.prepared.task
  }

  /** The names of a classifier's classes, in the order of its scores. */
  get labels(): readonly string[] | undefined {
    return this.#parts.prepared.classes?.labels
  }

  /** The number of steps that {@link train} takes. */
  get steps(): number {
    return this.#parts.plan.steps
  }

  /** What is trained, and what the training takes. */
  get summary(): ArtifactsSummary {
    return this.#parts.prepared.artifacts.summary
  }

  /** The number of examples that were longer than `maxLength`, and were cut off. */
  get truncatedExamples(): number {
    return this.#parts.examples.filter(({ truncated }) => truncated).length
  }

  /** The session that trains: its parameters, its checkpoints, its learning rate. */
  get session(): TrainingSession {
    return this.#parts.session
  }

  /**
   * Trains, and yields the results of each step. The order of the examples is drawn anew for each epoch. Leaving the loop
   * stops the training; what was learnt stays.
   */
  async *train(
    options: { readonly signal?: AbortSignal } = {},
  ): AsyncGenerator<FineTuningStep, void, undefined> {
    const { examples, batch, session, plan } = this.#parts
    const { epochs, batchSize, accumulate, steps, seed } = plan
    let step = 0
    for (let epoch = 1; epoch <= epochs; epoch++) {
      const order = Array.from(epochOrder(examples.length, seed, epoch - 1), (place) => examples[place]!)
      const batches = chunks(order, batchSize)
      for (const group of chunks(batches, accumulate)) {
        if (options.signal?.aborted === true) return
        for (const rows of group) await session.runTrainStep(batch(rows), [session.trainingOutputNames[0]!])
        const report = await session.runOptimizerStep()
        await session.lazyResetGrad()
        step++
        yield { step, steps, epoch, loss: (report.loss ?? NaN) / group.length, report }
      }
    }
  }

  /**
   * Computes the loss of examples, and the accuracy of a classifier. It does not train.
   *
   * @throws ERR_OPTION for examples that do not fit the task
   */
  async evaluate(examples: readonly TextExample[]): Promise<Evaluation> {
    if (examples.length === 0) throw optionError('evaluate takes at least one example')
    const { batch, encode, session, prepared, plan } = this.#parts
    const encoded = examples.map((example, i) => encode(example, `examples[${i}]`))
    const { classes } = prepared
    const isClassifier = classes?.problem === 'single_label_classification'
    const [lossName] = session.evalOutputNames
    let [sum, weight, right] = [0, 0, 0]
    for (const rows of chunks(encoded, plan.batchSize)) {
      // The logits of a language model are many, and only a classifier's are looked at.
      const fetches = isClassifier ? [lossName!, 'logits'] : [lossName!]
      const results = await session.runEvalStep(batch(rows), fetches)
      const count = classes ? rows.length : rows.reduce((total, row) => total + learntTokens(row), 0)
      sum += count * Number((results[lossName!]!.data as Float32Array)[0])
      weight += count
      if (!isClassifier) continue
      const scores = chunks([...(results['logits']!.data as Float32Array)], classes.labels.length)
      right += rows.filter(({ labels }, i) => argmax(scores[i]!) === labels[0]).length
    }
    return { loss: sum / weight, ...(isClassifier && { accuracy: right / encoded.length }) }
  }

  /**
   * Classifies texts with the parameters as they are.
   *
   * @returns for each text its classes and their probabilities, the likeliest first; for a regression the value
   * @throws ERR_NOT_SUPPORTED for a language model
   */
  async classify(texts: readonly string[]): Promise<{ readonly label: string; readonly score: number }[][]> {
    const { batch, encode, session, prepared, plan } = this.#parts
    const { classes } = prepared
    if (classes === undefined)
      throw unsupported('a language model does not classify; save it, and use pipeline()')
    const { labels, problem } = classes
    const label = problem === 'regression' ? labels.map(() => 0) : 0
    const found: { label: string; score: number }[][] = []
    for (const rows of chunks(texts, plan.batchSize)) {
      const encoded = rows.map((text, i) => encode({ text, label }, `texts[${i}]`))
      const { logits } = await session.runEvalStep(batch(encoded), ['logits'])
      for (const scores of chunks([...(logits!.data as Float32Array)], labels.length)) {
        const values =
          problem === 'regression' ? scores : probabilities(scores, problem === 'multi_label_classification')
        found.push(values.map((score, i) => ({ label: labels[i]!, score })).sort((a, b) => b.score - a.score))
      }
    }
    return found
  }

  /**
   * Writes the fine-tuned model: a folder that `pipeline()` reads. Adapters are merged into the weights; where these are
   * quantised, the adapters stay beside them in the graph. The other files are copied, and config.json gets the labels.
   */
  async save(files: WritableModelFiles): Promise<void> {
    const { model, prepared, session } = this.#parts
    await saveModel(files, model, prepared, session.parameters)
  }

  /** Releases the session. */
  release(): Promise<void> {
    return this.#parts.session.release()
  }
}

function encoderOf(model: TextModel, { classes }: PreparedModel, options: FineTuningOptions): Encode {
  const { tokenizerConfig, config } = model
  const limits = [
    tokenizerConfig['model_max_length'],
    config['max_position_embeddings'],
    config['n_positions'],
    options.maxLength ?? 512,
  ].filter((limit) => typeof limit === 'number')
  const maxLength = Math.min(...limits)
  if (classes === undefined) return generationEncoder(model, maxLength)
  return classificationEncoder(model, classes.labels, classes.problem, maxLength)
}

function chunks<T>(list: readonly T[], size: number): T[][] {
  return Array.from({ length: Math.ceil(list.length / size) }, (_, i) => list.slice(i * size, (i + 1) * size))
}

function learntTokens({ labels }: EncodedExample): number {
  return labels.filter((label) => label !== ignoredLabel).length
}

function argmax(values: readonly number[]): number {
  return values.indexOf(Math.max(...values))
}

function probabilities(logits: readonly number[], isIndependent: boolean): number[] {
  if (isIndependent) return logits.map((x) => 1 / (1 + Math.exp(-x)))
  const largest = Math.max(...logits)
  const powers = logits.map((x) => Math.exp(x - largest))
  const sum = powers.reduce((total, x) => total + x, 0)
  return powers.map((x) => x / sum)
}
