import { InducedMetricError, type ErrorCode } from '@induced-metric/core'

/** Returns an error's message, without the code if it is one of this library's own. */
export function reasonOf(error: unknown): string {
  if (error instanceof InducedMetricError) return error.message.slice(error.code.length + 2)
  return error instanceof Error ? error.message : String(error)
}

/** Creates an error of this library that replaces another. The other one becomes its cause. */
export function coded(code: ErrorCode, message: string, cause: unknown): InducedMetricError {
  return new InducedMetricError(code, `${message}: ${reasonOf(cause)}`, { cause })
}

/**
 * Runs an action and gives its errors a code. Errors of this library pass unchanged.
 *
 * @param message the action that was attempted
 */
export async function codedAs<T>(code: ErrorCode, message: string, act: () => T | Promise<T>): Promise<T> {
  try {
    return await act()
  } catch (error) {
    if (error instanceof InducedMetricError) throw error
    throw coded(code, message, error)
  }
}

/**
 * Allocates arrays whose size comes from a file or a caller.
 *
 * @param what names their purpose in errors
 * @throws ERR_NOT_SUPPORTED if they do not fit into memory
 */
export function allocated<T>(what: string, make: () => T): T {
  try {
    return make()
  } catch (error) {
    if (!(error instanceof RangeError)) throw error
    throw coded('ERR_NOT_SUPPORTED', `${what} does not fit into memory`, error)
  }
}
