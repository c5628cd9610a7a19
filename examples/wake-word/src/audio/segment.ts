import { joined, sampleRate } from '../features/features.js'

/** Something that was said, cut out of a stream. */
export interface Utterance {
  /** 16 kHz, with a little of what is around it. */
  readonly samples: Float32Array
  /** Sample of the stream at which it begins. */
  readonly from: number
}

/** Cuts a stream of sound into what is said in it. */
export interface Segmenter {
  /** Takes the next samples: 16 kHz, at the scale of int16. Returns the utterances that end in them. */
  readonly push: (samples: Float32Array) => Utterance[]
  /** Returns the utterance that the end of the stream cuts off, if it is long enough. */
  readonly end: () => Utterance[]
  /** Whether something is being said. */
  readonly speaking: () => boolean
}

/** 20 ms. */
const frame = sampleRate / 50
/** Decibels above the noise at which speech begins, and below which it may end. */
const above = { begin: 14, end: 8 }
/** The least level of speech, as a root mean square of int16: −48 dB of full scale. */
const leastLevel = 130
/** In frames: the silence that ends an utterance, its least and its greatest length, and what is kept around it. */
const lengths = { silence: 20, least: 15, greatest: 150, around: 6 }

/**
 * Creates a segmenter by loudness: speech begins 14 dB above the noise and ends after .4 seconds less than 8 dB above it. The noise is the least level
 * of late, which may rise by a decibel a second. Sounds under .3 seconds are dropped, and those over 3 seconds cut.
 */
export function createSegmenter(): Segmenter {
  let rest: Float32Array = new Float32Array(0)
  let position = 0
  let noise = Infinity
  let kept: Float32Array[] = []
  let spoken: { loud: number; since: number } | undefined
  const close = (): Utterance[] => {
    const { loud = 0, since = 0 } = spoken ?? {}
    const samples = joined(...kept)
    const from = position - samples.length
    spoken = undefined
    kept = kept.slice(-lengths.around)
    if (loud < lengths.least) return []
    const silent = Math.max(0, since - lengths.around) * frame
    return [{ samples: samples.slice(0, samples.length - silent), from }]
  }
  const take = (part: Float32Array): Utterance[] => {
    position += part.length
    kept.push(part)
    const level = Math.sqrt(part.reduce((sum, x) => sum + x * x, 0) / part.length)
    noise = Math.min(Math.max(level, 1), noise * 1.0023)
    const isAbove = (decibels: number): boolean =>
      level > Math.max(noise * 10 ** (decibels / 20), leastLevel * (decibels === above.begin ? 1 : 0.5))
    if (spoken === undefined) {
      if (isAbove(above.begin)) spoken = { loud: 1, since: 0 }
      else kept = kept.slice(-lengths.around)
      return []
    }
    spoken = isAbove(above.end)
      ? { loud: spoken.loud + spoken.since + 1, since: 0 }
      : { ...spoken, since: spoken.since + 1 }
    return spoken.since >= lengths.silence || kept.length >= lengths.greatest ? close() : []
  }
  return {
    speaking: () => spoken !== undefined,
    push: (samples) => {
      const all = joined(rest, samples)
      const found: Utterance[] = []
      let at = 0
      for (; at + frame <= all.length; at += frame) found.push(...take(all.slice(at, at + frame)))
      rest = all.slice(at)
      return found
    },
    end: () => (spoken === undefined ? [] : close()),
  }
}

/** Cuts a whole recording into what is said in it. */
export function utterancesIn(samples: Float32Array): Utterance[] {
  const segmenter = createSegmenter()
  return [...segmenter.push(samples), ...segmenter.end()]
}
