import { applyChange, drawChange, type ChangeRange } from '../audio/augment.js'
import type { Random } from '../audio/random.js'
import type { Features } from '../features/features.js'
import type { Labelled } from '../head/pool.js'
import type { Clip, Kind, Stream } from './streams.js'
import type { Speak } from './synthesize.js'

/** How much a voice says. */
export interface Amount {
  readonly phrases: number
  readonly nearMisses: number
  /** Seconds of other speech, at least. */
  readonly speech: number
}

/** What there is to say. */
export interface Script {
  readonly phrase: string
  readonly nearMisses: readonly string[]
  readonly sentences: readonly string[]
}

/** Ways to end a phrase, which change its melody. */
const endings = ['', '.', '!', '?', ',', '...']

/** A text in ordinary speech as one call of the synthesiser speaks it. */
const sentencesOfCall = 5

/**
 * Lets a voice speak.
 *
 * @param random draws what is said, how high and how fast
 */
export async function speakAll(
  speak: Speak,
  { phrase, nearMisses, sentences }: Script,
  amount: Amount,
  random: Random,
): Promise<Clip[]> {
  const clips: Clip[] = []
  const say = async (kind: Kind, text: string): Promise<void> => {
    const manner = { pitch: Math.round(random.between(15, 85)), speed: Math.round(random.between(125, 215)) }
    const samples = await speak(text, random.next() < 0.5 ? { speed: manner.speed } : manner)
    clips.push({ kind, samples })
  }
  for (let i = 0; i < amount.phrases; i++) await say('phrase', phrase + random.pick(endings))
  for (let i = 0; i < amount.nearMisses; i++)
    await say('near', random.pick(nearMisses) + random.pick(endings))
  for (let length = 0; length < amount.speech * 16_000; length += clips.at(-1)!.samples.length) {
    const from = random.below(sentences.length - sentencesOfCall)
    await say('speech', sentences.slice(from, from + sentencesOfCall).join(' '))
  }
  return clips
}

/** Changes a stream as a range allows, and computes its embeddings. */
export async function record(
  features: Features,
  { samples, spans }: Stream,
  range: ChangeRange,
  random: Random,
): Promise<Labelled> {
  return { embeddings: await features.embed(applyChange(samples, drawChange(random, range), random)), spans }
}
