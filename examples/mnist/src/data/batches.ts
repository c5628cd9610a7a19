import { permutation, type Random } from '../random.js'
import { PIXELS, type DigitSet } from './digits.js'

/** Pictures in a batch of the demonstration. */
export const BATCH_SIZE = 1024

/** Pictures in the form of the network's input. */
export interface Batch {
  readonly count: number
  /** Values from 0 to 1; `count` rows of 784. */
  readonly images: Float32Array
  /** Values from 0 to 9. */
  readonly labels: Uint8Array
}

/**
 * Shuffles the set once and cuts it into batches of equal size; a last, incomplete batch is dropped.
 *
 * @param limit - the maximum number of batches
 */
export function cutBatches(set: DigitSet, size: number, random: Random, limit = Infinity): Batch[] {
  const order = permutation(set.count, random)
  return Array.from({ length: Math.min(limit, Math.floor(set.count / size)) }, (_, index) =>
    gather(set, order.subarray(index * size, (index + 1) * size)),
  )
}

/** The whole set, in its own order, as one batch. */
export function wholeBatch(set: DigitSet): Batch {
  return gather(
    set,
    Uint32Array.from({ length: set.count }, (_, index) => index),
  )
}

function gather(set: DigitSet, rows: Uint32Array): Batch {
  const images = new Float32Array(rows.length * PIXELS)
  const labels = new Uint8Array(rows.length)
  rows.forEach((source, row) => {
    for (let pixel = 0; pixel < PIXELS; pixel++)
      images[row * PIXELS + pixel] = set.images[source * PIXELS + pixel]! / 255
    labels[row] = set.labels[source]!
  })
  return { count: rows.length, images, labels }
}
