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

/**
 * The number of characters to insert, delete or replace, and of neighbours to exchange, by rows: V. I. Levenshtein, Soviet Physics
 * Doklady 10 (1966); F. J. Damerau, Communications of the ACM 7 (1964).
 */
function changesBetween(given: string, other: string): number {
  const [a, b] = [given.slice(0, longestCompared), other.slice(0, longestCompared)]
  let row = Array.from({ length: b.length + 1 }, (_, j) => j)
  let before: readonly number[] = []
  for (let i = 1; i <= a.length; i++) {
    const next = [i]
    for (let j = 1; j <= b.length; j++) {
      const replaced = row[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1)
      const isExchange = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]
      const exchanged = isExchange ? before[j - 2]! + 1 : Infinity
      next.push(Math.min(replaced, exchanged, row[j]! + 1, next[j - 1]! + 1))
    }
    before = row
    row = next
  }
  return row[b.length]!
}
