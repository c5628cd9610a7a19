import { optionError, show } from '@induced-metric/core/adapter'

/**
 * A whole number as messages have it.
 *
 * @param what names it in errors
 * @throws ERR_OPTION for what is no whole number
 */
export function toInt64(value: number | bigint, what: string): bigint {
  if (typeof value === 'bigint') return value
  if (typeof value === 'number' && Number.isInteger(value)) return BigInt(value)
  throw optionError(`${what} must be a whole number, given ${show(value)}`)
}
