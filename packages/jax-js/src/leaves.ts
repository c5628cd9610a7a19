import { InducedMetricError } from '@induced-metric/core'
import { tree, type JsTree, type numpy as np } from '@jax-js/jax'

/** A leaf of a tree. */
export interface Leaf {
  /** The keys that lead to it: of objects strings, of arrays numbers. */
  readonly path: readonly (string | number)[]
  /** The keys as text, for comparing. */
  readonly key: string
  readonly value: np.Array
}

/** The leaves of a tree, in jax-js's order. */
export function leavesOf(node: JsTree<np.Array>, path: Leaf['path'] = []): Leaf[] {
  if (Array.isArray(node)) return node.flatMap((child, index) => leavesOf(child, [...path, index]))
  if (node?.constructor === Object) {
    const children = Object.entries(node as Record<string, JsTree<np.Array>>)
    return children.flatMap(([key, child]) => leavesOf(child, [...path, key]))
  }
  return [{ path, key: JSON.stringify(path), value: node as np.Array }]
}

/**
 * The values of a tree in the order of leaves of another: by the keys that lead to them, whatever the order of those.
 *
 * @throws ERR_SHAPE when the trees have other leaves
 */
export function valuesFor(leaves: readonly Leaf[], given: JsTree<np.Array>, what: string): np.Array[] {
  const own = leavesOf(given)
  const values = new Map(own.map(({ key, value }) => [key, value]))
  if (own.length === leaves.length && leaves.every(({ key }) => values.has(key)))
    return leaves.map(({ key }) => values.get(key)!)
  const keys = (of: readonly Leaf[]): string => of.map(({ path }) => path.join('.')).join(', ')
  throw new InducedMetricError(
    'ERR_SHAPE',
    `${what} must be a tree like params, with leaves ${keys(leaves)}; given ${keys(own)}`,
  )
}

/** A tree with other values, which are in the order of `leaves`. */
export function withValues<T extends JsTree<np.Array>>(
  like: T,
  leaves: readonly Leaf[],
  values: readonly np.Array[],
): T {
  const byKey = new Map(leaves.map(({ key }, i) => [key, values[i]!]))
  return tree.unflatten(
    tree.structure(like),
    leavesOf(like).map(({ key }) => byKey.get(key)!),
  ) as T
}
