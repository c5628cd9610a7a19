import { optionError, shapeError, show, unsupported } from '../errors.js'

/**
 * The algebra a preconditioner or embedding is written in. Calling one of these functions computes nothing: it
 * returns a node of an expression graph, which every engine then lowers to its own arithmetic. Scalars (`shape:
 * 'scalar'`) broadcast over tensors; everything else must agree in shape.
 */

/** An axis of a matrix parameter: `rows` and `columns` are those of the parameter itself. */
export type Extent = 'rows' | 'columns'

/** What an expression stands for: one number, an array of the parameter's shape, or a matrix. */
export type Shape = 'scalar' | 'tensor' | `${Extent},${Extent}`

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

/** Operations defined on scalars only; engines evaluate them once per step, not per element. */
export type ScalarOp = 'pow' | 'finite' | 'greater' | 'select'

/** Operations that need a whole tensor before they can give a result. */
export type BarrierOp = 'sum' | 'matmul' | 'transpose'

/** Every operation a graph can hold. A lowering that lacks one fails when it is built, not when it runs. */
export type Op = ElementwiseOp | ScalarOp | BarrierOp | 'constant' | 'input'

/** A node of the expression graph. Make them with the functions of this module only. */
export interface Expr {
  readonly op: Op
  readonly inputs: readonly Expr[]
  readonly shape: Shape
  /** The number, for `constant`. */
  readonly value?: number
  /** The name, for `input`: `gradient`, `parameter`, `slot.m`, `learningRate`, … */
  readonly name?: string
}

/** An expression, or a plain number that becomes a constant. */
export type Operand = Expr | number

/** A number known when the graph is recorded. */
export function literal(value: number): Expr {
  return { op: 'constant', inputs: [], shape: 'scalar', value }
}

/** A value supplied at run time under `name`. */
export function input(name: string, shape: Shape): Expr {
  return { op: 'input', inputs: [], shape, name }
}

/** Whether an expression is the constant zero, as a hyperparameter that was given as `0` is. */
export function isZero(x: Expr): boolean {
  return x.op === 'constant' && x.value === 0
}

function expr(x: Operand): Expr {
  if (typeof x === 'number') return literal(x)
  if (typeof x === 'object' && x !== null && 'op' in x) return x
  throw optionError(`the algebra takes expressions and numbers, given ${show(x)}`)
}

function isConstant(x: Expr, value: number): boolean {
  return x.op === 'constant' && x.value === value
}

function jointShape(op: Op, a: Expr, b: Expr): Shape {
  if (a.shape === 'scalar') return b.shape
  if (b.shape === 'scalar' || a.shape === b.shape) return a.shape
  throw shapeError(`${op}: shapes ${a.shape} and ${b.shape} do not agree`)
}

function node(op: Op, inputs: readonly Expr[], shape: Shape): Expr {
  return { op, inputs, shape }
}

/** A scalar of constants is a constant: folded at recording, in double precision. */
function scalarNode(op: Op, inputs: readonly Expr[]): Expr {
  const values: number[] = []
  for (const x of inputs) {
    if (x.op !== 'constant') return node(op, inputs, 'scalar')
    values.push(x.value!)
  }
  return literal(evaluateScalar(op, values[0]!, values[1] ?? 0, values[2] ?? 0))
}

function elementwise(op: ElementwiseOp, ...inputs: Expr[]): Expr {
  const shape = inputs.length === 1 ? inputs[0]!.shape : jointShape(op, inputs[0]!, inputs[1]!)
  return shape === 'scalar' ? scalarNode(op, inputs) : node(op, inputs, shape)
}

function scalarOnly(op: ScalarOp, ...inputs: Expr[]): Expr {
  for (const x of inputs) {
    if (x.shape !== 'scalar') throw shapeError(`${op} takes scalars, given ${x.shape}`)
  }
  return scalarNode(op, inputs)
}

/** a + b */
export function add(a: Operand, b: Operand): Expr {
  return elementwise('add', expr(a), expr(b))
}

/** a − b */
export function sub(a: Operand, b: Operand): Expr {
  return elementwise('sub', expr(a), expr(b))
}

/**
 * a · b. Scalar factors of a tensor are gathered into one, so that a chain of them costs one multiplication per
 * element.
 */
