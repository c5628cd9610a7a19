import { InducedMetricError, type ErrorCode } from '@induced-metric/core'

/** An ERR_OPTION: something of the study, or of a call, is unknown, of the wrong type or out of its range. */
export function optionError(message: string, options?: ErrorOptions): InducedMetricError {
  return new InducedMetricError('ERR_OPTION', message, options)
}

/** An error with a code. */
export function coded(code: ErrorCode, message: string, cause?: unknown): InducedMetricError {
  return new InducedMetricError(code, message, cause === undefined ? undefined : { cause })
}

/** The message of anything that was thrown. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}

/** A value in a message, shortened. */
export function shown(value: unknown): string {
  const text = typeof value === 'string' ? JSON.stringify(value) : String(value)
  return text.length > 80 ? `${text.slice(0, 77)}…` : text
}

/** A whole number of at least `least`. */
export function requireInteger(name: string, value: unknown, least: number): asserts value is number {
  if (!Number.isSafeInteger(value) || (value as number) < least)
    throw optionError(`${name} must be a whole number of at least ${least}, given ${shown(value)}`)
}

/** A finite number above zero. */
export function requirePositive(name: string, value: unknown): asserts value is number {
  if (typeof value !== 'number' || !(value > 0) || !Number.isFinite(value))
    throw optionError(`${name} must be a finite number above 0, given ${shown(value)}`)
}

/** Refuses names that an object may not have, and names the ones it may. */
export function requireKnown(what: string, given: object, known: readonly string[]): void {
  const unknown = Object.keys(given).filter((name) => !known.includes(name))
  if (unknown.length > 0) {
    throw optionError(`${what} has no ${unknown.map(shown).join(', ')}; there are ${known.join(', ')}`)
  }
}
