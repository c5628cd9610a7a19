import { applyChange, drawChange, type ChangeRange } from '../audio/augment.js'
import type { Random } from '../audio/random.js'
import { sampleRate, type Features } from '../features/features.js'
import type { Labelled } from '../head/pool.js'
import type { Clip, Kind, Stream } from './streams.js'
import type { SpeakEach, Utterance } from './synthesize.js'

/** How much a voice says. */
export interface Amount {
  readonly phrases: number
  readonly nearMisses: number
  /** Seconds of other speech, at least. */
  readonly speech: number
}

/** How training speech differs from what is written. */
export interface Variation {
  /** Changes a text into another that says the same in another way. */
  readonly respell: (text: string, random: Random) => string
  /** Makes a near miss of the wake word that no dictionary has. */
  readonly soundAlike: (random: Random) => string
}

/** What there is to say. */
export interface Script {
  readonly phrase: string
  readonly nearMisses: readonly string[]
  readonly sentences: readonly string[]
}

/** Ways to end a phrase, which change its melody. */
const endings = ['', '.', '!', '?', ',', '...']

/** Share of a training voice's near misses that are made of sounds. */
const madeOfSounds = 0.6

/** Sentences of ordinary speech that are spoken in one go, and seconds that one takes, about. */
const sentencesOfCall = 5
const secondsOfSentence = 7

/**
 * Lets a voice speak.
 *
 * @param random draws what is said, how high and how fast
 * @param variation for training: half of the short texts are said as other accents do, some with pauses, and most near misses are made of sounds
 */
export async function speakAll(
  speak: SpeakEach,
  { phrase, nearMisses, sentences }: Script,
  amount: Amount,
  random: Random,
  variation?: Variation,
): Promise<Clip[]> {
  // One gap for all, so that one run of espeak-ng speaks them.
  const gap = variation === undefined ? undefined : random.below(5)
  const drawn: (Utterance & { readonly kind: Kind })[] = []
  const say = (kind: Kind, text: string): void => {
    const manner = { pitch: Math.round(random.between(15, 85)), speed: Math.round(random.between(125, 215)) }
    const changes = random.next() < 0.5 ? { speed: manner.speed } : manner
    drawn.push({ kind, text, manner: gap === undefined ? changes : { ...changes, gap } })
  }
  const sayShort = (kind: Kind, text: string): void => {
    let told = text
    if (variation !== undefined)
      told = random.next() < 0.5 ? variation.respell(text, random) : withPause(text, random)
    say(kind, told + random.pick(endings))
  }
  for (let i = 0; i < amount.phrases; i++) sayShort('phrase', phrase)
  for (let i = 0; i < amount.nearMisses; i++)
    if (variation !== undefined && random.next() < madeOfSounds)
      say('near', variation.soundAlike(random) + random.pick(endings))
    else sayShort('near', random.pick(nearMisses))
  const sounds = await speak(drawn)
  const clips: Clip[] = drawn.map(({ kind }, i) => ({ kind, samples: sounds[i]! }))
  for (let length = 0; length < amount.speech * sampleRate; length += clips.at(-1)!.samples.length) {
    const count = Math.min(sentencesOfCall, Math.ceil(amount.speech / secondsOfSentence))
    const from = random.below(sentences.length - count)
    const text = sentences.slice(from, from + count).join(' ')
    const [samples] = await speak([{ text, manner: { speed: Math.round(random.between(125, 215)) } }])
    clips.push({ kind: 'speech', samples: samples! })
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
