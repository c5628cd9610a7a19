import { optionError } from '../errors.js'

/**
 * Runs a function with other values in place, and puts the old ones back when it has returned or its promise has settled.
 *
 * @param exchange puts the other values in place
 * @param use the function
 * @param restore puts the old values back
 * @returns the function's result
 */
export function withValues<R>(exchange: () => void, use: () => R, restore: () => void): R {
  exchange()
  try {
    const result = use()
    // A value may throw when it is asked whether it is a promise, as an assertion does.
    if (isPromise(result)) return result.finally(restore) as R
    restore()
    return result
  } catch (error) {
    restore()
    throw error
  }
}

/** Throws ERR_OPTION while parameters hold their averages. */
export function checkOwnValues(what: string, isAveraged: boolean): void {
  if (!isAveraged) return
  throw optionError(
    `${what} was called within withEvaluationWeights, while the parameters hold their averages: wait until it has returned`,
  )
}

/** Whether a value is a promise, of any realm. */
function isPromise(value: unknown): value is Promise<unknown> {
  return typeof (value as Partial<Promise<unknown>> | null)?.finally === 'function'
}
