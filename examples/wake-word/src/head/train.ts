import { adam, inducedMetric, log, type Transformation } from '@induced-metric/core'
import { optionError } from '@induced-metric/core/adapter'
import type { Ort, OrtTensor } from '@induced-metric/onnx'
import { generateArtifacts } from '@induced-metric/onnx/artifacts'
import { TrainingSession } from '@induced-metric/onnxruntime'
import { createRandom, type Random } from '../audio/random.js'
import { embeddingSize, windowSteps } from '../features/features.js'
import { headModel } from './model.js'
import { gather, type Place, type Pool } from './pool.js'

/** Windows of a batch. */
const batch = { positive: 44, near: 44, other: 40 }
const rows = batch.positive + batch.near + batch.other

/** Options of {@link trainHead}. */
export interface TrainOptions {
  readonly ort: Ort
  /** Default 2500. */
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
 * Standard deviation of what is added to embeddings, over their root mean square: up to so much, another one for each window. It
 * lets the head hear voices that are unlike those of the training.
 */
const jitterSize = 1.6
/** Steps between reports. */
const reportEvery = 25
/**
 * The optimiser: Adam with the metric of log L, and ξ tied to the rate. A rate of 1 is only a cap, and nobody has to choose it.
 */
const defaultOptimizer = (): Transformation =>
  inducedMetric(adam(), { learningRate: 1, xi: 'rate', embedding: log(), onBadLoss: 'zero' })

/**
 * Trains a head.
 *
 * @returns an ONNX model `input` [batch, 16, 96] → `score` [batch, 1]
 * @throws ERR_OPTION if a kind of windows is missing
 */
export async function trainHead(pool: Pool, options: TrainOptions): Promise<Uint8Array> {
  const { ort, steps = 2500, seed = 1, onProgress, signal, optimizer = defaultOptimizer() } = options
  checkPool(pool)
  const random = createRandom(seed)
  const jitter = createJitter(pool, random)
  const artifacts = await generateArtifacts(headModel(seed), {
    loss: 'bce-with-logits',
    outputNames: ['logit'],
    additionalOutputs: ['score'],
    ort,
  })
  const session = await TrainingSession.create({ ...artifacts, optimizer, ort }, { intraOpNumThreads: 1 })
  const tensor = (data: Float32Array, dims: readonly number[]) =>
    new ort.Tensor('float32' as never, data as never, dims) as OrtTensor
  const target = tensor(
    Float32Array.from({ length: rows }, (_, i) => (i < batch.positive ? 1 : 0)),
    [rows, 1],
  )
  let sum = 0
  try {
    for (let step = 1; step <= steps; step++) {
      signal?.throwIfAborted()
      const windows = gather(drawBatch(pool, random))
      jitter(windows)
      const input = tensor(windows, [rows, windowSteps, embeddingSize])
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

/** Adds normal numbers to windows, so that the head does not learn single ones by heart. They come from a table, which is quick. */
function createJitter(pool: Pool, random: Random): (windows: Float32Array) => void {
  const some = gather(
    Array.from({ length: 256 }, (_, i) => random.pick(i % 2 === 0 ? pool.positive : pool.other)),
  )
  const size = jitterSize * Math.sqrt(some.reduce((sum, x) => sum + x * x, 0) / some.length)
  const table = Float32Array.from({ length: 65_521 }, () => size * random.normal())
  return (windows) => {
    let at = random.below(table.length)
    let level = 0
    for (let i = 0; i < windows.length; i++) {
      if (i % (windowSteps * embeddingSize) === 0) level = random.next()
      windows[i]! += level * table[at]!
      at = at + 1 === table.length ? 0 : at + 1
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
    ...draw(pool.near, batch.near),
    ...draw(pool.other, batch.other),
  ]
}
