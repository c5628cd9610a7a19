import { embeddingSize, sampleRate, stepSamples, windowSteps } from '../features/features.js'
import type { Span } from '../speech/streams.js'

/** A stretch of sound by its embeddings, and what is said where. */
export interface Labelled {
  /** [steps, 96] */
  readonly embeddings: Float32Array
  readonly spans: readonly Span[]
}

/** A window of 16 embeddings by its place: the stretch, and the step at its end. */
export interface Place {
  readonly embeddings: Float32Array
  readonly step: number
}

/** Windows to train on. */
export interface Pool {
  /** The wake word has just been said. */
  readonly positive: readonly Place[]
  /** Something like it has just been said, or a part of it. */
  readonly near: readonly Place[]
  /** Those of `near` at whose end a near miss is complete, which are the hardest. */
  readonly complete: readonly Place[]
  readonly other: readonly Place[]
}

/** Seconds after the end of the wake word in which a window ends that must fire. */
const fires = 0.3
/** Seconds before its end, and after the former, that are neither one nor the other. */
const undecided = { before: 0.45, after: 0.4 }
/** Seconds after a near miss that count as its end. */
const near = 0.4

/** Seconds before its end from which a near miss counts as complete. */
const nearlyComplete = 0.1

/** Sorts the windows of stretches by what has just been said. */
export function createPool(stretches: readonly Labelled[]): Pool {
  const pool = { positive: [] as Place[], near: [] as Place[], complete: [] as Place[], other: [] as Place[] }
  for (const { embeddings, spans } of stretches) {
    const steps = embeddings.length / embeddingSize
    for (let step = windowSteps - 1; step < steps; step++) {
      const end = (step + 1) * stepSamples
      const kind = kindOf(end, spans)
      if (kind === undefined) continue
      pool[kind].push({ embeddings, step })
      if (kind === 'near' && isComplete(end, spans)) pool.complete.push({ embeddings, step })
    }
  }
  return pool
}

/** What a window is that ends at a sample; `undefined` if it is undecided. */
function kindOf(end: number, spans: readonly Span[]): Exclude<keyof Pool, 'complete'> | undefined {
  const seconds = (count: number): number => count / sampleRate
  for (const { kind, from, to } of spans) {
    const [since, left] = [seconds(end - from), seconds(to - end)]
    if (since <= 0 || kind === 'speech') continue
    if (kind === 'near' && -left < near) return 'near'
    if (kind === 'phrase') {
      if (left > undecided.before) return 'near'
      if (left > 0) return undefined
      if (-left <= fires) return 'positive'
      if (-left <= fires + undecided.after) return undefined
    }
  }
  return 'other'
}

/** Whether a near miss has been said at a sample, and not long ago. */
const isComplete = (end: number, spans: readonly Span[]): boolean =>
  spans.some(({ kind, to }) => {
    const since = (end - to) / sampleRate
    return kind === 'near' && since > -nearlyComplete && since < near
  })

/** Copies windows into one array, [windows, 16, 96]. */
export function gather(places: readonly Place[]): Float32Array<ArrayBuffer> {
  const size = windowSteps * embeddingSize
  const result = new Float32Array(places.length * size)
  for (const [i, { embeddings, step }] of places.entries()) {
    const end = (step + 1) * embeddingSize
    result.set(embeddings.subarray(end - size, end), i * size)
  }
  return result
}
