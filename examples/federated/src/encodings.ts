import * as ort from 'onnxruntime-node'

import type { Encoding } from './trainingModel.js'

/** A picture as DISCO encodes it: three values from 0 to 1 per pixel, row after row. */
export interface Image {
  readonly width: number
  readonly height: number
  readonly data: Float32Array
}

/** DISCO's pictures, as the input [batch, 3, height, width] of a convolutional network from PyTorch. */
export function imageEncoding(input = 'input', labels = 'labels'): Encoding<readonly [Image, number], Image> {
  const inputs = (images: readonly Image[]) => {
    const { width, height } = images[0] ?? { width: 0, height: 0 }
    const pixels = width * height
    const values = new Float32Array(images.length * 3 * pixels)
    images.forEach((image, row) => {
      if (image.width !== width || image.height !== height)
        throw new Error(
          `Pictures of a batch have one size, given ${width} × ${height} and ${image.width} × ${image.height}.`,
        )
      for (let pixel = 0; pixel < pixels; pixel++)
        for (let channel = 0; channel < 3; channel++)
          values[(row * 3 + channel) * pixels + pixel] = image.data[3 * pixel + channel]!
    })
    return new ort.Tensor('float32', values, [images.length, 3, height, width])
  }
  return encodingOf('image', input, labels, inputs)
}

/** DISCO's rows of a table, as the input [batch, columns]. The number to predict is a class. */
export function tableEncoding(
  input = 'input',
  labels = 'labels',
): Encoding<readonly [Iterable<number>, number], Iterable<number>> {
  const inputs = (rows: readonly Iterable<number>[]) => {
    const values = rows.map((row) => [...row])
    const columns = values[0]?.length ?? 0
    const other = values.find(({ length }) => length !== columns)
    if (other !== undefined)
      throw new Error(`Rows of a batch have as many columns each, given ${columns} and ${other.length}.`)
    return new ort.Tensor('float32', Float32Array.from(values.flat()), [rows.length, columns])
  }
  return encodingOf('tabular', input, labels, inputs)
}

function encodingOf<I>(
  datatype: string,
  input: string,
  labels: string,
  inputs: (batch: readonly I[]) => ort.Tensor,
): Encoding<readonly [I, number], I> {
  const classes = (values: readonly number[]) =>
    new ort.Tensor('int64', BigInt64Array.from(values, BigInt), [values.length])
  return {
    datatype,
    encode(batch) {
      const values = batch.map(([, label]) => label)
      return {
        feeds: { [input]: inputs(batch.map(([one]) => one)), [labels]: classes(values) },
        labels: values,
      }
    },
    encodeInputs: (batch) => ({ [input]: inputs(batch), [labels]: classes(batch.map(() => 0)) }),
  }
}
