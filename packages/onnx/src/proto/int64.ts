import { optionError, show } from '@induced-metric/core/adapter'

/**
 * Converts a whole number to the form that messages use.
 *
 * @param what names it in errors
 * @throws ERR_OPTION if it is not a whole number
 */
export function toInt64(value: number | bigint, what: string): bigint {
  if (typeof value === 'bigint') return value
  if (typeof value === 'number' && Number.isInteger(value)) return BigInt(value)
  throw optionError(`${what} must be a whole number, given ${show(value)}`)
}
