import { InducedMetricError, type ErrorCode } from '@induced-metric/core'

/** What an error says, without the code of this library's own. */
export function reasonOf(error: unknown): string {
  if (error instanceof InducedMetricError) return error.message.slice(error.code.length + 2)
  return error instanceof Error ? error.message : String(error)
}

/** An error of this library in place of another's, which stays its cause. */
export function coded(code: ErrorCode, message: string, cause: unknown): InducedMetricError {
  return new InducedMetricError(code, `${message}: ${reasonOf(cause)}`, { cause })
}

/**
 * Gives the errors of an action a code. Those of this library pass as they are.
 *
 * @param message what was attempted
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
 * Makes arrays whose size a file or a caller has named.
 *
 * @param what names what they are for
 * @throws ERR_NOT_SUPPORTED where memory has no room for them
 */
export function allocated<T>(what: string, make: () => T): T {
  try {
    return make()
  } catch (error) {
    if (!(error instanceof RangeError)) throw error
    throw coded('ERR_NOT_SUPPORTED', `${what} has no room in memory`, error)
  }
}

/** What was given, for an error: short, and never an error itself. */
export function shown(value: unknown): string {
  if (typeof value === 'string') return JSON.stringify(value.length > 80 ? `${value.slice(0, 80)}…` : value)
  if (value === null) return 'null'
  const isPlain = typeof value === 'number' || typeof value === 'bigint' || typeof value === 'boolean'
  return isPlain ? String(value) : typeof value
}
