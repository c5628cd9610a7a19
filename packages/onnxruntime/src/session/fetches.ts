import { optionError } from '@induced-metric/core/adapter'

/** Outputs to give back: their names, or `{ name: null }` as the runtime has it. */
export type Fetches = readonly string[] | Readonly<Record<string, unknown>>

/** The outputs to give back, and the runtime's options, where fetches may have been left out. */
export function outputsOf(
  names: readonly string[],
  fetches: Fetches | object | undefined,
  options: object | undefined,
): [string[], object | undefined] {
  if (fetches === undefined || fetches === null) return [[...names], options]
  const asked = Array.isArray(fetches) ? (fetches as string[]) : Object.keys(fetches)
  if (asked.every((name) => names.includes(name)) && (asked.length > 0 || Array.isArray(fetches))) {
    return [[...asked], options]
  }
  // As in onnxruntime-web, an object that names no output is the options.
  if (!Array.isArray(fetches) && options === undefined && !asked.some((name) => names.includes(name))) {
    return [[...names], fetches]
  }
  const unknown = asked.find((name) => !names.includes(name))
  throw optionError(`there is no output ${JSON.stringify(unknown)}; outputs are ${names.join(', ')}`)
}
