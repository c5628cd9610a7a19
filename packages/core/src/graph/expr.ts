import { optionError, shapeError, show, unsupported } from '../errors.js'

/** An axis of a matrix parameter: `rows` and `columns` are those of the parameter itself. */
export type Extent = 'rows' | 'columns'

/**
 * The shape of an expression: one number, an array of the parameter's shape, a vector with one number per row or per
 * column of a matrix, or a matrix.
 */
export type Shape = 'scalar' | 'tensor' | Extent | `${Extent},${Extent}`

/** Operations that work element by element. */
export type ElementwiseOp =
  | 'add'
  | 'sub'
  | 'mul'
  | 'div'
  | 'max'
  | 'min'
  | 'sqrt'
  | 'square'
  | 'abs'
  | 'neg'
  | 'sign'
  | 'pow'
  | 'exp'
  | 'log'
  | 'atan2'
  | 'greater'
  | 'select'

/** Operations defined on scalars only; engines evaluate them once per step, not per element. */
export type ScalarOp = 'finite' | 'floor'

/** Operations that need a whole tensor before they have a result, and run in engines. */
export type ReductionOp = 'sum' | 'rowSums' | 'columnSums' | 'rowMax' | 'columnMax'

/** Operations on matrices that hosts compute, in double precision, and kernels of the WebGPU engine in single precision. */
export type HostMatrixOp = 'eigenvalues' | 'eigenvectors' | 'qr' | 'inverseRoot'

const hostMatrixOps: ReadonlySet<Op> = new Set<HostMatrixOp>([
  'eigenvalues',
  'eigenvectors',
  'qr',
  'inverseRoot',
])

/** Whether an operation is one on a matrix as a whole, for which frameworks have no operation. */
export function isHostMatrixOp(op: Op): op is HostMatrixOp {
  return hostMatrixOps.has(op)
}

/** Operations that need a whole tensor before they have a result. */
export type BarrierOp = ReductionOp | HostMatrixOp | 'matmul' | 'transpose'

/** The choice between two values by a condition that is known before any tensor is read. */
export type ConditionOp = 'when'

/** Leaves of a graph. */
export type LeafOp = 'constant' | 'input' | 'identity'

/** Every operation of a graph. A lowering that lacks one fails when it is built, not when it runs. */
export type Op = ElementwiseOp | ScalarOp | BarrierOp | ConditionOp | LeafOp

/** A node of the expression graph. Create nodes only with the functions of the algebra. */
export interface Expr {
  readonly op: Op
  readonly inputs: readonly Expr[]
  readonly shape: Shape
  /** The number of a `constant`. */
  readonly value?: number
  /** The name of an `input`: `gradient`, `parameter`, `slot.m`, `learningRate`, … */
  readonly name?: string
}

/** An expression, or a plain number that becomes a constant. */
export type Operand = Expr | number

/** A number that is known when the graph is recorded. */
export function literal(value: number): Expr {
  return { op: 'constant', inputs: [], shape: 'scalar', value }
}

/** A value that is supplied at run time under `name`. */
export function input(name: string, shape: Shape): Expr {
  return { op: 'input', inputs: [], shape, name }
}

/** Whether an expression is the constant zero, as is a hyperparameter given as `0`. */
export function isZero(x: Expr): boolean {
  return isConstant(x, 0)
}

/** Whether an expression is a constant of this value. */
export function isConstant(x: Expr, value: number): boolean {
  return x.op === 'constant' && x.value === value
}

/**
 * An operand as an expression.
 *
 * @throws ERR_OPTION for anything but an expression or a number
 */
export function toExpr(x: Operand): Expr {
  if (typeof x === 'number') return literal(x)
  if (typeof x === 'object' && x !== null && 'op' in x) return x
  throw optionError(`the algebra takes expressions and numbers, given ${show(x)}`)
}

/** A node of any shape. */
export function node(op: Op, inputs: readonly Expr[], shape: Shape): Expr {
  return { op, inputs, shape }
}

/** A scalar operation. On constants it is folded when it is recorded, in double precision. */
export function scalarNode(op: Op, inputs: readonly Expr[]): Expr {
  const values: number[] = []
  for (const x of inputs) {
    if (x.op !== 'constant') return node(op, inputs, 'scalar')
    values.push(x.value!)
  }
  return literal(evaluateScalar(op, values[0]!, values[1] ?? 0, values[2] ?? 0))
}

/** The extents of a matrix's shape; `undefined` for any other shape. */
export function matrixExtents(shape: Shape): readonly [Extent, Extent] | undefined {
  return shape.includes(',') ? (shape.split(',') as [Extent, Extent]) : undefined
}

/** Whether a shape is that of a vector. */
export function isVector(shape: Shape): shape is Extent {
  return shape === 'rows' || shape === 'columns'
}

/**
 * The shape in which two operands are combined element by element. A scalar stands for any number of elements, a vector
 * for the rows or columns of a matrix, and two vectors of different extents make a matrix.
 *
 * @throws ERR_SHAPE where they cannot be combined
 */
export function jointShape(op: Op, a: Shape, b: Shape): Shape {
  if (a === 'scalar' || a === b) return b
  if (b === 'scalar') return a
  if (isVector(a) && isVector(b)) return 'rows,columns'
  const [vector, matrix] = isVector(a) ? [a, b] : [b, a]
  const extents = matrixExtents(matrix)
  if (!isVector(vector) || !extents?.includes(vector))
    throw shapeError(`${op}: shapes ${a} and ${b} do not agree`)
  if (extents[0] === extents[1]) {
    throw shapeError(
      `${op}: ${vector} could be the rows or the columns of a matrix of shape ${matrix}; ` +
        'take matmul, or diagonal(x) for its diagonal',
    )
  }
  return matrix
}

/** One scalar operation in double precision, as hosts compute bias corrections, factors and schedules. */
export function evaluateScalar(op: Op, a: number, b: number, c: number): number {
  switch (op) {
    case 'add':
      return a + b
    case 'sub':
      return a - b
    case 'mul':
      return a * b
    case 'div':
      return a / b
    case 'max':
      return Math.max(a, b)
    case 'min':
      return Math.min(a, b)
    case 'sqrt':
      return Math.sqrt(a)
    case 'square':
      return a * a
    case 'abs':
      return Math.abs(a)
    case 'neg':
      return -a
    case 'sign':
      return Math.sign(a)
    case 'pow':
      return Math.pow(a, b)
    case 'exp':
      return Math.exp(a)
    case 'log':
      return Math.log(a)
    case 'atan2':
      return Math.atan2(a, b)
    case 'floor':
      return Math.floor(a)
    case 'finite':
      return Number.isFinite(a) ? 1 : 0
    case 'greater':
      return a > b ? 1 : 0
    case 'select':
    case 'when':
      return a > 0 ? b : c
    default:
      throw unsupported(`${op} is not an operation on scalars`)
  }
}
