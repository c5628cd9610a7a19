import { muon, rateFree, type Transformation } from '@induced-metric/core'
import { optionError } from '@induced-metric/core/adapter'
import type { Ort, OrtTensor } from '@induced-metric/onnx'
import { generateArtifacts } from '@induced-metric/onnx/artifacts'
import { TrainingSession } from '@induced-metric/onnxruntime'
import { createRandom, type Random } from '../audio/random.js'
import { embeddingSize, windowSteps } from '../features/features.js'
import { frozen, headModel, type Spread } from './model.js'
import { gather, type Place, type Pool } from './pool.js'

/** Windows of a batch. Most of the near misses are complete. */
const batch = { positive: 44, near: 50, other: 34 }
const complete = 36
const windowSize = windowSteps * embeddingSize
const rows = batch.positive + batch.near + batch.other

/** Options of {@link trainHead}. */
export interface TrainOptions {
  readonly ort: Ort
  /** Default 1400. */
  readonly steps?: number
  readonly seed?: number
  /** Is told of progress every few steps, and waited for. */
  readonly onProgress?: (progress: Progress) => void | Promise<void>
  readonly optimizer?: Transformation
  /** Stops the training. */
  readonly signal?: AbortSignal
}

/** How far a training is. */
export interface Progress {
  readonly step: number
  readonly steps: number
  /** The mean loss since the last report. */
  readonly loss: number
}

/**
 * Standard deviation of what is added to embeddings, over their own: up to so much, another one for each window. It
 * lets the head hear voices that are unlike those of the training.
 */
const jitterSize = 0.7
/** Steps between reports. */
const reportEvery = 25
/**
 * Trains a head.
 *
 * @returns an ONNX model `input` [batch, 16, 96] → `score` [batch, 1]
 * @throws ERR_OPTION if a kind of windows is missing
 */
export async function trainHead(pool: Pool, options: TrainOptions): Promise<Uint8Array> {
  const { ort, steps = 1400, seed = 1, onProgress, signal } = options
  checkPool(pool)
  const random = createRandom(seed)
  const spread = spreadOf(pool, random)
  const write = createWriter(spread, random)
  // Nobody chooses a learning rate: it follows from the losses and the number of steps.
  const optimizer = options.optimizer ?? rateFree(muon({ iterations: 3 }), { steps, onBadLoss: 'zero' })
  const artifacts = await generateArtifacts(headModel(spread, seed), {
    loss: 'bce-with-logits',
    outputNames: ['logit'],
    additionalOutputs: ['score'],
    frozen,
    ort,
  })
  const session = await TrainingSession.create({ ...artifacts, optimizer, ort }, { intraOpNumThreads: 1 })
  const tensor = (data: Float32Array, dims: readonly number[]) =>
    new ort.Tensor('float32' as never, data as never, dims) as OrtTensor
  const target = tensor(
    Float32Array.from({ length: rows }, (_, i) => (i < batch.positive ? 1 : 0)),
    [rows, 1],
  )
  // Every step writes its windows here, as new ones are a megabyte for the garbage collector.
  const windows = new Float32Array(rows * windowSize)
  const input = tensor(windows, [rows, windowSteps, embeddingSize])
  let sum = 0
  try {
    for (let step = 1; step <= steps; step++) {
      signal?.throwIfAborted()
      for (const [i, place] of drawBatch(pool, random).entries()) write(place, windows, i)
      const { loss } = await session.runTrainStep({ input, target }, ['loss'])
      await session.runOptimizerStep()
      await session.lazyResetGrad()
      sum += (loss!.data as Float32Array)[0]!
      if (step % reportEvery === 0) {
        await onProgress?.({ step, steps, loss: sum / reportEvery })
        sum = 0
      }
    }
    return await session.exportModelForInference(['score'], { evaluationWeights: true })
  } finally {
    await session.release()
  }
}

/** Estimates the spread of a pool's embeddings from 256 windows. */
function spreadOf(pool: Pool, random: Random): Spread {
  const some = gather(
    Array.from({ length: 256 }, (_, i) => random.pick(i % 2 === 0 ? pool.positive : pool.other)),
  )
  const count = some.length / embeddingSize
  const mean = new Float32Array(embeddingSize)
  for (const [i, x] of some.entries()) mean[i % embeddingSize]! += x / count
  const variance = new Float32Array(embeddingSize)
  for (const [i, x] of some.entries())
    variance[i % embeddingSize]! += (x - mean[i % embeddingSize]!) ** 2 / count
  return { mean, deviation: variance.map((x) => Math.sqrt(x) || 1) }
}

/**
 * Creates what copies a window to a row of a batch and adds normal numbers to it, so that the head does not learn single windows by heart. They
 * come from a table, which is quick.
 */
function createWriter(
  { deviation }: Spread,
  random: Random,
): (place: Place, into: Float32Array, row: number) => void {
  const starts = 700
  const table = Float32Array.from(
    { length: starts * embeddingSize + windowSize },
    (_, i) => jitterSize * deviation[i % embeddingSize]! * random.normal(),
  )
  return ({ embeddings, step }, into, row) => {
    const [to, from] = [row * windowSize, (step + 1) * embeddingSize - windowSize]
    const [start, level] = [random.below(starts) * embeddingSize, random.next()]
    // By fours, which takes two thirds of the time.
    for (let i = 0; i < windowSize; i += 4) {
      into[to + i] = embeddings[from + i]! + level * table[start + i]!
      into[to + i + 1] = embeddings[from + i + 1]! + level * table[start + i + 1]!
      into[to + i + 2] = embeddings[from + i + 2]! + level * table[start + i + 2]!
      into[to + i + 3] = embeddings[from + i + 3]! + level * table[start + i + 3]!
    }
  }
}

function checkPool(pool: Pool): void {
  for (const kind of ['positive', 'near', 'other'] as const) {
    if (pool[kind].length > 0) continue
    const lacking = { positive: 'of the wake word', near: 'of near misses', other: 'of other sound' }[kind]
    throw optionError(
      `there are no windows ${lacking} to train on; give stretches of at least 2 seconds in which it is said`,
    )
  }
}

function drawBatch(pool: Pool, random: Random): Place[] {
  const draw = (places: readonly Place[], count: number): Place[] =>
    Array.from({ length: count }, () => random.pick(places))
  return [
    ...draw(pool.positive, batch.positive),
    ...draw(pool.complete.length > 0 ? pool.complete : pool.near, complete),
    ...draw(pool.near, batch.near - complete),
    ...draw(pool.other, batch.other),
  ]
}
