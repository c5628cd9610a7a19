/**
 * Returns the value of a record's own key. Keys come from files and callers, so inherited properties such as
 * `constructor` must not match.
 */
export function own<T>(record: Readonly<Record<string, T>>, key: string): T | undefined {
  return Object.hasOwn(record, key) ? record[key] : undefined
}
