import type { InducedMetricError } from '@induced-metric/core'
import { optionError } from '@induced-metric/core/adapter'

/** A part of an external file that holds the values of a tensor. */
export interface Extract {
  readonly location: string
  readonly offset: number
  /** In bytes. */
  readonly length: number
}

/** Creates the error for external values that cannot be read. */
export function unreadable(
  location: string,
  reason: string,
  options?: { readonly cause?: unknown },
): InducedMetricError {
  const shown = location.length > 200 ? `${location.slice(0, 200)}…` : location
  return optionError(`external data ${JSON.stringify(shown)}: ${reason}`, options)
}

/** Roots, parents, drives, servers and schemes: each leads out of a folder on some system. */
const outside = [/^[\\/]/, /(^|[\\/])\.\.([\\/]|$)/, /^[a-zA-Z]:/, /^[a-zA-Z][\w+.-]*:[\\/]/, /^file:/i, /\0/]

/**
 * Checks the location of a tensor's external values. A model must not make us read any file but those beside it. So
 * only relative paths within the model's folder pass, on every system and for every reader.
 *
 * @param place names the tensor in errors
 * @throws ERR_OPTION for any other path
 */
export function checkLocation(location: string, place: string): void {
  if (location !== '' && !outside.some((pattern) => pattern.test(location))) return
  throw unreadable(location, `the values of ${place} must be in the folder of the model, at a relative path`)
}
