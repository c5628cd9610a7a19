import { optionError, requireInteger, requireKnown, shown } from '../errors.js'
import { type Hyperparameters, isActive, type Json, plain, type Space } from '../space/space.js'
import { spaced } from '../space/unit.js'
import type { Sampler } from './sampler.js'

/** The options of `grid`. */
export interface GridOptions {
  /** How many values of each number, both ends included: one for all (default 5), or by name. */
  readonly points?: number | Readonly<Record<string, number>>
}

/** The largest grid: its configurations are kept in memory. */
const largest = 1_000_000

/**
 * Every combination of values: all choices, and numbers at equal distances, of their logarithms where they are searched so.
 *
 * @throws ERR_OPTION if points are no whole numbers of at least 2; later, if there are more than a million configurations
 */
export function grid(options: GridOptions = {}): Sampler {
  requireKnown('grid', options, ['points'])
  const { points = 5 } = options
  for (const [name, count] of Object.entries(typeof points === 'number' ? { points } : points))
    requireInteger(name === 'points' ? 'points' : `points.${name}`, count, 2)
  // Listed once per space, not once per configuration.
  const listed = new WeakMap<Space, readonly Hyperparameters[]>()
  const list = (space: Space): readonly Hyperparameters[] => {
    const known = listed.get(space) ?? combine(space, points)
    listed.set(space, known)
    return known
  }
  return {
    name: 'grid',
    options: { points },
    learns: false,
    size: (space) => list(space).length,
    propose: ({ space, index }) => list(space)[index]!,
  }
}

function combine(space: Space, points: NonNullable<GridOptions['points']>): Hyperparameters[] {
  const unknown =
    typeof points === 'number' ? undefined : Object.keys(points).find((name) => !(name in space))
  if (unknown !== undefined) throw optionError(`grid: points.${unknown} is no parameter of the space`)
  let combined: Record<string, Json>[] = [{}]
  for (const [name, parameter] of Object.entries(space)) {
    const count = typeof points === 'number' ? points : (points[name] ?? 5)
    const values = spaced(plain(parameter), count)
    const has = combined.map((before) => isActive(parameter, before))
    const size = has.reduce((sum, one) => sum + (one ? values.length : 1), 0)
    if (size > largest)
      throw optionError(`grid: more than ${largest} configurations; give fewer points, such as { points: 3 }`)
    combined = combined.flatMap((before, index) =>
      has[index] === true ? values.map((value) => ({ ...before, [name]: value })) : [before],
    )
  }
  return combined
}

/**
 * Configurations that are given, one after the other: settings from a paper, or the best ones of another study.
 *
 * @param configurations - values by name, of parameters of the space; others are passed on as they are
 * @throws ERR_OPTION if there are none
 */
export function listed(configurations: readonly Hyperparameters[]): Sampler {
  if (!Array.isArray(configurations) || configurations.length === 0)
    throw optionError(`listed takes an array of configurations, given ${shown(configurations)}`)
  return {
    name: 'listed',
    options: { configurations },
    learns: false,
    size: () => configurations.length,
    propose: ({ index }) => (configurations as readonly Hyperparameters[])[index]!,
  }
}
