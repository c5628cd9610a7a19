/**
 * The stable codes an {@link InducedMetricError} can carry.
 *
 * - `ERR_OPTION`: an option is unknown, of the wrong type or out of its range
 * - `ERR_SHAPE`: a parameter, gradient or slot has the wrong length, shape or element type
 * - `ERR_LOSS_REQUIRED`: the embedding reads the loss and none was given
 * - `ERR_BAD_LOSS`: the loss is outside the embedding's domain (`log`: at or below `floor`)
 * - `ERR_NON_FINITE`: a gradient or the dual norm is NaN or infinite, or the loss, where the embedding reads it
 * - `ERR_CHECKPOINT`: a checkpoint is damaged, or belongs to another optimiser
 * - `ERR_NOT_SUPPORTED`: the engine, adapter or backend cannot do this
 * - `ERR_DISPOSED`: the optimiser was used after `dispose()`
 */
export type ErrorCode =
  | 'ERR_OPTION'
  | 'ERR_SHAPE'
  | 'ERR_LOSS_REQUIRED'
  | 'ERR_BAD_LOSS'
  | 'ERR_NON_FINITE'
  | 'ERR_CHECKPOINT'
  | 'ERR_NOT_SUPPORTED'
  | 'ERR_DISPOSED'

/**
 * The only error this library throws on purpose. Branch on `code`; the message is for people.
 *
 * @example
 * ```ts
 * import { adam, InducedMetricError, inducedMetric } from '@induced-metric/core'
 *
 * try {
 *   inducedMetric(adam(), { learningRate: -1 })
 * } catch (error) {
 *   console.log(error instanceof InducedMetricError && error.code) // 'ERR_OPTION'
 * }
 * ```
 */
export class InducedMetricError extends Error {
  override readonly name = 'InducedMetricError'
  readonly code: ErrorCode

  /** @param options `cause`: the error that this one explains */
  constructor(code: ErrorCode, message: string, options?: ErrorOptions) {
    super(`${code}: ${message}`, options)
    this.code = code
  }
}

/** An ERR_OPTION: an option is unknown, of the wrong type or out of its range. */
export function optionError(message: string, options?: ErrorOptions): InducedMetricError {
  return new InducedMetricError('ERR_OPTION', message, options)
}

/** An ERR_SHAPE: a parameter, gradient or slot has the wrong length, shape or element type. */
export function shapeError(message: string, options?: ErrorOptions): InducedMetricError {
  return new InducedMetricError('ERR_SHAPE', message, options)
}

/** An ERR_CHECKPOINT: a checkpoint is damaged, or belongs to another optimiser. */
export function checkpointError(message: string, options?: ErrorOptions): InducedMetricError {
  return new InducedMetricError('ERR_CHECKPOINT', message, options)
}

/** An ERR_NOT_SUPPORTED: the engine, adapter or backend cannot do this. */
export function unsupported(message: string, options?: ErrorOptions): InducedMetricError {
  return new InducedMetricError('ERR_NOT_SUPPORTED', message, options)
}

/** The ERR_DISPOSED of an optimiser that is used after `dispose()`. */
export function disposedError(): InducedMetricError {
  return new InducedMetricError('ERR_DISPOSED', 'this optimiser was disposed of; create another')
}

/** The number of characters of a string that an error message repeats. */
const longestShown = 80

/** The number of elements of an array that an error message repeats. */
const mostShown = 8

/** Describes a value for an error message: briefly, in quotes if it is a string. It never throws. */
export function show(value: unknown): string {
  if (typeof value === 'string')
    return JSON.stringify(value.length > longestShown ? `${value.slice(0, longestShown)}…` : value)
  if (typeof value === 'function') return 'a function'
  if (typeof value === 'bigint') return `${value}n`
  if (Array.isArray(value)) return showArray(value)
  if (typeof value === 'object' && value !== null) return showObject(value)
  return String(value)
}

function showArray(value: readonly unknown[]): string {
  const isShort = value.length > 0 && value.length <= mostShown
  const numbers = isShort && value.every((element) => typeof element === 'number')
  return `an array of length ${value.length}${numbers ? `, [${value.join(', ')}]` : ''}`
}

/** By the name of its class, if that has one that people read: minifiers leave a letter or two. */
function showObject(value: object): string {
  try {
    if (typeof (value as { readonly then?: unknown }).then === 'function') return 'a promise: await it'
    const { name } = value.constructor
    if (name !== 'Object' && /^[A-Z]\w{3}/.test(name)) return `${/^[AEIO]/.test(name) ? 'an' : 'a'} ${name}`
  } catch {
    // Its properties can be anything.
  }
  return 'an object'
}

/** Whether a value is an array. `Array.isArray` itself would turn the elements of a known list into `any`. */
export function isList(value: unknown): boolean {
  return Array.isArray(value)
}
