/**
 * The words of the state that have fixed addresses. The state is one buffer of 32-bit words: counts as they are, and numbers by
 * their bits.
 */
export const stateWords = {
  /** The number of steps taken. */
  step: 0,
  /** Whether the latest step was taken, as 1 or 0. */
  taken: 1,
  loss: 2,
  /** The number of steps that were refused and are to be skipped, and of those that are to throw. */
  skipped: 3,
  refused: 4,
  /** Of the latest step that is to throw: its metric unit, status, dual norm and loss. */
  refusedUnit: 5,
  refusedStatus: 6,
  refusedDualNorm: 7,
  refusedLoss: 8,
  /** The ring of early scalars: its address, the number of its records, and the words of each. */
  ring: 9,
  ringLength: 10,
  recordWords: 11,
  /** The address of the headers of classes, and the number of rows that a class can have in a record. */
  headers: 12,
  slots: 13,
} as const

/** The number of words before those whose addresses depend on the plan. */
export const fixedWords = 16

/** The words that describe a parameter to kernels. Those after them are pairs for its sums, then the offsets of its items. */
export const metaWords = {
  size: 0,
  rows: 1,
  columns: 2,
  /** Addresses: whether it has a gradient, how many steps did not update it, and its row of early scalars in this step. */
  active: 3,
  offset: 4,
  row: 5,
  /** The address of the number of steps that did not update its profile. */
  profileOffset: 6,
  /** The index of its class of early scalars. */
  class: 7,
  /** Addresses of scalars that all parameters decide: ρ, the clipping factor, the totals and shared scalars of its profile. */
  scale: 8,
  clip: 9,
  totals: 10,
  shared: 11,
  /** Addresses of its own: its scalar slots, and its parts of sums over parameters. */
  scalars: 12,
  parts: 13,
  form: 14,
} as const

/** The number of words before those that depend on the form. */
export const fixedMeta = 16

/** The words that describe a metric unit. Pairs follow: the addresses and lengths of the lists of its sums, then of its changes. */
export const descriptorWords = { results: 0, class: 1, form: 2, throws: 3 } as const
export const fixedDescriptor = 4

/** The words of a metric unit's results in the state. */
export const unitWords = { dualNorm: 0, metric: 1, scale: 2, status: 3, average: 4, nextAverage: 5 } as const

/** The number of words before a unit's other state, of which there are two for each: its value and its next one. */
export const fixedUnit = 8

/** Threads of a workgroup. */
export const threads = 256

/** The most workgroups that work on one tensor, in kernels over elements and in those of products. */
export const mostGroups = { elements: 256, product: 1024 } as const

/** The number of elements below which a tensor has a workgroup fewer. */
export const elementsPerGroup = 1024

/** The rows and columns of a product's tile: each thread computes four of its elements. */
export const tileSize = 32

/** The lines that a workgroup reduces, and the threads at each. */
export const linesPerGroup = 16

/** The workgroups of a kernel over `count` elements. */
export function elementGroups(count: number): number {
  return Math.min(Math.max(Math.ceil(count / elementsPerGroup), 1), mostGroups.elements)
}

/** The workgroups of a product of this many rows and columns. */
export function productGroups(rows: number, columns: number): number {
  const tiles = Math.ceil(rows / tileSize) * Math.ceil(columns / tileSize)
  return Math.min(Math.max(tiles, 1), mostGroups.product)
}
