import { optionError, shapeError } from '../errors.js'
import { div, floor, greater, mul, sub } from './elementwise.js'
import { input, node, toExpr, type Expr, type Operand } from './expr.js'

/**
 * `fresh` where `condition` is greater than 0, else `kept`. The condition is a scalar of the step and of hyperparameters,
 * so that it is known before any tensor is read: engines leave out the work that only the other value needs.
 *
 * @throws ERR_SHAPE where the two values have different shapes, or the condition is no scalar
 */
export function when(condition: Operand, fresh: Operand, kept: Operand): Expr {
  const [test, a, b] = [toExpr(condition), toExpr(fresh), toExpr(kept)]
  if (test.shape !== 'scalar') throw shapeError(`when takes a scalar condition, given a ${test.shape}`)
  if (a.shape !== b.shape) throw shapeError(`when: shapes ${a.shape} and ${b.shape} do not agree`)
  if (test.op === 'constant') return test.value! > 0 ? a : b
  return node('when', [test, a, b], a.shape)
}

/**
 * `fresh` in every k-th update of a parameter, from the k-th on, else `kept`.
 *
 * @param k a whole number ≥ 1, or a scalar of hyperparameters
 */
export function every(k: Operand, fresh: Operand, kept: Operand): Expr {
  if (typeof k === 'number' && !(Number.isInteger(k) && k >= 1))
    throw optionError(`every takes a whole number of steps ≥ 1, given ${k}`)
  const step = input('step', 'scalar')
  return when(greater(0.5, sub(step, mul(k, floor(div(step, k))))), fresh, kept)
}
