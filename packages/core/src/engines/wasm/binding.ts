import type { Scalars } from '../../graph/hostScalars.js'

/** The addresses of a parameter's tensors, in bytes: multiples of an element's. */
export interface TensorBinding {
  /** Number of elements. */
  size: number
  /** Extents of a matrix. For other tensors they do not matter. */
  rows: number
  columns: number
  /** Where the gradient, the parameter, the slots (in the graph's order) and normal numbers are read. */
  readonly inputs: number[]
  /** Where the parameter and the slots (in the graph's order) are written: the same addresses, or others. */
  readonly outputs: number[]
}

/** Allocates parts of a memory. */
export interface Allocator {
  /** Returns the address of a block of so many bytes, a multiple of 8. The memory may grow. */
  allocate(bytes: number): number
  release(address: number): void
}

/** The passes of a step's program over tensors in a memory. `scalars` runs parallel to `bindings`. */
export interface StepKernels {
  /** Allocates everything that steps over these tensors need, so that no step has to. */
  prepare(bindings: readonly TensorBinding[]): void
  /** Computes Σ g² of each gradient. Only for graphs that clip. */
  norm(bindings: readonly TensorBinding[], scalars: readonly Scalars[], results: Float64Array): void
  /** Computes the graph's `totals` of each tensor, in an array for each. Only for graphs that have some. */
  totals(
    bindings: readonly TensorBinding[],
    scalars: readonly Scalars[],
    results: readonly Float64Array[],
  ): void
  /** Computes the graph's `reductions` of each tensor, in an array for each reduction. */
  reduce(
    bindings: readonly TensorBinding[],
    scalars: readonly Scalars[],
    results: readonly Float64Array[],
  ): void
  /**
   * Writes parameters and slots. Call it after `reduce`, with the same tensors in the same order.
   *
   * @param results receive the `change` outputs of the graph's `averaging` slots of each tensor, an array for each
   */
  update(
    bindings: readonly TensorBinding[],
    scalars: readonly Scalars[],
    results?: readonly Float64Array[],
  ): void
  /** Releases the memory that the kernels work in. */
  dispose(): void
}

/** The passes of a step. */
export type PassName = 'norm' | 'totals' | 'reduce' | 'update'

/** Runs the passes of a program. */
export interface Runner {
  /** Allocates everything that passes over these tensors need. */
  prepare(bindings: readonly TensorBinding[]): void
  /**
   * Runs a pass.
   *
   * @param outputs the nodes whose values go into `results`, an array for each
   */
  run(
    pass: PassName,
    bindings: readonly TensorBinding[],
    scalars: readonly Scalars[],
    outputs: readonly number[],
    results: readonly Float64Array[],
  ): void
  dispose(): void
}
