import type { InducedMetricError } from '@induced-metric/core'
import { nearestNames, optionError } from '@induced-metric/core/adapter'

/** A pattern: a name in which `*` stands for any run of characters, dots included, or a regular expression. */
export type NamePattern = string | RegExp

/**
 * Selects things in a model by their names: a pattern, a list of patterns of which one has to fit, or a function of
 * the name and its properties.
 */
export type Selector<Info = unknown> =
  | NamePattern
  | readonly NamePattern[]
  | ((name: string, info: Info) => boolean)

/** The number of names that an error lists. */
const listed = 6

/**
 * Returns the names that a selector picks, each once and in the order of the candidates.
 *
 * @param selector a name or glob (`'head.*'`), a regular expression (tested anywhere in the name unless anchored), a
 *   list of these, or a predicate. An empty list picks nothing
 * @param candidates the names to choose among, each with the properties that a predicate sees
 * @param option names the option in errors, such as `'frozen'`
 * @returns names of candidates
 * @throws ERR_OPTION for a pattern that fits no candidate: it lists the candidates nearest to it. A predicate may
 *   pick nothing
 *
 * @example
 * ```ts
 * import { selectNames } from '@induced-metric/onnxruntime/artifacts'
 *
 * const dims = new Map([['body.weight', [8, 4]], ['head.weight', [2, 8]], ['head.bias', [2]]])
 * console.log(selectNames('head.*', dims, 'frozen')) // [ 'head.weight', 'head.bias' ]
 * console.log(selectNames((_name, { length }) => length === 2, dims, 'frozen')) // [ 'body.weight', 'head.weight' ]
 * ```
 */
export function selectNames<Info>(
  selector: Selector<Info>,
  candidates: ReadonlyMap<string, Info>,
  option: string,
): string[] {
  const names = [...candidates.keys()]
  if (typeof selector === 'function') {
    return [...candidates].filter(([name, info]) => selector(name, info)).map(([name]) => name)
  }
  const patterns = patternsOf(selector, option)
  const picked = new Set<string>()
  for (const pattern of patterns) {
    const fitting = names.filter((name) => fits(pattern, name))
    if (fitting.length === 0) throw unmatched(pattern, names, option)
    for (const name of fitting) picked.add(name)
  }
  return names.filter((name) => picked.has(name))
}

/**
 * The patterns of a selector; a function has none.
 *
 * @throws ERR_OPTION if it is not a selector
 */
export function patternsOf(selector: Selector<never>, option: string): readonly NamePattern[] {
  if (typeof selector === 'function') return []
  const patterns = isPattern(selector) ? [selector] : selector
  if (Array.isArray(patterns) && patterns.every(isPattern)) return patterns
  throw optionError(
    `${option} must be a name, a regular expression, a list of these, or a function, given ${selector === null ? 'null' : typeof selector}`,
  )
}

function isPattern(selector: unknown): selector is NamePattern {
  return typeof selector === 'string' || selector instanceof RegExp
}

/** Whether a pattern fits a whole name; a regular expression need only fit a part. */
export function fits(pattern: NamePattern, name: string): boolean {
  // `search` ignores `lastIndex` and the flag `g`, with which every other call of `test` would differ.
  if (pattern instanceof RegExp) return name.search(pattern) >= 0
  const [start = '', ...rest] = pattern.split('*')
  const end = rest.pop()
  if (end === undefined) return name === pattern
  if (name.length < start.length + end.length || !name.startsWith(start) || !name.endsWith(end)) return false
  // Matching each part as early as possible leaves the most for the parts after it, so nothing is ever tried twice.
  const until = name.length - end.length
  let from = start.length
  for (const part of rest) {
    const found = name.indexOf(part, from)
    if (found < 0 || found + part.length > until) return false
    from = found + part.length
  }
  return true
}

function unmatched(pattern: NamePattern, names: readonly string[], option: string): InducedMetricError {
  const shown = pattern instanceof RegExp ? String(pattern) : JSON.stringify(pattern)
  if (names.length === 0) {
    return optionError(`${option} names ${shown}, and there is nothing to choose from`)
  }
  const text = pattern instanceof RegExp ? pattern.source : pattern.replaceAll('*', '')
  const near = nearestNames(text, names, listed)
  const which = near.length === names.length ? 'there are' : `of ${names.length} the nearest are`
  return optionError(`${option} names ${shown}, which fits none; ${which} ${near.join(', ')}`)
}
