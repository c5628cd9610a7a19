/** A function that computes its result for an object once, and keeps it as long as the object lives. */
export function memoised<K extends object, V extends NonNullable<unknown>>(
  compute: (of: K) => V,
): (of: K) => V {
  const known = new WeakMap<K, V>()
  return (of) => {
    let found = known.get(of)
    if (found === undefined) known.set(of, (found = compute(of)))
    return found
  }
}
