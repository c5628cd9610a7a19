import { InducedMetricError } from '@induced-metric/core'
import { shown } from '../errors.js'

/**
 * A whole number as messages have it.
 *
 * @param what names it in errors
 * @throws ERR_OPTION for what is no whole number
 */
export function toInt64(value: number | bigint, what: string): bigint {
  if (typeof value === 'bigint') return value
  if (typeof value === 'number' && Number.isInteger(value)) return BigInt(value)
  throw new InducedMetricError('ERR_OPTION', `${what} must be a whole number, given ${shown(value)}`)
}
