import { InducedMetricError, type ErrorCode } from '@induced-metric/core'
import type { OrtTensor, OrtValues } from '@induced-metric/onnx'

// The messages between a program and the thread that trains for it.

/** The methods of a session that the thread answers. */
export type Method =
  | 'create'
  | 'runTrainStep'
  | 'runOptimizerStep'
  | 'lazyResetGrad'
  | 'runEvalStep'
  | 'getParametersSize'
  | 'getContiguousParameters'
  | 'loadParametersBuffer'
  | 'getLearningRate'
  | 'setLearningRate'
  | 'beginEvaluationWeights'
  | 'endEvaluationWeights'
  | 'saveOptimizer'
  | 'loadOptimizer'
  | 'resetOptimizer'
  | 'saveCheckpoint'
  | 'checkpointState'
  | 'exportModelForInference'
  | 'getParameters'
  | 'getGradients'
  | 'getProperties'
  | 'setProperty'
  | 'release'

/** A call. */
export interface Request {
  readonly id: number
  readonly method: Method
  readonly args: readonly unknown[]
}

/** The answer to a call: a result or an error. */
export interface Response {
  readonly id: number
  readonly value?: unknown
  readonly error?: ErrorMessage
}

/** An error in the form in which it crosses between threads, where classes do not. */
export interface ErrorMessage {
  readonly name: string
  readonly message: string
  readonly stack: string | undefined
  readonly code: string | undefined
  /** Its cause, if it has one. */
  readonly cause: ErrorMessage | undefined
}

/** The properties of a session that the program needs from the start. */
export interface Description {
  readonly trainingInputNames: readonly string[]
  readonly trainingOutputNames: readonly string[]
  readonly evalInputNames: readonly string[] | undefined
  readonly evalOutputNames: readonly string[] | undefined
}

/** Converts an error to a message. */
export function packError(error: unknown): ErrorMessage {
  if (!(error instanceof Error)) {
    return { name: 'Error', message: String(error), stack: undefined, code: undefined, cause: undefined }
  }
  const { name, message, stack } = error
  const { code, cause } = error as { code?: unknown; cause?: unknown }
  return {
    name,
    message,
    stack,
    code: typeof code === 'string' ? code : undefined,
    cause: cause instanceof Error && !(cause.cause instanceof Error) ? packError(cause) : undefined,
  }
}

/** Restores an error from a message. An error of this project gets its own class back. */
export function unpackError({ name, message, stack, code, cause }: ErrorMessage): Error {
  const options = cause && { cause: unpackError(cause) }
  if (name === 'InducedMetricError' && code !== undefined) {
    const error = new InducedMetricError(code as ErrorCode, message.replace(`${code}: `, ''), options)
    return Object.assign(error, stack !== undefined && { stack })
  }
  const error = new Error(message, options)
  return Object.assign(error, { name }, stack !== undefined && { stack }, code !== undefined && { code })
}

type View = ArrayBufferView & { slice?(): ArrayBufferView }

/**
 * Tensors as plain objects, and the buffers that can be transferred with them.
 *
 * @param move whether the caller gives its buffers away. Views of a part of a buffer are copied nevertheless
 */
export function packTensors(
  tensors: OrtValues,
  move: boolean,
): { readonly tensors: OrtValues; readonly transfer: ArrayBuffer[] } {
  const transfer = new Set<ArrayBuffer>()
  const packed = Object.entries(tensors).map(([name, tensor]): [string, OrtTensor] => {
    const { type, dims } = tensor
    const data = compact(tensor.data) as OrtTensor['data']
    if (move && ArrayBuffer.isView(data) && data.buffer instanceof ArrayBuffer) transfer.add(data.buffer)
    return [name, { type, dims: [...dims], data }]
  })
  return { tensors: Object.fromEntries(packed), transfer: [...transfer] }
}

/**
 * Returns a view that has a buffer of its own. Cloning a view of a part clones the whole buffer, and transferring it
 * takes the buffer from its other users.
 */
export function compact(data: unknown): unknown {
  if (!ArrayBuffer.isView(data)) return data
  const view = data as View
  const isWhole = view.byteLength === view.buffer.byteLength && view.buffer instanceof ArrayBuffer
  // The slice of a Node Buffer would be a view again.
  if (isWhole) return view
  if (view instanceof Uint8Array) return new Uint8Array(view)
  return view.slice ? view.slice() : view
}

/** Converts a file's content, path or URL to a message; URLs cannot be sent as they are. */
export function packArtifact(value: unknown): unknown {
  return value instanceof URL ? { href: value.href } : compact(value)
}

/** Restores the argument of {@link packArtifact}. */
export function unpackArtifact(value: unknown): unknown {
  const isPacked = typeof value === 'object' && value !== null && Object.keys(value).join() === 'href'
  return isPacked ? new URL((value as { href: string }).href) : value
}
