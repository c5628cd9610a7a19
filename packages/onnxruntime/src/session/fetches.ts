import { optionError } from '@induced-metric/core/adapter'

/** The outputs to return: their names, or `{ name: null }` as in the runtime. */
export type Fetches = readonly string[] | Readonly<Record<string, unknown>>

/** The names of the outputs to return, and the runtime's options. A caller may leave out the fetches. */
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
