import { InducedMetricError, type ErrorCode } from '@induced-metric/core'
import { coded, reasonOf } from '../errors.js'
import { refuseExternalData } from '../externalData/resolve.js'
import { writeModel } from '../proto/model.js'
import type { ModelProto } from '../proto/onnx_pb.js'
import type { TensorData } from '../checkpoint/state.js'

/**
 * What this package needs of ONNX Runtime, by shape, so that any of its packages fits: onnxruntime-node,
 * onnxruntime-web, onnxruntime-react-native.
 */

/** A tensor of the runtime. */
export interface OrtTensor {
  readonly type: string
  readonly dims: readonly number[]
  readonly data: unknown
}

/** Tensors by name. */
export type OrtValues = Readonly<Record<string, OrtTensor>>

/** A session of the runtime. */
export interface OrtSession {
  run(
    feeds: OrtValues,
    fetches: readonly string[] | Readonly<Record<string, OrtTensor | null>>,
    options?: object,
  ): Promise<OrtValues>
  release(): Promise<void>
}

/** The namespace of a package of the runtime. */
export interface Ort {
  // Its methods are called with the runtime's own tensors and options only.
  readonly InferenceSession: { create(model: Uint8Array, options?: object): Promise<unknown> }
  readonly Tensor: new (type: never, data: never, dims?: readonly number[]) => unknown
}

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

/**
 * Makes a session.
 *
 * @param what names the model in errors
 * @throws ERR_NOT_SUPPORTED where the runtime cannot, as where it has no kernel for a node; ERR_OPTION for a model that has
 *   values in other files
 */
export async function createOrtSession(
  ort: Ort,
  model: ModelProto,
  what: string,
  options?: object,
): Promise<OrtSession> {
  // The runtime would look for files of external data in the folder that the process happens to work in.
  refuseExternalData(model, what)
  const bytes = writeModel(model)
  try {
    return (await ort.InferenceSession.create(bytes, options)) as OrtSession
  } catch (error) {
    const message = reasonOf(error)
    const lacksKernel =
      /not a registered function\/op|Could not find an implementation|No Op registered/.test(message)
    const problem = lacksKernel ? 'has no kernel for one of its nodes' : 'cannot make a session of it'
    throw new InducedMetricError('ERR_NOT_SUPPORTED', `${what}: the runtime ${problem}: ${message}`, {
      cause: error,
    })
  }
}
