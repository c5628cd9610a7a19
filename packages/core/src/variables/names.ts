import type { DecayMask, GroupSettings, Transformation } from '../transformation/types.js'

/** Returns a name without what a framework appends when another variable has the same name. */
export type StemOf = (name: string) => string

/**
 * Adapts the lists of names in a transformation to these variables: a model that is loaded, or created a second time, may
 * have `kernel_1` where the list says `kernel`.
 *
 * @param others returns the names of variables that the lists may mean though they are not trained now
 */
export function forVariables(
  transformation: Transformation,
  names: readonly string[],
  others: () => readonly string[],
  stemOf: StemOf,
): Transformation {
  const known = new Set(names)
  const mask = (given: DecayMask): DecayMask => {
    if (typeof given === 'string' || typeof given === 'function') return given
    const absent = new Set(given.filter((name) => !known.has(name)))
    if (absent.size === 0) return given
    const found = new Set([...names, ...others()].filter((name) => absent.has(stemOf(name))))
    const stems = new Set([...found].map(stemOf))
    return [...given.filter((name) => !stems.has(name)), ...found]
  }
  const settings = (given: GroupSettings): GroupSettings => ({ ...given, decayMask: mask(given.decayMask) })
  return {
    ...transformation,
    settings: settings(transformation.settings),
    groups: Object.fromEntries(
      Object.entries(transformation.groups).map(([label, group]) => [label, settings(group)]),
    ),
  }
}
