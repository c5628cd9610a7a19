/** The number of characters of a name that are compared. */
const longestCompared = 100

/**
 * The names that become `name` by the fewest changes, nearest first. Errors suggest them.
 *
 * @param count the largest number of names to return
 *
 * @example
 * ```ts
 * import { nearestNames } from '@induced-metric/core/adapter'
 *
 * console.log(nearestNames('kernal', ['bias', 'kernel', 'gain'], 1)) // ['kernel']
 * ```
 */
export function nearestNames(name: string, names: Iterable<string>, count: number): string[] {
  return [...names]
    .map((candidate) => ({ candidate, changes: changesBetween(name, candidate) }))
    .sort((a, b) => a.changes - b.changes)
    .slice(0, count)
    .map(({ candidate }) => candidate)
}

/**
 * The name that is meant by a misspelt one, if one is much like it: at most a third of it differs, apart from case and
 * punctuation.
 */
export function similarName(name: string, names: Iterable<string>): string | undefined {
  const plain = (text: string): string => text.toLowerCase().replaceAll(/[^a-z0-9]/g, '')
  const given = plain(name)
  const [nearest] = [...names]
    .map((candidate) => ({ candidate, changes: changesBetween(given, plain(candidate)) }))
    .sort((a, b) => a.changes - b.changes)
  return nearest && 3 * nearest.changes <= given.length ? nearest.candidate : undefined
}

/** The number of characters to insert, delete or replace: V. I. Levenshtein, Soviet Physics Doklady 10 (1966), by rows. */
function changesBetween(given: string, other: string): number {
  const [a, b] = [given.slice(0, longestCompared), other.slice(0, longestCompared)]
  let row = Array.from({ length: b.length + 1 }, (_, j) => j)
  for (let i = 1; i <= a.length; i++) {
    const next = [i]
    for (let j = 1; j <= b.length; j++) {
      const replaced = row[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1)
      next.push(Math.min(replaced, row[j]! + 1, next[j - 1]! + 1))
    }
    row = next
  }
  return row[b.length]!
}
