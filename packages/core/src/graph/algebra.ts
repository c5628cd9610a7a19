/**
 * The algebra in which preconditioners and embeddings are written. Its functions compute nothing: they return nodes of an
 * expression graph, which every engine lowers to its own arithmetic. Scalars (`shape: 'scalar'`) broadcast over
 * everything; a vector (`'rows'`, one number per row, or `'columns'`) broadcasts over a matrix that has this extent once,
 * and a vector of rows with one of columns makes a matrix. Other operands must have equal shapes.
 *
 * @packageDocumentation
 */
export { every, when } from './conditions.js'
export {
  abs,
  add,
  atan2,
  div,
  dot,
  ema,
  exp,
  finite,
  floor,
  greater,
  log,
  max,
  min,
  mul,
  neg,
  pow,
  select,
  sign,
  sqrt,
  square,
  sub,
  sum,
} from './elementwise.js'
export {
  evaluateScalar,
  input,
  isHostMatrixOp,
  isVector,
  isZero,
  literal,
  matrixExtents,
  type BarrierOp,
  type ConditionOp,
  type ElementwiseOp,
  type Expr,
  type Extent,
  type HostMatrixOp,
  type LeafOp,
  type Op,
  type Operand,
  type ReductionOp,
  type ScalarOp,
  type Shape,
} from './expr.js'
export {
  columnMax,
  columnSums,
  diagonal,
  identity,
  inverseRoot,
  matmul,
  qr,
  rowMax,
  rowSums,
  symmetricEigen,
  trace,
  transpose,
} from './matrices.js'
