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

/** Changes a text into another that says the same in another way. */
export type Retell = (text: string, random: Random) => string

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
 * @param respell a way to say the wake word and its near misses as other accents do. Where it is given, half of them are, and there are pauses in some
 */
export async function speakAll(
  speak: Speak,
  { phrase, nearMisses, sentences }: Script,
  amount: Amount,
  random: Random,
  respell?: Retell,
): Promise<Clip[]> {
  const clips: Clip[] = []
  const say = async (kind: Kind, text: string, gap?: number): Promise<void> => {
    const manner = { pitch: Math.round(random.between(15, 85)), speed: Math.round(random.between(125, 215)) }
    const changes = random.next() < 0.5 ? { speed: manner.speed } : manner
    const samples = await speak(text, gap === undefined ? changes : { ...changes, gap })
    clips.push({ kind, samples })
  }
  const sayShort = (kind: Kind, text: string): Promise<void> => {
    if (respell === undefined) return say(kind, text + random.pick(endings))
    const told = random.next() < 0.5 ? respell(text, random) : withPause(text, random)
    return say(kind, told + random.pick(endings), random.below(5))
  }
  for (let i = 0; i < amount.phrases; i++) await sayShort('phrase', phrase)
  for (let i = 0; i < amount.nearMisses; i++) await sayShort('near', random.pick(nearMisses))
  for (let length = 0; length < amount.speech * 16_000; length += clips.at(-1)!.samples.length) {
    const from = random.below(sentences.length - sentencesOfCall)
    await say('speech', sentences.slice(from, from + sentencesOfCall).join(' '))
  }
  return clips
}

/** A text with a comma between two of its words, one time in three. */
function withPause(text: string, random: Random): string {
  const words = text.split(' ')
  if (words.length < 2 || random.next() > 1 / 3) return text
  const after = random.below(words.length - 1)
  return words.map((word, i) => (i === after ? `${word},` : word)).join(' ')
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
