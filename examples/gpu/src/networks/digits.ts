import { createRandom, uniform } from '@induced-metric/onnx/adapter'
import { createOrtTensor, type Ort, type OrtValues } from '@induced-metric/onnxruntime'
import { mlp } from '@induced-metric/onnxruntime/models'
import type { Network } from './network.js'

const batch = 100
const pixels = 784
const classes = 10
const tested = 1000

/**
 * A perceptron, 784–128–10, that reads handwritten digits.
 *
 * @param bytes 785 for each digit: the label and 784 grey values. The last 1000 digits are the test
 */
export function digitsNetwork(bytes: Uint8Array): Network {
  const size = 1 + pixels
  const count = bytes.length / size
  const trained = count - tested
  const feeds = (ort: Ort, rows: readonly number[]): OrtValues => {
    const images = new Float32Array(rows.length * pixels)
    rows.forEach((row, i) => {
      for (let pixel = 0; pixel < pixels; pixel++)
        images[i * pixels + pixel] = bytes[row * size + 1 + pixel]! / 255
    })
    const labels = BigInt64Array.from(rows, (row) => BigInt(bytes[row * size]!))
    return {
      input: createOrtTensor(ort, 'float32', images, [rows.length, pixels]),
      labels: createOrtTensor(ort, 'int64', labels, [rows.length]),
    }
  }
  return {
    name: 'digits',
    unit: 'examples',
    perStep: batch,
    extents: { batch },
    output: 'output',
    forward: () => mlp({ sizes: [pixels, 128, classes], seed: 1 }),
    batch: (ort, step) => {
      const random = createRandom(step)
      return feeds(
        ort,
        Array.from({ length: batch }, () => Math.floor(uniform(random) * trained)),
      )
    },
    async evaluate(session, ort) {
      let right = 0
      // The batches of the test are as large as those of the training, so that one form of the feeds is enough.
      for (let first = trained; first < count; first += batch) {
        const rows = Array.from({ length: batch }, (_, i) => first + i)
        const { output } = await session.runEvalStep(feeds(ort, rows), ['output'])
        const scores = output!.data as Float32Array
        rows.forEach((row, i) => {
          const own = scores.subarray(i * classes, (i + 1) * classes)
          if (own.indexOf(Math.max(...own)) === bytes[row * size]!) right++
        })
      }
      return { accuracy: right / tested, of: tested }
    },
  }
}
