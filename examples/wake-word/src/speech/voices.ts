import { createRandom } from '../audio/random.js'
import { inventVoice } from './inventedVoices.js'

/** How a sentence is spoken. */
export interface Manner {
  /** 0 to 99. */
  readonly pitch: number
  /** Words a minute. */
  readonly speed: number
  /** Hundredths of a second between words, about. */
  readonly gap?: number
}

/** A voice of espeak-ng. */
export interface Voice {
  readonly accent: string
  readonly variant: string
  readonly manner: Manner
  /** The text of the variant's file, if it is not one of espeak-ng's own. */
  readonly definition?: string
}

/** Variants of people's voices that espeak-ng 1.51 has. Whispers, croaks, robots, demons and announcers are left out. */
const variants = [
  'adam Alex Alicia Andrea Andy Annie AnxiousAndy antonio aunty belinda benjamin boris caleb david Denis Diogo',
  'ed edward edward2 f1 f2 f3 f4 f5 gene Gene2 grandma grandpa Gustave Henrique Hugo iven iven2 iven3 iven4 Jacky',
  'john kaukovalta klatt klatt2 klatt3 klatt4 klatt5 klatt6 Lee linda m1 m2 m3 m4 m5 m6 m7 m8 marcelo Marco Mario',
  'max Michael michel miguel mike Mr Nguyen norbert Pablo paul pedro quincy rob robert sandro shelby steph steph2',
  'steph3 Storm travis Tweaky victor Zac anika',
]
  .join(' ')
  .split(' ')

/** Voices of the training beside espeak-ng's own. */
const inventedVoices = 117

const accents = ['en-us', 'en-gb', 'en-gb-x-rp', 'en-gb-scotland', 'en-gb-x-gbclan', 'en-029']
/** Accents that no voice of training has. */
const unseenAccents = ['en-us-nyc', 'en-gb-x-gbcwmd']

/** Voices by what they are for. */
export interface Voices {
  readonly train: readonly Voice[]
  /** The threshold is chosen on these. */
  readonly validation: readonly Voice[]
  readonly test: readonly Voice[]
}

/** Decides who goes where, whatever the seed of a training is: a voice of the test never helps to choose a setting. */
const splitSeed = 4

/**
 * Splits espeak-ng's variants, so that no voice is both trained and tested on. A third of the test voices has one of two accents
 * that are nowhere else. The split is always the same.
 */
export function splitVoices(): Voices {
  const random = createRandom(splitSeed)
  const order = random.shuffled(variants)
  const speaker = (variant: string, spoken: readonly string[]): Voice => ({
    variant,
    accent: random.pick(spoken),
    manner: { pitch: Math.round(random.between(15, 85)), speed: Math.round(random.between(130, 205)) },
  })
  const test = order.slice(0, 20).map((variant, i) => speaker(variant, i % 3 === 0 ? unseenAccents : accents))
  const validation = order.slice(20, 30).map((variant) => speaker(variant, accents))
  const own = order.slice(30).map((variant) => speaker(variant, accents))
  const invented = Array.from({ length: inventedVoices }, (_, i) => ({
    ...speaker(`invented${i}`, accents),
    definition: inventVoice(random),
  }))
  return { train: random.shuffled([...own, ...invented]), validation, test }
}
