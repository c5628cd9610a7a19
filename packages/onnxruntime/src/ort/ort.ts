import { InducedMetricError, type ErrorCode } from '@induced-metric/core'
import { coded, reasonOf } from '@induced-metric/onnx/adapter'
import type { Ort, OrtSession, OrtTensor, OrtValues, TensorData } from '@induced-metric/onnx'

/** The runtime to use where none is given: onnxruntime-node. */
export async function defaultOrt(): Promise<Ort> {
  // By a name that bundlers do not follow: a page hands its own runtime over.
  const name = 'onnxruntime-node'
  try {
    const loaded = (await import(/* @vite-ignore */ /* webpackIgnore: true */ name)) as Ort & {
      default?: Ort
    }
    return loaded.InferenceSession ? loaded : (loaded.default ?? loaded)
  } catch (error) {
    throw new InducedMetricError(
      'ERR_NOT_SUPPORTED',
      `onnxruntime-node cannot be loaded (${error instanceof Error ? error.message : String(error)}); install it, or hand ` +
        'another package of the runtime over: { ort: await import("onnxruntime-web") }',
      { cause: error },
    )
  }
}

/**
 * Makes a tensor on an array of the caller's, which is not copied.
 *
 * @throws ERR_SHAPE where the runtime cannot, as where there are more elements than dims say, or fewer
 */
export function createOrtTensor(
  ort: Ort,
  type: string,
  data: TensorData,
  dims: readonly number[],
): OrtTensor {
  try {
    return new ort.Tensor(type as never, data as never, dims) as OrtTensor
  } catch (error) {
    throw coded('ERR_SHAPE', `the runtime makes no tensor of ${type} [${String(dims)}] of this`, error)
  }
}

/** What the runtime says where indices, or shapes, are at fault rather than the model. */
const complaints: readonly (readonly [RegExp, ErrorCode])[] = [
  [/out of (data )?(bounds|range)/i, 'ERR_OPTION'],
  [/shape|dimension|broadcast|\brank\b|\bdim\b/i, 'ERR_SHAPE'],
]

/**
 * Runs a session.
 *
 * @param what names the model in errors
 * @throws ERR_OPTION where an index is out of its range, or options are none; ERR_SHAPE where shapes do not go together;
 *   ERR_NOT_SUPPORTED for whatever else the runtime cannot do. Its own error is the cause.
 */
export async function runOrtSession(
  session: OrtSession,
  what: string,
  ...args: Parameters<OrtSession['run']>
): Promise<OrtValues> {
  try {
    return await session.run(...args)
  } catch (error) {
    if (error instanceof InducedMetricError) throw error
    const isCall = error instanceof TypeError || error instanceof RangeError
    const found = complaints.find(([pattern]) => pattern.test(reasonOf(error)))?.[1] ?? 'ERR_NOT_SUPPORTED'
    throw coded(isCall ? 'ERR_OPTION' : found, `${what}: the runtime could not run it`, error)
  }
}
