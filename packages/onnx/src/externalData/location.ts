import { InducedMetricError } from '@induced-metric/core'

/** What a tensor says of the file that its values lie in. */
export interface Extract {
  readonly location: string
  readonly offset: number
  /** Bytes. */
  readonly length: number
}

/** The error for values in a file that cannot be had. */
export function unreadable(
  location: string,
  reason: string,
  options?: { readonly cause?: unknown },
): InducedMetricError {
  const shown = location.length > 200 ? `${location.slice(0, 200)}…` : location
  return new InducedMetricError('ERR_OPTION', `external data ${JSON.stringify(shown)}: ${reason}`, options)
}

/** Roots, parents, drives, servers and schemes: what names a place outside a folder on some system. */
const outside = [/^[\\/]/, /(^|[\\/])\.\.([\\/]|$)/, /^[a-zA-Z]:/, /^[a-zA-Z][\w+.-]*:[\\/]/, /^file:/i, /\0/]

/**
 * Checks where a tensor says its values lie. A file must not make us read another than those beside it, so that only
 * relative paths within the folder of the model pass, whatever the system and whoever reads them.
 *
 * @param place names the tensor in errors
 * @throws ERR_OPTION
 */
export function checkLocation(location: string, place: string): void {
  if (location !== '' && !outside.some((pattern) => pattern.test(location))) return
  throw unreadable(location, `the values of ${place} must lie in the folder of the model, by a relative path`)
}
