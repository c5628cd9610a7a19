import { shapeError } from '../errors.js'
import {
  isConstant,
  jointShape,
  literal,
  node,
  scalarNode,
  toExpr,
  type ElementwiseOp,
  type Expr,
  type Operand,
  type ScalarOp,
} from './expr.js'

function elementwise(op: ElementwiseOp, ...inputs: Expr[]): Expr {
  const shape = inputs.map((x) => x.shape).reduce((a, b) => jointShape(op, a, b))
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
  return elementwise('add', toExpr(a), toExpr(b))
}

/** a − b */
export function sub(a: Operand, b: Operand): Expr {
  return elementwise('sub', toExpr(a), toExpr(b))
}

/**
 * a · b. Scalar factors of a tensor are combined into one, so that a chain of them costs one multiplication per element.
 */
export function mul(a: Operand, b: Operand): Expr {
  let x = toExpr(a)
  let y = toExpr(b)
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
  const x = toExpr(a)
  const y = toExpr(b)
  if (isConstant(y, 1)) return x
  if (x.shape !== 'scalar' && y.shape === 'scalar') return mul(elementwise('div', literal(1), y), x)
  return elementwise('div', x, y)
}

/** The larger of a and b by element; NaN where either is NaN. */
export function max(a: Operand, b: Operand): Expr {
  return elementwise('max', toExpr(a), toExpr(b))
}

/** The smaller of a and b by element; NaN where either is NaN. */
export function min(a: Operand, b: Operand): Expr {
  return elementwise('min', toExpr(a), toExpr(b))
}

/** √x */
export function sqrt(x: Operand): Expr {
  return elementwise('sqrt', toExpr(x))
}

/** x² */
export function square(x: Operand): Expr {
  return elementwise('square', toExpr(x))
}

/** |x| */
export function abs(x: Operand): Expr {
  return elementwise('abs', toExpr(x))
}

/** −x */
export function neg(x: Operand): Expr {
  return elementwise('neg', toExpr(x))
}

/** −1, 0 or 1 */
export function sign(x: Operand): Expr {
  return elementwise('sign', toExpr(x))
}

/** a to the power b. */
export function pow(a: Operand, b: Operand): Expr {
  return elementwise('pow', toExpr(a), toExpr(b))
}

/** eˣ */
export function exp(x: Operand): Expr {
  return elementwise('exp', toExpr(x))
}

/** The natural logarithm of x. */
export function log(x: Operand): Expr {
  return elementwise('log', toExpr(x))
}

/** The angle of the point (x, y), in radians from −π to π. */
export function atan2(y: Operand, x: Operand): Expr {
  return elementwise('atan2', toExpr(y), toExpr(x))
}

/** The largest whole number that is not above the scalar x. */
export function floor(x: Operand): Expr {
  return scalarOnly('floor', toExpr(x))
}

/** 1 where the scalar x is neither NaN nor infinite, else 0. */
export function finite(x: Operand): Expr {
  return scalarOnly('finite', toExpr(x))
}

/** 1 where a is greater than b, else 0 (also where either is NaN). */
export function greater(a: Operand, b: Operand): Expr {
  return elementwise('greater', toExpr(a), toExpr(b))
}

/** a where `condition` is greater than 0, else b. The other one may be NaN. */
export function select(condition: Operand, a: Operand, b: Operand): Expr {
  return elementwise('select', toExpr(condition), toExpr(a), toExpr(b))
}

/** The sum of all elements, a scalar. A scalar factor is moved out of the sum. */
export function sum(x: Operand): Expr {
  const y = toExpr(x)
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
