import { unsupported } from '@induced-metric/core/adapter'
import { reasonOf } from '../errors.js'
import { refuseExternalData } from '../externalData/resolve.js'
import { writeModel } from '../proto/model.js'
import type { ModelProto } from '../proto/onnx_pb.js'
import type { TensorData } from '../proto/tensorData.js'

/**
 * The part of ONNX Runtime that this package needs, as structural types, so that any of its packages fits:
 * onnxruntime-node, onnxruntime-web, onnxruntime-react-native.
 */

/** A tensor of the runtime. */
export interface OrtTensor {
  readonly type: string
  readonly dims: readonly number[]
  /** Its elements: an array of the type that `type` names, or a list of strings. */
  readonly data: TensorData | readonly string[]
  /** Where its data are; `'none'` once it was disposed of. */
  readonly location?: string
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

/** The namespace of a package of ONNX Runtime. */
export interface Ort {
  // Its methods get only the runtime's own tensors and options.
  readonly InferenceSession: { create(model: Uint8Array, options?: object): Promise<unknown> }
  readonly Tensor: new (type: never, data: never, dims?: readonly number[]) => unknown
}

/**
 * Creates a session.
 *
 * @param what names the model in errors
 * @throws ERR_NOT_SUPPORTED if the runtime cannot, for example because it has no kernel for a node; ERR_OPTION for a
 *   model with values in other files
 */
export async function createOrtSession(
  ort: Ort,
  model: ModelProto,
  what: string,
  options?: object,
): Promise<OrtSession> {
  // The runtime would look for external data in the current folder of the process.
  refuseExternalData(model, what)
  const bytes = writeModel(model)
  try {
    return (await ort.InferenceSession.create(bytes, options)) as OrtSession
  } catch (error) {
    const message = reasonOf(error)
    const lacksKernel = /Could not find an implementation/.test(message)
    const problem = lacksKernel ? 'has no kernel for one of its nodes' : 'cannot make a session of it'
    const unknown = unknownOperator(message)
    if (unknown !== undefined) {
      throw unsupported(
        `${what}: the runtime does not know the operator ${unknown}. Define it in the model as a function of other operators, or export ` +
          `the model without it: ${message}`,
        { cause: error },
      )
    }
    throw unsupported(`${what}: the runtime ${problem}: ${message}`, {
      cause: error,
    })
  }
}

/** The operator that the runtime does not know, with its domain, from its message. */
function unknownOperator(message: string): string | undefined {
  const [, domain, opType] = /(\S+):(\w+)\(-?\d+\) is not a registered function\/op/.exec(message) ?? []
  if (opType !== undefined) return `${opType} of domain ${domain}`
  return /No Op registered for (\S+)/.exec(message)?.[1]
}
