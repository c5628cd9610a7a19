import * as ort from 'onnxruntime-node'
import { writeModel, type Model } from '../src/proto/index.js'

/** A tensor in the form of fixtures. */
export interface PlainTensor {
  readonly type?: string
  readonly dims: readonly number[]
  readonly data: readonly number[]
}

const arrays = {
  float32: Float32Array,
  float64: Float64Array,
  int32: Int32Array,
  bool: Uint8Array,
}

/** The runtime's tensor of plain numbers. */
function tensorOf({ type = 'float32', dims, data }: PlainTensor): ort.Tensor {
  if (type === 'int64') return new ort.Tensor('int64', BigInt64Array.from(data.map(BigInt)), dims)
  return new ort.Tensor(type as 'float32', arrays[type as 'float32'].from(data) as Float32Array, dims)
}

/** Runs a model on the stock runtime. */
export async function runModel(
  model: Model,
  inputs: Readonly<Record<string, PlainTensor>>,
  graphOptimizationLevel: 'all' | 'disabled' = 'all',
): Promise<Record<string, { dims: readonly number[]; data: number[] }>> {
  // The test models declare outputs without shapes, and the runtime warns about every one that it infers.
  const session = await ort.InferenceSession.create(writeModel(model), {
    graphOptimizationLevel,
    logSeverityLevel: 3,
  })
  const feeds = Object.fromEntries(Object.entries(inputs).map(([name, tensor]) => [name, tensorOf(tensor)]))
  const results = await session.run(feeds)
  await session.release()
  return Object.fromEntries(
    Object.entries(results).map(([name, { dims, data }]) => [
      name,
      { dims, data: Array.from(data as ArrayLike<number>, Number) },
    ]),
  )
}

/** ‖a − b‖/‖b‖, or ‖a‖ where b is zero. */
export function relativeError(a: ArrayLike<number>, b: ArrayLike<number>): number {
  let difference = 0
  let norm = 0
  for (let i = 0; i < b.length; i++) {
    difference += (a[i]! - b[i]!) ** 2
    norm += b[i]! ** 2
  }
  return Math.sqrt(difference) / (Math.sqrt(norm) || 1)
}
