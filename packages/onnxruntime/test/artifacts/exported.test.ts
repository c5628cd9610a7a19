import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import * as ort from 'onnxruntime-node'
import { expect, it } from 'vitest'
import { relativeError } from '../../../onnx/test/run.js'
import { startTraining } from './training.js'

// Networks as PyTorch exports them, with the gradients that it computes: bench/torch/export.py makes the files. In
// those of version 11, the runtime does not know the number of axes of a Reshape to computed extents.

interface Expected {
  readonly dims: readonly number[]
  readonly input: readonly number[]
  readonly labels: readonly number[]
  readonly loss: number
  readonly gradients: Readonly<Record<string, readonly number[]>>
}

const pathOf = (file: string): string =>
  fileURLToPath(new URL(`../fixtures/exported/${file}`, import.meta.url))
const expected = JSON.parse(readFileSync(pathOf('expected.json'), 'utf8')) as Readonly<
  Record<string, readonly Expected[]>
>
const files = Object.keys(expected).flatMap((name) => [11, 16].map((opset) => [name, opset] as const))

it.each(files)('%s, exported in opset %d, has gradients as in PyTorch at any size', async (name, opset) => {
  const session = await startTraining(pathOf(`${name}-${opset}.onnx`), { loss: 'cross-entropy' })
  expect(expected[name]!.map(({ dims }) => dims[0])).toEqual([5, 3])
  for (const { dims, input, labels, loss, gradients } of expected[name]!) {
    const given =
      name === 'attention'
        ? new ort.Tensor('int64', BigInt64Array.from(input, BigInt), dims)
        : new ort.Tensor('float32', Float32Array.from(input), dims)
    const results = await session.runTrainStep({
      input: given,
      labels: new ort.Tensor('int64', BigInt64Array.from(labels, BigInt), [labels.length]),
    })
    expect(Number((results['loss']!.data as Float32Array)[0])).toBeCloseTo(loss, 5)
    expect([...session.gradients.keys()].sort()).toEqual(Object.keys(gradients).sort())
    for (const [key, { data }] of session.gradients) {
      expect(relativeError(data as Float32Array, gradients[key]!), key).toBeLessThan(1e-4)
    }
    await session.lazyResetGrad()
  }
  await session.release()
})
