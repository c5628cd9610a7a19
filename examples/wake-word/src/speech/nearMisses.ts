import { createRandom } from '../audio/random.js'
import { phonemesOf, withoutStress } from './pronunciation.js'
import { wordsOf } from './text.js'

/** Phrases that sound like the wake word but are not. No phrase is in two lists. */
export interface NearMisses {
  readonly train: readonly string[]
  readonly validation: readonly string[]
  readonly test: readonly string[]
}

/** Words of a replacement that may sound most like a word of the phrase. */
const likest = 24
/** Words of a replacement that sound less like it, which only the training has. */
const lessLike = 24
/** Splits the phrases, always in the same way. */
const splitSeed = 4

/**
 * Finds phrases close to a wake word: with one word replaced by one that sounds like it, with a word missing, or in another order.
 * Likeness is the edit distance of espeak-ng's phonemes over the longer number of phonemes; words of the same sound
 * are left out.
 *
 * @param phrase the wake word
 * @param vocabulary words to replace with
 */
export async function findNearMisses(phrase: string, vocabulary: readonly string[]): Promise<NearMisses> {
  const words = wordsOf(phrase)
  const sounds = new Map(
    [...(await phonemesOf([...words, ...vocabulary]))].map(([word, all]) => [word, all.map(withoutStress)]),
  )
  const alike = words.map((word) => {
    const own = sounds.get(word)!
    return vocabulary
      .filter((other) => !words.includes(other) && sounds.get(other)!.join() !== own.join())
      .map((other) => ({ other, distance: distance(own, sounds.get(other)!) }))
      .sort((a, b) => a.distance - b.distance)
      .map(({ other }) => other)
  })
  const replacedBy = (from: number, to: number): string[] =>
    alike.flatMap((others, i) => others.slice(from, to).map((other) => words.with(i, other).join(' ')))
  const replaced = replacedBy(0, likest)
  const missing = words.length < 2 ? [] : words.map((_, i) => words.toSpliced(i, 1).join(' '))
  const turned =
    words.length < 3 ? [] : words.map((_, i) => [...words.slice(i), ...words.slice(0, i)].join(' ')).slice(1)
  const all = createRandom(splitSeed).shuffled([...new Set([...replaced, ...missing, ...turned])])
  const [first, second] = [Math.ceil(all.length * 0.4), Math.ceil(all.length * 0.65)]
  const easier = replacedBy(likest, likest + lessLike)
  return {
    train: [...all.slice(0, first), ...easier],
    validation: all.slice(first, second),
    test: all.slice(second),
  }
}

/** Levenshtein's distance over the longer length. */
function distance(a: readonly string[], b: readonly string[]): number {
  let row = b.map((_, j) => j + 1)
  for (const [i, x] of a.entries()) {
    const next: number[] = []
    for (const [j, y] of b.entries()) {
      const diagonal = j === 0 ? i : row[j - 1]!
      const left = j === 0 ? i + 1 : next[j - 1]!
      next.push(Math.min(diagonal + (x === y ? 0 : 1), left + 1, row[j]! + 1))
    }
    row = next
  }
  return row.at(-1)! / Math.max(a.length, b.length)
}
