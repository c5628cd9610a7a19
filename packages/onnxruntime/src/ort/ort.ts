import { type ErrorCode, InducedMetricError } from '@induced-metric/core'
import { unsupported } from '@induced-metric/core/adapter'
import { coded, reasonOf } from '@induced-metric/onnx/adapter'
import type { Ort, OrtSession, OrtTensor, OrtValues, TensorData } from '@induced-metric/onnx'

/** Imports a package of the runtime. Bundlers do not follow a name in a variable: a page hands its own runtime over. */
export async function importOrt(module: string): Promise<Ort> {
  const loaded = (await import(/* @vite-ignore */ /* webpackIgnore: true */ module)) as Ort & {
    default?: Ort
  }
  return loaded.InferenceSession ? loaded : (loaded.default ?? loaded)
}

/**
 * Loads the default runtime, onnxruntime-node.
 *
 * @throws ERR_NOT_SUPPORTED if it is not installed
 */
export async function defaultOrt(): Promise<Ort> {
  try {
    return await importOrt('onnxruntime-node')
  } catch (error) {
    throw unsupported(
      `onnxruntime-node cannot be loaded (${reasonOf(error)}); install it, or pass another package of the runtime: ` +
        '{ ort: await import("onnxruntime-web") }',
      { cause: error },
    )
  }
}

/**
 * Creates a tensor over an array, without copying it. The elements of float16 are given by their bits.
 *
 * @throws ERR_SHAPE if the runtime cannot, for example because the dims do not match the number of elements
 */
export function createOrtTensor(
  ort: Ort,
  type: string,
  data: TensorData,
  dims: readonly number[],
): OrtTensor {
  try {
    const tensor = new ort.Tensor(type as never, data as never, dims) as OrtTensor
    // Where there is a Float16Array, as in Node from version 24 on, the tensor has one over the same bits. onnxruntime-node cannot
    // read it: Node's native interface has no such type.
    if (data instanceof Uint16Array) Object.defineProperty(tensor, 'data', { value: data })
    return tensor
  } catch (error) {
    throw coded('ERR_SHAPE', `the runtime cannot make a tensor of ${type} [${String(dims)}] from this`, error)
  }
}

/** The runtime's complaints about values rather than about the model, and what they mean where that is not plain. */
const complaints: readonly (readonly [RegExp, ErrorCode, string?])[] = [
  [
    /inconsistent shape in loop output/i,
    'ERR_NOT_SUPPORTED',
    'a value of a Loop changes its shape from round to round, and the gradient keeps that value of every round in one tensor. Give ' +
      'it one shape, as by padding, or make the number of rounds a constant (bind), for which the loop is written out',
  ],
  [/out of (data )?(bounds|range)/i, 'ERR_OPTION'],
  [/shape|dimension|broadcast|\brank\b|\bdim\b/i, 'ERR_SHAPE'],
]

/**
 * Runs a session.
 *
 * @param what names the model in errors
 * @throws ERR_OPTION for an index out of its range, or invalid options; ERR_SHAPE for shapes that do not fit
 *   together; ERR_NOT_SUPPORTED for anything else that the runtime cannot do. Its own error is the cause.
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
    const [, code = 'ERR_NOT_SUPPORTED', meaning = 'the runtime could not run it'] =
      complaints.find(([pattern]) => pattern.test(reasonOf(error))) ?? []
    throw coded(isCall ? 'ERR_OPTION' : code, `${what}: ${meaning}`, error)
  }
}
