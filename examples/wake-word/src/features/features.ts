import { optionError } from '@induced-metric/core/adapter'
import type { Ort, OrtSession, OrtTensor } from '@induced-metric/onnx'
import { batchedMelspectrogram, wholeStretchEmbedding } from './models.js'

/** Samples a second. */
export const sampleRate = 16_000
/** New samples of a step: 80 ms. */
export const stepSamples = 1280
/** Numbers of an embedding. */
export const embeddingSize = 96
/** Embeddings that the head sees: 1.98 s of sound. */
export const windowSteps = 16

/** Samples before a step that its first frames need. */
const overlap = 480
const melBins = 32
/** Frames before a step that its embedding needs: 76 in all, of which eight are new. */
const framesBefore = 68
/** Steps of a run of the models, which bounds their memory: 20 s of sound. */
const stepsOfRun = 256

/** openWakeWord's two frozen models, by their contents. */
export interface FeatureFiles {
  readonly melspectrogram: Uint8Array
  readonly embedding: Uint8Array
}

/** Turns sound into embeddings. */
export interface Features {
  /**
   * Computes the embeddings of a stretch of sound, as a stream that begins with it would.
   *
   * @param samples 16 kHz, mono, at the scale of int16 (±32768)
   * @returns [steps, 96] for all whole steps of 1280 samples
   */
  readonly embed: (samples: Float32Array) => Promise<Float32Array>
  /** Starts a stream. */
  readonly stream: () => FeatureStream
  readonly release: () => Promise<void>
}

/** A stream of sound. */
export interface FeatureStream {
  /**
   * Takes the next samples, of any number; those that do not fill a step wait for the next call.
   *
   * @param samples 16 kHz, mono, at the scale of int16 (±32768)
   * @returns [steps, 96] for the steps that are now whole
   */
  readonly push: (samples: Float32Array) => Promise<Float32Array>
}

/**
 * Creates sessions of openWakeWord's mel spectrogram and speech embedding.
 *
 * @param ort onnxruntime-node or onnxruntime-web
 * @param files the two models
 * @param options of the runtime's `InferenceSession.create`
 */
export async function createFeatures(ort: Ort, files: FeatureFiles, options: object = {}): Promise<Features> {
  const create = (bytes: Uint8Array) => ort.InferenceSession.create(bytes, options) as Promise<OrtSession>
  const mel = await create(batchedMelspectrogram(files.melspectrogram))
  const embedding = await create(wholeStretchEmbedding(files.embedding))
  const tensor = (data: Float32Array, dims: readonly number[]) =>
    new ort.Tensor('float32' as never, data as never, dims) as OrtTensor
  const stream = (): FeatureStream => {
    const state = { rest: new Float32Array(0), before: new Float32Array(overlap) }
    // As in openWakeWord, ones stand for the frames before the first sound.
    let frames = new Float32Array(framesBefore * melBins).fill(1)
    const run = async (sound: Float32Array, steps: number): Promise<Float32Array> => {
      const width = overlap + stepSamples
      const input = new Float32Array(steps * width)
      for (let step = 0; step < steps; step++)
        input.set(sound.subarray(step * stepSamples, step * stepSamples + width), step * width)
      const spectrogram = (await mel.run({ input: tensor(input, [steps, width]) }, ['mel']))['mel']!
      const all = joined(frames, spectrogram.data as Float32Array)
      frames = all.slice(-framesBefore * melBins)
      const feeds = { input_1: tensor(all, [1, all.length / melBins, melBins, 1]) }
      return (await embedding.run(feeds, ['embeddings']))['embeddings']!.data as Float32Array
    }
    const push: FeatureStream['push'] = async (samples) => {
      checkSamples(samples)
      const sound = joined(state.before, state.rest, samples)
      const total = Math.floor((sound.length - overlap) / stepSamples)
      const results: Float32Array[] = []
      state.before = sound.slice(total * stepSamples, total * stepSamples + overlap)
      state.rest = sound.slice(total * stepSamples + overlap)
      for (let step = 0; step < total; step += stepsOfRun)
        results.push(await run(sound.subarray(step * stepSamples), Math.min(stepsOfRun, total - step)))
      return joined(...results)
    }
    return { push }
  }
  return {
    stream,
    embed: (samples) => stream().push(samples),
    release: async () => {
      await mel.release()
      await embedding.release()
    },
  }
}

/** Concatenates arrays. */
export function joined(...parts: readonly Float32Array[]): Float32Array<ArrayBuffer> {
  const result = new Float32Array(parts.reduce((sum, { length }) => sum + length, 0))
  let at = 0
  for (const part of parts) {
    result.set(part, at)
    at += part.length
  }
  return result
}

function checkSamples(samples: Float32Array): void {
  if (samples instanceof Float32Array) return
  throw optionError('samples must be a Float32Array of 16 kHz mono sound at the scale of int16')
}
