import { env, pipeline } from '@huggingface/transformers'
import {
  cachedFiles,
  createFineTuning,
  memoryFiles,
  urlFiles,
  type FineTuning,
  type TextExample,
} from '@induced-metric/transformers'
import { expose } from 'comlink'
import { zipSync } from 'fflate'
import * as ort from 'onnxruntime-web/wasm'
import runtimeUrl from 'onnxruntime-web/ort-wasm-simd-threaded.wasm?url'

// The thread in which everything is computed. The page calls these methods by comlink.

/** The name of the trained model in the cache of Transformers.js. */
const trainedName = 'mine/fine-tuned'

/** A model: the URL of its folder, or the files that a visitor dropped. */
export type ModelSource = string | ReadonlyMap<string, Uint8Array>

/** What the page shows while a model is trained. */
export interface Progress {
  readonly step: number
  readonly steps: number
  readonly loss: number
  /** The factor ρ of the metric. */
  readonly scale: number
}

/** What the page shows of a model that has been prepared. */
export interface Prepared {
  readonly task: FineTuning['task']
  readonly labels: readonly string[] | undefined
  readonly trainable: number
  readonly scalars: number
}

ort.env.wasm.numThreads = 1
ort.env.wasm.wasmPaths = { wasm: runtimeUrl }
// The trained model is in the cache, under the name of a remote one. The page's policy lets no request leave.
env.allowLocalModels = false
env.useWasmCache = false

let tuning: FineTuning | undefined
let stop = new AbortController()
let ask: ((text: string) => Promise<readonly Answer[]>) | undefined

/** An answer of the model: a label and its score, or a text. */
export interface Answer {
  readonly text: string
  readonly score?: number
}

const engine = {
  /** Gets a model ready for examples. */
  async prepare(source: ModelSource, examples: readonly TextExample[], epochs: number): Promise<Prepared> {
    await tuning?.release()
    tuning = undefined
    const files = typeof source === 'string' ? urlFiles(source) : memoryFiles(new Map(source))
    tuning = await createFineTuning(files, { examples, epochs, ort })
    const { task, labels, summary } = tuning
    const { trainableScalars: trainable, frozenScalars } = summary
    return { task, labels, trainable, scalars: trainable + frozenScalars }
  },

  /** Trains to the end, or until it is stopped, and hands the model to Transformers.js. */
  async train(onProgress: (progress: Progress) => void): Promise<void> {
    stop = new AbortController()
    for await (const { step, steps, loss, report } of tuning!.train({ signal: stop.signal })) {
      onProgress({ step, steps, loss, scale: report.scale })
      // Lets a call of stop() through.
      await new Promise((resolve) => setTimeout(resolve))
    }
    await tuning!.save(cachedFiles(trainedName))
    ask = await openPipeline(tuning!.task)
  },

  stop: () => stop.abort(),

  /** What the trained model says to a text, by `pipeline()`. */
  ask: (text: string): Promise<readonly Answer[]> => ask!(text),

  /** The folder of the trained model, as a zip file. */
  async download(): Promise<Uint8Array> {
    const files = new Map<string, Uint8Array>()
    await tuning!.save(memoryFiles(files))
    return zipSync(Object.fromEntries(files))
  },
}

async function openPipeline(task: FineTuning['task']): Promise<NonNullable<typeof ask>> {
  if (task === 'text-classification') {
    const classify = await pipeline(task, trainedName, { dtype: 'fp32', device: 'wasm' })
    return async (text) => {
      const found = (await classify(text, { top_k: 10 })) as { label: string; score: number }[]
      return found.map(({ label, score }) => ({ text: label, score }))
    }
  }
  const generate = await pipeline(task, trainedName, { dtype: 'fp32', device: 'wasm' })
  return async (text) => {
    const [result] = (await generate(text, { max_new_tokens: 16, do_sample: false })) as {
      generated_text: string
    }[]
    return [{ text: result!.generated_text }]
  }
}

/** The methods of the thread. */
export type Engine = typeof engine

expose(engine)