export function mul(a: Operand, b: Operand): Expr {
  let x = expr(a)
  let y = expr(b)
  if (y.shape === 'scalar' && x.shape !== 'scalar') [x, y] = [y, x]
  if (isConstant(x, 1)) return y
  if (isConstant(y, 1)) return x
  if (x.shape === 'scalar' && y.shape !== 'scalar' && y.op === 'mul' && y.inputs[0]!.shape === 'scalar') {
    return mul(mul(x, y.inputs[0]!), y.inputs[1]!)
  }
  return elementwise('mul', x, y)
}

/** a / b. Division of a tensor by a scalar is multiplication by its reciprocal. */
export function div(a: Operand, b: Operand): Expr {
  const x = expr(a)
  const y = expr(b)
  if (isConstant(y, 1)) return x
  if (x.shape !== 'scalar' && y.shape === 'scalar') return mul(elementwise('div', literal(1), y), x)
  return elementwise('div', x, y)
}

/** The larger of a and b, element by element; NaN where either is NaN. */
export function max(a: Operand, b: Operand): Expr {
  return elementwise('max', expr(a), expr(b))
}

/** The smaller of a and b, element by element; NaN where either is NaN. */
export function min(a: Operand, b: Operand): Expr {
  return elementwise('min', expr(a), expr(b))
}

/** √x */
export function sqrt(x: Operand): Expr {
  return elementwise('sqrt', expr(x))
}

/** x² */
export function square(x: Operand): Expr {
  return elementwise('square', expr(x))
}

/** |x| */
export function abs(x: Operand): Expr {
  return elementwise('abs', expr(x))
}

/** −x */
export function neg(x: Operand): Expr {
  return elementwise('neg', expr(x))
}

/** −1, 0 or 1 */
export function sign(x: Operand): Expr {
  return elementwise('sign', expr(x))
}

/** a to the power b, for scalars. */
export function pow(a: Operand, b: Operand): Expr {
  return scalarOnly('pow', expr(a), expr(b))
}

/** 1 where the scalar x is neither NaN nor infinite, else 0. */
export function finite(x: Operand): Expr {
  return scalarOnly('finite', expr(x))
}

/** 1 where the scalar a is greater than b, else 0 (also where either is NaN). */
export function greater(a: Operand, b: Operand): Expr {
  return scalarOnly('greater', expr(a), expr(b))
}

/** The scalar a where `condition` is greater than 0, else b. What is not selected may be NaN. */
export function select(condition: Operand, a: Operand, b: Operand): Expr {
  return scalarOnly('select', expr(condition), expr(a), expr(b))
}

/** The sum of all elements, a scalar. A scalar factor is taken out of the sum. */
export function sum(x: Operand): Expr {
  const y = expr(x)
  if (y.shape === 'scalar') {
    throw shapeError('sum takes a tensor: a scalar may stand for any number of elements')
  }
  if (y.op === 'mul' && y.inputs[0]!.shape === 'scalar') return mul(y.inputs[0]!, sum(y.inputs[1]!))
  return node('sum', [y], 'scalar')
}

/** Σ a·b over all elements, a scalar. */
export function dot(a: Operand, b: Operand): Expr {
  return sum(mul(a, b))
}

/** The exponential moving average β·previous + (1−β)·x. */
export function ema(previous: Operand, x: Operand, beta: Operand): Expr {
  return add(mul(beta, previous), mul(sub(1, beta), x))
}

function extents(op: BarrierOp, x: Expr): [Extent, Extent] {
  if (x.shape === 'scalar' || x.shape === 'tensor') {
    throw shapeError(
      `${op} takes a matrix, given a ${x.shape}: declare the preconditioner with \`matrix: true\``,
    )
  }
  return x.shape.split(',') as [Extent, Extent]
}

/** The matrix product of a (p × q) and b (q × r). */
export function matmul(a: Operand, b: Operand): Expr {
  const [x, y] = [expr(a), expr(b)]
  const [p, q] = extents('matmul', x)
  const [q2, r] = extents('matmul', y)
  if (q !== q2) throw shapeError(`matmul: inner extents ${q} and ${q2} do not agree`)
  return node('matmul', [x, y], `${p},${r}`)
}

/** The transpose of a matrix. */
export function transpose(x: Operand): Expr {
  const y = expr(x)
  const [p, q] = extents('transpose', y)
  return node('transpose', [y], `${q},${p}`)
}

/** One scalar operation in double precision: what hosts use for bias corrections, factors and schedules. */
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
    case 'finite':
      return Number.isFinite(a) ? 1 : 0
    case 'greater':
      return a > b ? 1 : 0
    case 'select':
      return a > 0 ? b : c
    default:
      throw unsupported(`${op} is not an operation on scalars`)
  }
}
