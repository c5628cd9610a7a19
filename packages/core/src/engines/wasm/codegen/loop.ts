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
  /** Where vectors take part: the loop then goes line by line over a matrix. */
  readonly lines?: Lines
}

/** The vectors of a loop over the lines (rows in memory) of a matrix. */
export interface Lines {
  /** The loads that have one number per line. */
  readonly perLine: readonly number[]
  /** The loads that have one number per place in a line. */
  readonly perPlace: readonly number[]
  /** Reductions of each line to a number: nodes whose results are stored as a vector. */
  readonly ofLines: readonly number[]
  /**
   * Reductions over all lines, place by place. Sums are added to f64, largest elements are taken into elements: the host
   * fills them before.
   */
  readonly ofPlaces: readonly number[]
}

/**
 * A loop is called with the address of a table and its number of rows. A row describes one tensor in 32-bit words:
 * the number of elements, the address of the scalars (of the tensor's element type), the address of the results of
 * `sums` (f64), then the addresses of `loads` and of `stores`. For a loop over lines, the number of elements is that of
 * a line, and then come the number of lines and the addresses of `ofLines` and of `ofPlaces`.
 */
export const tableHeader = { count: 0, scalars: 1, sums: 2, addresses: 3 } as const

/** Words in a row of a loop's table. */
export function rowWords({ loads, stores, lines }: Loop): number {
  const words = tableHeader.addresses + loads.length + stores.length
  return lines ? words + 1 + lines.ofLines.length + lines.ofPlaces.length : words
}
