import type { Case } from './case.js'
import { cases } from './cases/index.js'
import { thoroughCases } from './cases/thorough.js'

/** Selects cases: those whose id or title contains a text or matches an expression, or those of the given ids. */
export type CaseFilter = string | RegExp | readonly string[]

/** A part of the suite. */
interface Part {
  readonly filter?: CaseFilter | undefined
  readonly shard?: string | undefined
}

/**
 * The cases that a filter selects, and of those the cases of a shard.
 *
 * @param thorough - whether the thorough stage belongs to them
 * @param shard - `'k/n'`: the kth of n parts, by the ids
 * @throws RangeError if no case is left, since an empty run would pass, if there is no case of an id, or no such shard
 */
export function selectCases(filter?: CaseFilter, thorough = false, shard?: string): readonly Case[] {
  const chosen = matching(thorough ? [...cases, ...thoroughCases] : cases, filter)
  const inShard = chosenBy(shard)
  const part = chosen.filter(({ id }) => inShard(id))
  if (part.length === 0) throw new RangeError(`no case is in shard ${shard} of ${chosen.length} cases`)
  return part
}

function matching(all: readonly Case[], filter: CaseFilter | undefined): readonly Case[] {
  if (filter === undefined || filter === '') return all
  const unknown = isList(filter) && filter.find((id) => !all.some((one) => one.id === id))
  if (typeof unknown === 'string') throw new RangeError(`the suite has no case ${unknown}`)
  const chosen = all.filter(({ id, title }) => {
    if (isList(filter)) return filter.includes(id)
    if (typeof filter === 'string') return id.includes(filter) || title.includes(filter)
    // Unlike `test`, `search` does not continue from the last match of an expression with the flag g.
    return id.search(filter) >= 0 || title.search(filter) >= 0
  })
  if (chosen.length === 0) throw new RangeError(`no case matches the filter ${describeFilter(filter)}`)
  return chosen
}

/** Whether an id is in a shard. By a hash, so that each has cases of every kind, and adding cases moves none. */
function chosenBy(shard: string | undefined): (id: string) => boolean {
  if (shard === undefined) return () => true
  const [k, n] = (/^([1-9]\d*)\/([1-9]\d*)$/.exec(shard) ?? []).slice(1).map(Number)
  if (k === undefined || n === undefined || k > n)
    throw new RangeError(`a shard is k/n, such as 2/3 for the second of three parts, given ${shard}`)
  return (id) => hashOf(id) % n === k - 1
}

/** FNV-1a, its bits mixed once more, as its low bits are weak. */
function hashOf(text: string): number {
  let hash = 0x811c9dc5
  for (const character of text) hash = Math.imul(hash ^ character.charCodeAt(0), 0x01000193)
  hash = Math.imul(hash ^ (hash >>> 16), 0x21f0aaad)
  return (hash ^ (hash >>> 15)) >>> 0
}

/** The part in words; `undefined` if it is the whole suite. */
export function describePart({ filter, shard }: Part): string | undefined {
  const words = [describeFilter(filter), shard === undefined ? undefined : `shard ${shard}`]
  return words.filter((text) => text !== undefined).join(', ') || undefined
}

function describeFilter(filter: CaseFilter | undefined): string | undefined {
  if (filter === undefined || filter === '') return undefined
  return isList(filter) ? `${filter.length} cases by id` : String(filter)
}

/** Not by `instanceof RegExp`, since test runners have realms of their own. */
function isList(filter: CaseFilter): filter is readonly string[] {
  return Array.isArray(filter)
}
