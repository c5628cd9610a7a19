import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import { afterEach, beforeEach, describe, expect, test } from 'vitest'

import { cutBatches, wholeBatch } from '../src/data/batches.js'
import { PIXELS, type DigitSet } from '../src/data/digits.js'
import { loadMnist } from '../src/data/mnist.js'
import { createRandom } from '../src/random.js'

const header = (...sizes: number[]): number[] => [
  0,
  0,
  8,
  sizes.length,
  ...sizes.flatMap((size) => [0, 0, 0, size]),
]

describe('a folder of raw files', () => {
  let folder: string
  const write = (name: string, bytes: number[]) => writeFile(join(folder, name), Uint8Array.from(bytes))

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'mnist-'))
    for (const prefix of ['train', 't10k']) {
      await write(`${prefix}-images-idx3-ubyte`, [
        ...header(2, 28, 28),
        ...Array.from({ length: 2 * PIXELS }, () => 255),
      ])
      await write(`${prefix}-labels-idx1-ubyte`, [...header(2), 4, 9])
    }
  })
  afterEach(() => rm(folder, { recursive: true }))

  test('is read', async () => {
    const { train, test } = await loadMnist(folder)
    expect([train.count, test.count, train.images.length]).toEqual([2, 2, 2 * PIXELS])
    expect(train.labels).toEqual(Uint8Array.of(4, 9))
  })

  test('without one file is refused, and the file is named', async () => {
    await rm(join(folder, 't10k-labels-idx1-ubyte'))
    await expect(loadMnist(folder)).rejects.toThrow(
      /Cannot read t10k-labels-idx1-ubyte in .* installed whole/,
    )
  })

  test('with fewer labels than pictures is refused', async () => {
    await write('train-labels-idx1-ubyte', [...header(1), 4])
    await expect(loadMnist(folder)).rejects.toThrow('1 labels for the 2 pictures of train-images-idx3-ubyte')
  })

  test('with a label that is not a digit is refused', async () => {
    await write('train-labels-idx1-ubyte', [...header(2), 4, 10])
    await expect(loadMnist(folder)).rejects.toThrow('label 10 at place 1 is not a digit')
  })

  test('with pictures of another size is refused', async () => {
    await write('train-images-idx3-ubyte', [...header(2, 1, 1), 0, 0])
    await expect(loadMnist(folder)).rejects.toThrow('pictures of 1×1, not 28×28')
  })
})

test('the package holds all of MNIST', async () => {
  const { train, test } = await loadMnist()
  expect([train.count, test.count]).toEqual([60_000, 10_000])
  const perDigit = Array.from(
    { length: 10 },
    (_, digit) => train.labels.filter((label) => label === digit).length,
  )
  expect(perDigit).toEqual([5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949])
})

describe('batches', () => {
  // Every picture's first pixel is its index, which shows where it went.
  const set: DigitSet = {
    count: 100,
    images: Uint8Array.from({ length: 100 * PIXELS }, (_, place) =>
      place % PIXELS === 0 ? place / PIXELS : 0,
    ),
    labels: Uint8Array.from({ length: 100 }, (_, place) => place % 10),
  }
  const places = (images: Float32Array): number[] =>
    Array.from({ length: images.length / PIXELS }, (_, row) => Math.round(images[row * PIXELS]! * 255))

  test('are full, and an incomplete one is dropped', () => {
    expect(cutBatches(set, 30, createRandom(1)).map(({ count }) => count)).toEqual([30, 30, 30])
    expect(cutBatches(set, 30, createRandom(1), 2)).toHaveLength(2)
  })

  test('hold each picture at most once, beside its label', () => {
    const batches = cutBatches(set, 30, createRandom(1))
    const seen = batches.flatMap(({ images }) => places(images))
    expect(new Set(seen).size).toBe(90)
    expect(batches.flatMap(({ labels }) => [...labels])).toEqual(seen.map((place) => place % 10))
  })

  test('are shuffled only by the seed', () => {
    const order = (seed: number): number[] =>
      cutBatches(set, 100, createRandom(seed)).flatMap(({ images }) => places(images))
    expect(order(1)).toEqual(order(1))
    expect(order(1)).not.toEqual(order(2))
    expect(order(1)).not.toEqual(places(wholeBatch(set).images))
  })

  test('scale the pixels to the unit interval', () => {
    const bright: DigitSet = { count: 1, images: new Uint8Array(PIXELS).fill(255), labels: Uint8Array.of(1) }
    expect(new Set(wholeBatch(bright).images)).toEqual(new Set([1]))
  })
})
