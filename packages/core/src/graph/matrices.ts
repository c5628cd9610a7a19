import { optionError, shapeError, show } from '../errors.js'
import { mul, select, sum } from './elementwise.js'
import { matrixExtents, node, toExpr, type Expr, type Extent, type Operand } from './expr.js'

function extents(op: string, x: Expr): readonly [Extent, Extent] {
  const found = matrixExtents(x.shape)
  if (found) return found
  throw shapeError(
    `${op} takes a matrix, given a ${x.shape}: declare the preconditioner with \`matrix: true\``,
  )
}

/** The extent of a square matrix. */
function squareExtent(op: string, x: Expr): Extent {
  const [p, q] = extents(op, x)
  if (p === q) return p
  throw shapeError(`${op} takes a square matrix, given a ${x.shape}`)
}

/** The matrix product of a (p × q) and b (q × r). */
export function matmul(a: Operand, b: Operand): Expr {
  const [x, y] = [toExpr(a), toExpr(b)]
  const [p, q] = extents('matmul', x)
  const [q2, r] = extents('matmul', y)
  if (q !== q2) throw shapeError(`matmul: inner extents ${q} and ${q2} do not agree`)
  return node('matmul', [x, y], `${p},${r}`)
}

/** The transpose of a matrix. */
export function transpose(x: Operand): Expr {
  const y = toExpr(x)
  const [p, q] = extents('transpose', y)
  return node('transpose', [y], `${q},${p}`)
}

/** The sum of each row of a matrix, a vector. A scalar factor is moved out of the sums. */
export function rowSums(x: Operand): Expr {
  return vectorOfSums('rowSums', 0, toExpr(x))
}

/** The sum of each column of a matrix, a vector. A scalar factor is moved out of the sums. */
export function columnSums(x: Operand): Expr {
  return vectorOfSums('columnSums', 1, toExpr(x))
}

function vectorOfSums(op: 'rowSums' | 'columnSums', axis: 0 | 1, x: Expr): Expr {
  const extent = extents(op, x)[axis]
  return x.op === 'mul' && x.inputs[0]!.shape === 'scalar'
    ? mul(x.inputs[0]!, vectorOfSums(op, axis, x.inputs[1]!))
    : node(op, [x], extent)
}

/** The largest element of each row of a matrix, a vector; NaN for a row that has one. */
export function rowMax(x: Operand): Expr {
  const y = toExpr(x)
  return node('rowMax', [y], extents('rowMax', y)[0])
}

/** The largest element of each column of a matrix, a vector; NaN for a column that has one. */
export function columnMax(x: Operand): Expr {
  const y = toExpr(x)
  return node('columnMax', [y], extents('columnMax', y)[1])
}

/** The identity matrix with one row for each of the parameter's rows, or of its columns. */
export function identity(extent: Extent): Expr {
  if (extent !== 'rows' && extent !== 'columns')
    throw optionError(`identity takes 'rows' or 'columns', given ${show(extent)}`)
  return node('identity', [], `${extent},${extent}`)
}

/** The diagonal of a square matrix, a vector. */
export function diagonal(x: Operand): Expr {
  const y = toExpr(x)
  return rowSums(select(identity(squareExtent('diagonal', y)), y, 0))
}

/** The sum of the diagonal of a square matrix, a scalar. */
export function trace(x: Operand): Expr {
  return sum(diagonal(x))
}

/**
 * The eigenvalues of a symmetric matrix, ascending, and its eigenvectors, which are the columns of `vectors`. Hosts
 * compute them in double precision, and the WebGPU engine in single precision; of a matrix that is not finite they are NaN.
 * Only the lower triangle is read.
 */
export function symmetricEigen(a: Operand): { readonly values: Expr; readonly vectors: Expr } {
  const x = toExpr(a)
  return {
    values: node('eigenvalues', [x], squareExtent('eigenvalues', x)),
    vectors: node('eigenvectors', [x], x.shape),
  }
}

/**
 * The orthogonal factor Q of a square matrix A = QR, with signs such that the diagonal of R is not negative. Hosts
 * compute it in double precision, and the WebGPU engine in single precision; of a matrix that is not finite it is NaN.
 */
export function qr(a: Operand): Expr {
  const x = toExpr(a)
  squareExtent('qr', x)
  return node('qr', [x], x.shape)
}

/**
 * (A + ε·λ·I)^(−1/p) of a symmetric matrix A, with λ its largest eigenvalue. Eigenvalues below 0, which only rounding
 * makes of a positive semidefinite A, count as 0. Hosts compute it in double precision, and the WebGPU
 * engine in single precision; of a matrix that is not finite it is NaN.
 *
 * @param p a scalar > 0, such as 4 in Shampoo
 * @param epsilon a scalar ≥ 0
 */
export function inverseRoot(a: Operand, p: Operand, epsilon: Operand): Expr {
  const inputs = [toExpr(a), toExpr(p), toExpr(epsilon)] as const
  squareExtent('inverseRoot', inputs[0])
  for (const x of inputs.slice(1)) {
    if (x.shape !== 'scalar') throw shapeError(`inverseRoot takes scalars p and epsilon, given a ${x.shape}`)
  }
  return node('inverseRoot', inputs, inputs[0].shape)
}
