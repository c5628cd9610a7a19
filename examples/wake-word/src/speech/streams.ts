import { sampleRate } from '../features/features.js'
import type { Random } from '../audio/random.js'

/** Something that is said. `near` is a near miss, `speech` anything else. */
export type Kind = 'phrase' | 'near' | 'speech'

/** Something that is said, and its sound. */
export interface Clip {
  readonly kind: Kind
  readonly samples: Float32Array
}

/** Where something is said, in samples. */
export interface Span {
  readonly kind: Kind
  readonly from: number
  readonly to: number
}

/** Sound in which things are said one after another. */
export interface Stream {
  readonly samples: Float32Array
  readonly spans: readonly Span[]
}

/** After the last clip. */
const tail = 1.2

/**
 * Puts clips one after another.
 *
 * @param gap seconds of silence between them, from and to
 * @param lead seconds of silence before the first, in which the head's window is filled
 */
export function assemble(
  clips: readonly Clip[],
  random: Random,
  gap: readonly [number, number],
  lead = 2.2,
): Stream {
  const spans: Span[] = []
  let at = Math.round(lead * sampleRate)
  for (const [i, { kind, samples }] of clips.entries()) {
    if (i > 0) at += Math.round(random.between(...gap) * sampleRate)
    spans.push({ kind, from: at, to: at + samples.length })
    at += samples.length
  }
  const samples = new Float32Array(at + Math.round(tail * sampleRate))
  for (const [i, { from }] of spans.entries()) samples.set(clips[i]!.samples, from)
  return { samples, spans }
}
