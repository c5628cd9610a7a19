import type { Random } from '../audio/random.js'
import { phonemesOf, shifts, withoutStress } from './pronunciation.js'
import { wordsOf } from './text.js'

/** English phonemes in espeak-ng's mnemonics. */
const vowels = 'i: I E a A: 0 O: U u: V 3: eI aI OI aU oU'.split(' ')
const consonants = 'p b t d k g f v T D s z S h m n l r w j tS dZ'.split(' ')

/** A word by its phonemes, stresses included. */
type Word = readonly string[]

/**
 * Creates what makes near misses of a wake word by its sounds: one or two phonemes replaced, one added or one left out. What other accents may say for the
 * wake word itself is no near miss.
 *
 * @param phrase the wake word
 * @param without texts whose sounds it may not make, such as the near misses of a test
 * @returns makes one in espeak-ng's mnemonics
 */
export async function createSoundAlikes(
  phrase: string,
  without: readonly string[],
): Promise<(random: Random) => string> {
  const words = wordsOf(phrase)
  const sounds = await phonemesOf([...new Set([...words, ...without.flatMap(wordsOf)])])
  const own: readonly Word[] = words.map((word) => sounds.get(word)!)
  const refused = new Set(
    [phrase, ...without].map((text) => bare(wordsOf(text).map((word) => sounds.get(word)!))),
  )
  const changed = (random: Random): readonly Word[] => {
    const kind = random.next()
    const which = random.below(own.length)
    const change = kind < 0.75 ? replaced : kind < 0.9 ? extended : shortened
    const once = own.with(which, change(own[which]!, random))
    if (kind >= 0.25) return once
    const other = random.below(own.length)
    return once.with(other, replaced(once[other]!, random))
  }
  return (random) => {
    for (let tries = 0; tries < 100; tries++) {
      const made = changed(random)
      if (!refused.has(bare(made))) return `[[${made.map((word) => word.join('')).join(' ')}]]`
    }
    throw new Error(`no near miss of ${phrase} can be made of its sounds`)
  }
}

const bare = (words: readonly Word[]): string =>
  words.map((word) => word.map(withoutStress).join('_')).join(' ')

/** Whether accents may have one phoneme in the place of the other. */
const isShift = (a: string, b: string): boolean =>
  (shifts[a]?.includes(b) ?? false) || (shifts[b]?.includes(a) ?? false)

const isConsonant = (phoneme: string): boolean => consonants.includes(phoneme)

function replaced(word: Word, random: Random): Word {
  const at = random.below(word.length)
  const phoneme = word[at]!
  const sound = withoutStress(phoneme)
  const stress = phoneme.slice(0, phoneme.length - sound.length)
  const others = (isConsonant(sound) ? consonants : vowels).filter(
    (other) => other !== sound && !isShift(sound, other),
  )
  return word.with(at, stress + random.pick(others))
}

/** With a consonant more before its first vowel or at its end. */
function extended(word: Word, random: Random): Word {
  const isFirst = !isConsonant(withoutStress(word[0]!)) && random.next() < 0.5
  return word.toSpliced(
    isFirst ? 0 : word.length,
    0,
    random.pick(consonants.filter((one) => !'hwj'.includes(one))),
  )
}

/** With a consonant less. One that other accents drop is left. */
function shortened(word: Word, random: Random): Word {
  const places = word.flatMap((phoneme, i) =>
    isConsonant(phoneme) && !(shifts[phoneme]?.includes('') ?? false) ? [i] : [],
  )
  return places.length === 0 || word.length < 3
    ? replaced(word, random)
    : word.toSpliced(random.pick(places), 1)
}
