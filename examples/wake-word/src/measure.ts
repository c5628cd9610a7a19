import { alarmsIn, type Head } from './detector.js'
import { sampleRate, stepSamples, embeddingSize } from './features/features.js'
import type { Labelled } from './head/pool.js'
import type { Span } from './speech/streams.js'

/** The scores of a stretch, one a step from step 15 on, and what is said where. */
export interface Scored {
  readonly scores: Float32Array
  readonly spans: readonly Span[]
  /** Seconds of ordinary speech and of pauses. */
  readonly ordinary: number
}

/** What a detector does to a set of stretches. */
export interface Figures {
  /** Share of the phrases that are heard. */
  readonly heard: number
  /** Share of the near misses that fire. */
  readonly nearMisses: number
  /** Alarms an hour of ordinary speech. */
  readonly alarmsAnHour: number
  readonly phrases: number
  readonly hours: number
}

/** Seconds after the end of something in which an alarm is about it. */
const late = 0.8

/** Scores stretches. */
export async function scoreAll(head: Head, stretches: readonly Labelled[]): Promise<Scored[]> {
  const results: Scored[] = []
  for (const { embeddings, spans } of stretches) {
    const total = (embeddings.length / embeddingSize) * stepSamples
    const phrases = spans.filter(({ kind }) => kind !== 'speech')
    const spoken = phrases.reduce((sum, { from, to }) => sum + to - from, 0)
    results.push({
      scores: await head.scores(embeddings),
      spans,
      ordinary: (total - spoken) / sampleRate - phrases.length * late,
    })
  }
  return results
}

/**
 * Counts alarms. One while something is said, or up to .8 seconds later, is about it; every other one is false.
 */
export function figuresAt(threshold: number, stretches: readonly Scored[]): Figures {
  const counts = { phrases: 0, heard: 0, near: 0, fired: 0, false: 0, ordinary: 0 }
  for (const { scores, spans, ordinary } of stretches) {
    counts.ordinary += ordinary
    const hit = new Set<Span>()
    for (const { at } of alarmsIn(scores, threshold)) {
      const sample = at * sampleRate
      const span = spans.find(
        ({ kind, from, to }) => kind !== 'speech' && sample > from && sample <= to + late * sampleRate,
      )
      if (span === undefined) counts.false++
      else hit.add(span)
    }
    for (const span of spans) {
      if (span.kind === 'phrase') {
        counts.phrases++
        if (hit.has(span)) counts.heard++
      }
      if (span.kind === 'near') {
        counts.near++
        if (hit.has(span)) counts.fired++
      }
    }
  }
  return {
    heard: counts.heard / counts.phrases,
    nearMisses: counts.near === 0 ? 0 : counts.fired / counts.near,
    alarmsAnHour: counts.false / (counts.ordinary / 3600),
    phrases: counts.phrases,
    hours: counts.ordinary / 3600,
  }
}

/** What a threshold is chosen for. */
export interface Wanted {
  /** Shares of the phrases that it must hear. */
  readonly clean: number
  readonly noisy: number
  /** The share of the near misses in a quiet room that may fire at most, whatever is heard. */
  readonly nearMisses: number
}

const thresholds = Array.from({ length: 97 }, (_, i) => 0.02 + i / 100)

/**
 * Chooses the highest threshold that hears what is wanted, as the higher it is, the fewer near misses fire; the lowest if there is none. If more near misses
 * fire than may, it is the lowest threshold at which they do not.
 *
 * @param clean stretches of voices that are for this choice alone
 * @param noisy the same in noise
 */
export function chooseThreshold(clean: readonly Scored[], noisy: readonly Scored[], wanted: Wanted): number {
  const hears = thresholds.findLast(
    (threshold) =>
      figuresAt(threshold, clean).heard >= wanted.clean && figuresAt(threshold, noisy).heard >= wanted.noisy,
  )
  const isQuiet = (threshold: number): boolean => figuresAt(threshold, clean).nearMisses <= wanted.nearMisses
  return Math.max(hears ?? thresholds[0]!, thresholds.find(isQuiet) ?? thresholds.at(-1)!)
}
