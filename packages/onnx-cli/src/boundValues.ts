import { UsageError } from './usageError.js'

/** Values of inputs, by name. */
export type BoundValues = Readonly<Record<string, readonly (bigint | number | boolean)[]>>

/** Values of inputs, from `name=number,number`. */
export function boundOf(given: readonly string[] | undefined): BoundValues | undefined {
  if (given === undefined) return undefined
  const entries = given.map((text) => {
    const at = text.lastIndexOf('=')
    const values =
      at < 1
        ? []
        : text
            .slice(at + 1)
            .split(',')
            .map(valueOf)
    if (values.length > 0 && values.every((value) => value !== undefined))
      return [text.slice(0, at), values] as const
    throw new UsageError(
      `--bind takes the name of an input and its value, as sr=16000, given ${JSON.stringify(text)}`,
    )
  })
  return Object.fromEntries(entries)
}

function valueOf(text: string): bigint | number | boolean | undefined {
  if (text === 'true' || text === 'false') return text === 'true'
  if (/^-?\d+$/.test(text)) return BigInt(text)
  const value = text.trim() === '' ? NaN : Number(text)
  return Number.isNaN(value) ? undefined : value
}
