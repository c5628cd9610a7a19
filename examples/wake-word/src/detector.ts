import { optionError } from '@induced-metric/core/adapter'
import type { Ort, OrtSession, OrtTensor } from '@induced-metric/onnx'
import {
  embeddingSize,
  joined,
  stepSamples,
  sampleRate,
  windowSteps,
  type Features,
} from './features/features.js'

/** Scores that are averaged. */
const averagedScores = 4
/** Seconds after an alarm without another. */
const rest = 1

/** A head that has been trained. */
export interface Head {
  /**
   * Scores the windows that end at steps of a stretch.
   *
   * @param embeddings [15 + steps, 96]
   * @returns a score for each of the steps
   */
  readonly scores: (embeddings: Float32Array) => Promise<Float32Array>
  readonly release: () => Promise<void>
}

/** Windows that are scored in one run. */
const windowsOfRun = 512

/** Creates a session of a head. */
export async function createHead(ort: Ort, model: Uint8Array, options: object = {}): Promise<Head> {
  const session = (await ort.InferenceSession.create(model, options)) as OrtSession
  const size = windowSteps * embeddingSize
  return {
    release: () => session.release(),
    scores: async (embeddings) => {
      const steps = embeddings.length / embeddingSize - windowSteps + 1
      if (!Number.isInteger(steps)) throw optionError('embeddings must be [steps, 96]')
      const results: Float32Array[] = []
      for (let from = 0; from < steps; from += windowsOfRun) {
        const count = Math.min(windowsOfRun, steps - from)
        const data = new Float32Array(count * size)
        for (let i = 0; i < count; i++) {
          const start = (from + i) * embeddingSize
          data.set(embeddings.subarray(start, start + size), i * size)
        }
        const dims = [count, windowSteps, embeddingSize]
        const input = new ort.Tensor('float32' as never, data as never, dims) as OrtTensor
        results.push((await session.run({ input }, ['score']))['score']!.data as Float32Array)
      }
      return joined(...results)
    },
  }
}

/** An alarm. */
export interface Alarm {
  /** Seconds from the beginning of the stream. */
  readonly at: number
  readonly score: number
}

/** Decides from scores when the wake word was said. */
export interface Trigger {
  /** Takes the score of the next step. */
  readonly push: (score: number) => { readonly level: number; readonly fired: boolean }
}

/**
 * Averages the latest four scores. It fires when their mean reaches the threshold, and then rests for a second.
 */
export function createTrigger(threshold: number): Trigger {
  const latest: number[] = []
  let resting = 0
  return {
    push: (score) => {
      latest.push(score)
      if (latest.length > averagedScores) latest.shift()
      const level = latest.reduce((sum, x) => sum + x, 0) / averagedScores
      resting -= stepSamples / sampleRate
      const fired = level >= threshold && resting <= 0
      if (fired) resting = rest
      return { level, fired }
    },
  }
}

/** The alarms in the scores of a stretch whose first score is that of step 15. */
export function alarmsIn(scores: Float32Array, threshold: number): Alarm[] {
  const trigger = createTrigger(threshold)
  const alarms: Alarm[] = []
  for (const [i, score] of scores.entries()) {
    const { level, fired } = trigger.push(score)
    if (fired) alarms.push({ at: ((i + windowSteps) * stepSamples) / sampleRate, score: level })
  }
  return alarms
}

/** Finds the wake word in a stretch of sound: 16 kHz, mono, at the scale of int16. */
export async function findAlarms(
  features: Features,
  head: Head,
  samples: Float32Array,
  threshold: number,
): Promise<Alarm[]> {
  // Two seconds of silence before it fill the first window.
  const lead = new Float32Array((windowSteps - 1) * stepSamples)
  const scores = await head.scores(await features.embed(joined(lead, samples)))
  const shift = lead.length / sampleRate
  return alarmsIn(scores, threshold).map(({ at, score }) => ({ at: at - shift, score }))
}
