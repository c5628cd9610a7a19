import { add, div, max, mul, sign, sum, type Expr } from '../../graph/algebra.js'

/**
 * The mask of cautious optimisers (Liang et al., 2024, as in their C-AdamW): 1 where the average and the gradient have the
 * same sign, else 0, divided by the share of ones in the tensor or by 1/1000 if that share is smaller.
 */
export function cautiousMask(average: Expr, gradient: Expr): Expr {
  const agrees = max(mul(sign(average), sign(gradient)), 0)
  // The number of elements: 1 for each, at least 1 so that an empty tensor does not divide by 0.
  const size = max(sum(add(1, mul(0, gradient))), 1)
  return div(agrees, max(div(sum(agrees), size), 1e-3))
}
