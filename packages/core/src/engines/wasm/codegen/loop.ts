/**
 * Elementwise operations as one loop over memory: it loads every element once, computes all that depends on it in
 * registers, and stores the results. The numbers are nodes of a graph.
 */
export interface Loop {
  /** Tensors read from memory. */
  readonly loads: readonly number[]
  /** Scalars spread over vectors before the loop, in the order in which the host lays them out. */
  readonly scalars: readonly number[]
  /** `sum` nodes to compute. */
  readonly sums: readonly number[]
  /** Tensors written to memory. A vector of each is computed before any is stored. */
  readonly stores: readonly number[]
}

/**
 * A loop is called with the address of a table and its number of rows. A row describes one tensor in 32-bit words:
 * the number of elements, the address of the scalars (of the tensor's element type), the address of the results of
 * `sums` (f64), then the addresses of `loads` and of `stores`.
 */
export const tableHeader = { count: 0, scalars: 1, sums: 2, addresses: 3 } as const

/** Words in a row of a loop's table. */
export function rowWords(loop: Loop): number {
  return tableHeader.addresses + loop.loads.length + loop.stores.length
}
