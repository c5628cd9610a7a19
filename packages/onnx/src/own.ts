/**
 * What a record has under a key of its own. Keys come from files and callers: what every object inherits, as its
 * `constructor`, is none of them.
 */
export function own<T>(record: Readonly<Record<string, T>>, key: string): T | undefined {
  return Object.hasOwn(record, key) ? record[key] : undefined
}
