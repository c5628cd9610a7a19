import { optionError, show } from '../errors.js'
import { similarName } from './nearest.js'

/**
 * Throws ERR_OPTION unless `options` is a plain object whose keys are all in `known`.
 *
 * @param owner the function or option that takes them, for the error
 * @param adviceOn the end of the message about an unknown key
 */
export function checkKeys(
  owner: string,
  options: unknown,
  known: readonly string[],
  adviceOn: (key: string) => string = () => '',
): asserts options is object {
  if (typeof options !== 'object' || options === null || Array.isArray(options)) {
    throw optionError(`${owner} takes an object of options, given ${show(options)}`)
  }
  // Every step calls this, so it creates no array of keys.
  for (const key in options) {
    if (known.includes(key) || !Object.hasOwn(options, key)) continue
    const similar = similarName(key, known)
    const meant = similar === undefined ? '' : `the nearest is ${show(similar)}; `
    const list = known.length === 0 ? 'it takes none' : `known options: ${known.join(', ')}`
    throw optionError(`${owner} has no option ${show(key)}; ${meant}${list}${adviceOn(key)}`)
  }
}
