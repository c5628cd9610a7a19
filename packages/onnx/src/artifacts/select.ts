import { InducedMetricError } from '@induced-metric/core'
import { nearestNames } from '@induced-metric/core/adapter'

/** One pattern: a name in which `*` stands for any run of characters, dots among them, or a regular expression. */
export type NamePattern = string | RegExp

/**
 * What picks things out of a model by their names: a pattern, a list of patterns of which one has to fit, or a function
 * of the name and of what is known about it.
 */
export type Selector<Info = unknown> =
  | NamePattern
  | readonly NamePattern[]
  | ((name: string, info: Info) => boolean)

/** How many names an error lists. */
const listed = 6

/**
 * The names that a selector picks, in the order of the candidates, each once.
 *
 * @param selector a name or glob (`'head.*'`), a regular expression (tested anywhere in the name unless anchored), a list
 *   of these, or a predicate. An empty list picks nothing
 * @param candidates the names to choose among, and what a predicate is told about each
 * @param option names the option in errors, as `'frozen'`
 * @returns names of candidates
 * @throws ERR_OPTION for a pattern that fits no candidate: it lists the candidates nearest to it. A predicate may pick
 *   nothing
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
 * @throws ERR_OPTION for what is no selector
 */
export function patternsOf(selector: Selector<never>, option: string): readonly NamePattern[] {
  if (typeof selector === 'function') return []
  const patterns = isPattern(selector) ? [selector] : selector
  if (Array.isArray(patterns) && patterns.every(isPattern)) return patterns
  throw new InducedMetricError(
    'ERR_OPTION',
    `${option} must be a name, a regular expression, a list of these, or a function, given ${selector === null ? 'null' : typeof selector}`,
  )
}

function isPattern(selector: unknown): selector is NamePattern {
  return typeof selector === 'string' || selector instanceof RegExp
}

/** Whether a pattern fits a whole name; a regular expression need fit only a part. */
export function fits(pattern: NamePattern, name: string): boolean {
  // `search` looks at neither `lastIndex` nor the flag `g`, with which `test` would give every other answer.
  if (pattern instanceof RegExp) return name.search(pattern) >= 0
  const [start = '', ...rest] = pattern.split('*')
  const end = rest.pop()
  if (end === undefined) return name === pattern
  if (name.length < start.length + end.length || !name.startsWith(start) || !name.endsWith(end)) return false
  // Each part as early as it goes leaves the most for the parts after it, so nothing is ever tried twice.
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
    return new InducedMetricError(
      'ERR_OPTION',
      `${option} names ${shown}, and there is nothing to choose from`,
    )
  }
  const text = pattern instanceof RegExp ? pattern.source : pattern.replaceAll('*', '')
  const near = nearestNames(text, names, listed)
  const which = near.length === names.length ? 'there are' : `of ${names.length} the nearest are`
  return new InducedMetricError(
    'ERR_OPTION',
    `${option} names ${shown}, which fits none; ${which} ${near.join(', ')}`,
  )
}
