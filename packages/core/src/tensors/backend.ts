import type { ElementType, TypedArray } from '../dtype.js'
import type { ConditionOp, HostMatrixOp, LeafOp, Op } from '../graph/algebra.js'

/** The operations of a graph that an evaluation takes care of, or the host. */
type OwnOp = LeafOp | ConditionOp | HostMatrixOp

/**
 * Every operation of a graph except its leaves, choices by conditions and what the host computes, as a function of a
 * framework's tensors. A table that lacks one does not compile. Scalars are tensors of shape [] and broadcast over others; a
 * tensor of [p, 1] or [1, q] broadcasts over one of [p, q], and both together make one. So `rowSums` and `rowMax` of [p, q]
 * are tensors of [p, 1], and `columnSums` and `columnMax` of [1, q]. Truth values are 1 and 0; `select(condition, a, b)` is a
 * where the condition is above 0. A function leaves its operands as they are and returns a new tensor.
 */
export type Lowering<T> = Readonly<Record<Exclude<Op, OwnOp>, (...operands: T[]) => T>>

/** The operations of a framework with tensors of its own that {@link createTensorOptimizer} needs. */
export interface TensorBackend<T> {
  readonly lowering: Lowering<T>
  /** Makes a tensor of these values, row-major, in their element type. Does not keep the array. */
  from(values: TypedArray, shape: readonly number[]): T
  /** A tensor's values, row-major. It waits for a device, which happens once in a step, for one number, and where a base has totals or the host computes. */
  read(tensor: T): TypedArray
  /** A new tensor of the same values in another shape with as many elements. */
  reshape(tensor: T, shape: readonly number[]): T
  shape(tensor: T): readonly number[]
  dtype(tensor: T): ElementType
  /** Frees a tensor that the optimiser made and no longer needs. Leave it out where the framework does that itself. */
  dispose?(tensor: T): void
  /**
   * Compiles a function of tensors, where the framework can fuse operations. The function consists of the lowering's
   * functions and `dispose`, has no other effect and leaves its operands as they are. It is always called with the same
   * number of operands; their shapes and types may differ from call to call.
   */
  compile?(compute: (operands: readonly T[]) => T[]): (operands: readonly T[]) => T[]
}
