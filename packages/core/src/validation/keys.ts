import { optionError, show } from '../errors.js'

/** Throws ERR_OPTION when `options` is no plain object or has a key that is not in `known`; `advice` ends the message then. */
export function checkKeys(
  owner: string,
  options: unknown,
  known: readonly string[],
  advice = '',
): asserts options is object {
  if (typeof options !== 'object' || options === null || Array.isArray(options)) {
    throw optionError(`${owner} takes an object of options, given ${show(options)}`)
  }
  // A step passes here, too: no array of keys.
  for (const key in options) {
    if (known.includes(key) || !Object.hasOwn(options, key)) continue
    const list = known.length === 0 ? 'it takes none' : `known options: ${known.join(', ')}`
    throw optionError(`${owner} has no option ${show(key)}; ${list}${advice}`)
  }
}
