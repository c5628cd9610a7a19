import { InducedMetricError } from '@induced-metric/core'
import { reasonOf } from '../errors.js'
import { refuseExternalData } from '../externalData/resolve.js'
import { writeModel } from '../proto/model.js'
import type { ModelProto } from '../proto/onnx_pb.js'

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
