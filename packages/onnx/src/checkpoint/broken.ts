import { InducedMetricError } from '@induced-metric/core'

/** The error for a checkpoint that cannot be read. */
export function broken(message: string): InducedMetricError {
  return new InducedMetricError('ERR_CHECKPOINT', message)
}

/** A name from a file, short enough and printable in a message. */
export function quote(name: string): string {
  return JSON.stringify(name.length > 80 ? `${name.slice(0, 80)}…` : name)
}
