/** Stands where something is still to be written; goes when nothing is. */
export function fillIn(what: string, ...given: readonly unknown[]): never {
  throw new Error(`@induced-metric/__name__: fill in ${what}, given ${given.map((it) => typeof it).join(', ')}`)
}
