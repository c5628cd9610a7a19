import { ConformanceFailure } from './compare.js'
import { ProtocolFault } from './protocol/fault.js'

/** An error in words, with its code where it has one; one that is not the suite's or the core's, with its place. */
export function describeError(error: unknown): string {
  if (!(error instanceof Error)) return `${typeof error} thrown: ${String(error)}`
  const { code, cause } = error as { code?: unknown; cause?: unknown }
  if (error instanceof ConformanceFailure || error instanceof ProtocolFault) return error.message
  if (typeof code === 'string' && code.startsWith('ERR_')) return `unexpected ${code}: ${error.message}`
  const frame = /^ *at .*$|^[^\n]*@.*$/m.exec(error.stack ?? '')?.[0].trim()
  const place = frame === undefined ? '' : `\n    ${frame}`
  const because =
    cause === undefined ? '' : `\n    caused by ${describeError(cause).replaceAll('\n', '\n  ')}`
  return `${error.name}: ${error.message}${place}${because}`
}
