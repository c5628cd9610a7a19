import * as ort from 'onnxruntime-node'
import { beforeAll, expect, it } from 'vitest'
import { createRandom } from '../src/audio/random.js'
import { createFeatures, embeddingSize, stepSamples, type Features } from '../src/features/features.js'
import { batchedMelspectrogram, wholeStretchEmbedding } from '../src/features/models.js'
import { readFeatureFiles } from '../src/features/files.js'

const files = await readFeatureFiles()
let features: Features

beforeAll(async () => {
  features = await createFeatures(ort, files)
})

/** Half a second of silence, then tones and noise that come and go. */
function sound(steps: number): Float32Array {
  const random = createRandom(1)
  return Float32Array.from({ length: steps * stepSamples }, (_, i) =>
    i < 8000 ? 0 : 9000 * Math.sin(i / 9) * Math.sin(i / 4000) + 300 * random.normal(),
  )
}

/** Embeddings of a stream, step by step, by the two files as they are, as openWakeWord's Python computes them. */
async function stepByStep(samples: Float32Array): Promise<Float32Array> {
  const mel = await ort.InferenceSession.create(files.melspectrogram)
  const embedding = await ort.InferenceSession.create(files.embedding)
  let buffer = new Float32Array(76 * 32).fill(1)
  const results: number[] = []
  const padded = new Float32Array(480 + samples.length)
  padded.set(samples, 480)
  for (let at = 0; at + stepSamples <= samples.length; at += stepSamples) {
    const input = new ort.Tensor('float32', padded.slice(at, at + 480 + stepSamples), [1, 480 + stepSamples])
    const frames = (await mel.run({ input }))['output']!.data as Float32Array
    expect(frames.length).toBe(8 * 32)
    const scaled = frames.map((x) => Math.fround(x / 10) + 2)
    buffer = Float32Array.from([...buffer.subarray(8 * 32), ...scaled])
    const feeds = { input_1: new ort.Tensor('float32', buffer, [1, 76, 32, 1]) }
    results.push(...((await embedding.run(feeds))['conv2d_19']!.data as Float32Array))
  }
  return Float32Array.from(results)
}

it('gives a whole stretch the embeddings that the stock models give step by step, bit for bit', async () => {
  const samples = sound(40)
  const whole = await features.embed(samples)
  expect(whole.length).toBe(40 * embeddingSize)
  expect(whole).toEqual(await stepByStep(samples))
})

it('gives a stream the embeddings of the whole stretch, bit for bit, however it is cut', async () => {
  const samples = sound(300)
  const whole = await features.embed(samples)
  const random = createRandom(2)
  const stream = features.stream()
  const parts: number[] = []
  for (let at = 0; at < samples.length;) {
    const length = random.below(5 * stepSamples)
    parts.push(...(await stream.push(samples.subarray(at, at + length))))
    at += length
  }
  expect(Float32Array.from(parts)).toEqual(whole)
})

it('keeps samples that fill no step', async () => {
  const samples = sound(20)
  expect(await features.embed(samples.subarray(0, stepSamples - 1))).toEqual(new Float32Array(0))
  const whole = await features.embed(samples)
  expect((await features.embed(samples.subarray(0, 20 * stepSamples - 1))).length).toBe(19 * embeddingSize)
  expect(whole.length).toBe(20 * embeddingSize)
})

it('refuses other models, and sound in another form', async () => {
  const code = 'ERR_OPTION'
  expect(() => batchedMelspectrogram(files.embedding)).toThrow(expect.objectContaining({ code }))
  expect(() => wholeStretchEmbedding(files.melspectrogram)).toThrow(expect.objectContaining({ code }))
  await expect(features.embed(new Int16Array(9) as never)).rejects.toMatchObject({ code })
})
