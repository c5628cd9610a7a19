import type { GenuineTensor } from '../../../onnx/test/genuine/runtime.js'
import { batchOf, batchSize, layers } from './problem.js'

/** The common part of this package's sessions and the genuine runtime's. */
interface Trainable {
  runTrainStep(feeds: never): Promise<Record<string, { readonly data: unknown }>>
  runOptimizerStep(): Promise<unknown>
  lazyResetGrad(): Promise<void>
  getContiguousParameters(trainableOnly: boolean): Promise<{ readonly data: unknown }>
}

/** Makes a tensor of a runtime. */
export type MakeTensor = (
  type: 'float32' | 'int64',
  data: GenuineTensor['data'],
  dims: readonly number[],
) => unknown

/** Takes steps on the small network, starting at step `from`, and returns the loss before each. */
export async function take(
  session: Trainable,
  tensor: MakeTensor,
  from: number,
  count: number,
): Promise<number[]> {
  const losses: number[] = []
  for (let step = from; step < from + count; step++) {
    const { input, labels } = batchOf(step)
    const feeds = {
      input: tensor('float32', input, [batchSize, layers[0]!]),
      labels: tensor('int64', labels, [batchSize]),
    }
    const { loss } = await session.runTrainStep(feeds as never)
    losses.push((loss!.data as Float32Array)[0]!)
    await session.runOptimizerStep()
    await session.lazyResetGrad()
  }
  return losses
}

/** All parameters, in the order of the model's inputs. */
export async function parametersOf(session: Trainable): Promise<number[]> {
  const { data } = await session.getContiguousParameters(true)
  return [...(data as Float32Array)]
}

/** The largest difference between numbers. */
export function distance(given: readonly number[], expected: readonly number[]): number {
  if (given.length !== expected.length) return Infinity
  return given.reduce((worst, value, i) => Math.max(worst, Math.abs(value - expected[i]!)), 0)
}
