import { shapeError } from '../errors.js'

/** Tensors in plain objects and arrays, at any depth. */
export type Tree<T> = T | Tree<T>[] | { [key: string]: Tree<T> }

/** A leaf of a tree. */
export interface Leaf<T> {
  /** The keys that lead to it: strings for objects, numbers for arrays. */
  readonly path: readonly (string | number)[]
  /** The keys as text, for comparing. */
  readonly key: string
  readonly value: T
}

function isBranch(node: unknown): node is Record<string, unknown> {
  return (node as object | null | undefined)?.constructor === Object
}

/** The leaves of a tree: everything in it that is neither an array nor a plain object. */
export function leavesOf<T>(node: Tree<T>, path: Leaf<T>['path'] = []): Leaf<T>[] {
  if (Array.isArray(node)) return node.flatMap((child, index) => leavesOf(child, [...path, index]))
  if (isBranch(node)) {
    const children = Object.entries(node as Record<string, Tree<T>>)
    return children.flatMap(([key, child]) => leavesOf(child, [...path, key]))
  }
  return [{ path, key: JSON.stringify(path), value: node }]
}

/**
 * The values of a tree in the order of the leaves of another. The keys that lead to a value identify it, whatever their order.
 *
 * @throws ERR_SHAPE when the trees have other leaves
 */
export function valuesFor<T>(leaves: readonly Leaf<unknown>[], given: Tree<T>, what: string): T[] {
  const own = leavesOf(given)
  const values = new Map(own.map(({ key, value }) => [key, value]))
  if (own.length === leaves.length && leaves.every(({ key }) => values.has(key)))
    return leaves.map(({ key }) => values.get(key)!)
  const keys = (of: readonly Leaf<unknown>[]): string => of.map(({ path }) => path.join('.')).join(', ')
  throw shapeError(`${what} must be a tree like params, with leaves ${keys(leaves)}; given ${keys(own)}`)
}

/** A tree like another, with other values, which are in the order of its `leaves`. */
export function withLeaves<P>(like: P, leaves: readonly Leaf<unknown>[], values: readonly unknown[]): P {
  const byKey = new Map(leaves.map(({ key }, i) => [key, values[i]]))
  const rebuild = (node: unknown, path: Leaf<unknown>['path']): unknown => {
    if (Array.isArray(node)) return node.map((child, index) => rebuild(child, [...path, index]))
    if (!isBranch(node)) return byKey.get(JSON.stringify(path))
    return Object.fromEntries(
      Object.entries(node).map(([key, child]) => [key, rebuild(child, [...path, key])]),
    )
  }
  return rebuild(like, []) as P
}
