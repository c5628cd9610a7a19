import { shareRight } from '@induced-metric/example-mnist'
import type { OrtValues, TrainingSession } from '@induced-metric/onnxruntime'
import * as tf from '@tensorflow/tfjs'

import type { Batches, BatchLogs, Disco, DiscoModel, ValidationMetrics, WeightsContainer } from './disco.js'

/** How examples become the session's feeds. */
export interface Encoding<E, I> {
  /** The name of the kind of data: `'image'`, `'tabular'` or `'text'`. */
  readonly datatype: string
  /** The feeds of a batch, and the classes, one per row of the logits. */
  readonly encode: (batch: readonly E[]) => { readonly feeds: OrtValues; readonly labels: ArrayLike<number> }
  /** The feeds of examples without labels; whatever labels the eval model asks for are made up. */
  readonly encodeInputs: (batch: readonly I[]) => OrtValues
}

/** What a model consists of. */
export interface TrainingModelOptions<E, I, L> {
  readonly disco: Disco<L>
  /** From artifacts made with `additionalOutputs` that contain the logits. */
  readonly session: TrainingSession
  readonly encoding: Encoding<E, I>
  /** The name of the logits, [rows, classes]. Default `output`. */
  readonly logits?: string
}

const GIGABYTE = 1024 ** 3

/**
 * A model for DISCO that trains by a `TrainingSession`: `weights` can be read and set, and `train` is a pass over the data that
 * yields after every batch. The optimiser, with its momentum and the averages of the metric, stays from round to round,
 * whatever weights a round sets. It is for cross-entropy over classes.
 */
export function createTrainingModel<E, I, L>({
  disco,
  session,
  encoding,
  logits = 'output',
}: TrainingModelOptions<E, I, L>): DiscoModel<E, I, number, L> {
  requireLogits(session, logits)
  const lossName = session.trainingOutputNames[0]!
  const memoryUsage = bytesOf(session) / GIGABYTE
  let isReleased = false

  const judge = (results: OrtValues, labels: ArrayLike<number>): ValidationMetrics => ({
    loss: (results[lossName]!.data as Float32Array)[0]!,
    accuracy: shareRight(results[logits]!.data as Float32Array, labels),
  })
  const trainOn = async (batch: readonly E[]): Promise<BatchLogs> => {
    const { feeds, labels } = encoding.encode(batch)
    await session.lazyResetGrad()
    const { loss, accuracy } = judge(await session.runTrainStep(feeds, [lossName, logits]), labels)
    if (Number.isNaN(loss)) throw new Error('The loss of the batch is NaN: the weights are as before it.')
    await session.runOptimizerStep()
    return { accuracy, loss, memoryUsage }
  }
  const evaluate = async (validation: Batches<E>): Promise<ValidationMetrics> => {
    let [loss, accuracy, count] = [0, 0, 0]
    for await (const examples of validation) {
      const batch = [...examples]
      const { feeds, labels } = encoding.encode(batch)
      const found = judge(await session.runEvalStep(feeds, [lossName, logits]), labels)
      loss += batch.length * found.loss
      accuracy += batch.length * found.accuracy
      count += batch.length
    }
    if (count === 0) throw new Error('There is no validation example.')
    return { loss: loss / count, accuracy: accuracy / count }
  }
  const dispose = (): void => {
    if (isReleased) return
    isReleased = true
    void session.release()
  }
  return {
    datatype: encoding.datatype,
    get weights() {
      const { values } = entriesOf(session)
      return new disco.WeightsContainer(values.map(({ dims, data }) => tf.tensor(data.slice(), [...dims])))
    },
    set weights(container) {
      setWeights(session, container)
    },
    async *train(training, validation) {
      const begun = performance.now()
      const logs: BatchLogs[] = []
      for await (const batch of training) {
        const log = { batch: logs.length, ...(await trainOn([...batch])) }
        yield log
        logs.push(log)
      }
      const epochTime = performance.now() - begun
      return new disco.EpochLogs(logs, epochTime, validation && (await evaluate(validation)))
    },
    evaluate,
    async predict(batch) {
      const found = await session.runEvalStep(encoding.encodeInputs([...batch]), [logits])
      const { data, dims } = found[logits]!
      return classesOf(data as Float32Array, Number(dims.at(-1)))
    },
    dispose,
    [Symbol.dispose]: dispose,
  }
}

function requireLogits({ trainingOutputNames, evalOutputNames }: TrainingSession, logits: string): void {
  for (const names of [trainingOutputNames, evalOutputNames])
    if (!names.includes(logits))
      throw new Error(
        `The artifacts have no output ${JSON.stringify(logits)}, only ${names.join(', ')}: make them with additionalOutputs: [${JSON.stringify(logits)}].`,
      )
}

interface Entry {
  readonly dims: readonly number[]
  readonly data: Float32Array
}

function entriesOf({ parameters }: TrainingSession): {
  readonly names: readonly string[]
  readonly values: readonly Entry[]
} {
  return {
    names: [...parameters.keys()],
    values: [...parameters.values()] as unknown as readonly Entry[],
  }
}

/** Sets all weights, or none if any of them does not fit. */
function setWeights(session: TrainingSession, { weights }: WeightsContainer): void {
  const { names, values } = entriesOf(session)
  if (weights.length !== values.length)
    throw new Error(`The model has ${values.length} weights (${names.join(', ')}), given ${weights.length}.`)
  const given = weights.map((weight, place) => {
    const { dims } = values[place]!
    if (weight.shape.join() !== dims.join())
      throw new Error(`${names[place]} has the shape [${dims.join()}], given [${weight.shape.join()}].`)
    return weight.dataSync()
  })
  given.forEach((data, place) => values[place]!.data.set(data))
}

function bytesOf({ parameters, gradients }: TrainingSession): number {
  return [...parameters.values(), ...gradients.values()].reduce((sum, { data }) => sum + data.byteLength, 0)
}

/** The class with the largest logit in each row. */
function classesOf(logits: Float32Array, classes: number): number[] {
  return Array.from({ length: logits.length / classes }, (_, row) => {
    const scores = logits.subarray(row * classes, (row + 1) * classes)
    return scores.indexOf(Math.max(...scores))
  })
}
