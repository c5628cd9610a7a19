import { optionError, show } from '../errors.js'
import { nearestNames } from '../validation/nearest.js'
import type { ParameterInfo, Transformation } from './types.js'

/** The parameters of a model that a plan does not have: options may name those too. */
export interface RestOfModel {
  /** Parameters that the optimiser had or may yet have, such as frozen ones. */
  readonly others?: () => readonly ParameterInfo[]
  /**
   * Whether there may be more parameters that nobody knows of yet. A group without a parameter is then an error only if
   * some label has no options, or if no parameter has a label.
   */
  readonly isOpen?: boolean
}

/** The number of names that an error suggests. */
const mostSuggested = 3

/**
 * Checks that the names in a transformation's options exist: the labels of groups, and the parameters listed in
 * `decayMask`.
 *
 * @throws ERR_OPTION for a group without a parameter, or a name that no parameter has, with the nearest names
 */
export function checkNamesInOptions(
  transformation: Transformation,
  parameters: readonly ParameterInfo[],
  { others = () => [], isOpen = false }: RestOfModel,
): void {
  const labels = labelsOf(parameters)
  const empty = Object.keys(transformation.groups).filter((label) => !labels.has(label))
  const names = new Set(parameters.map(({ name }) => name))
  const owners = [['', transformation.settings] as const, ...Object.entries(transformation.groups)]
  const lists = owners.map(([label, { decayMask }]) => {
    return { label, names: typeof decayMask === 'string' || typeof decayMask === 'function' ? [] : decayMask }
  })
  const isAbsent = (name: string): boolean => !names.has(name)
  if (empty.length === 0 && !lists.some((list) => list.names.some(isAbsent))) return

  const more = others()
  for (const { name } of more) names.add(name)
  const known = new Set([...labels, ...labelsOf(more)])
  const missing = empty.find((label) => !known.has(label))
  const isStray = [...known].some((label) => !Object.hasOwn(transformation.groups, label))
  if (missing !== undefined && (!isOpen || isStray || known.size === 0)) {
    throw optionError(
      `groups.${missing}: no parameter is in group ${show(missing)}; ${known.size ? `the groups are ${[...known].map(show).join(', ')}` : 'no parameter has a group'}`,
    )
  }
  for (const list of lists) {
    const unknown = list.names.find(isAbsent)
    // The parameters of a group that is still to come are not known either.
    if (unknown === undefined || (list.label !== '' && !known.has(list.label))) continue
    const path = list.label === '' ? '' : `groups.${list.label}.`
    const near = nearestNames(unknown, names, mostSuggested).map(show).join(', ')
    throw optionError(
      `${path}decayMask: no parameter is named ${show(unknown)}; ${near === '' ? 'there are none' : `the nearest names are ${near}`}`,
    )
  }
}

function labelsOf(parameters: readonly ParameterInfo[]): Set<string> {
  return new Set(parameters.flatMap(({ group }) => (group === undefined ? [] : [group])))
}
