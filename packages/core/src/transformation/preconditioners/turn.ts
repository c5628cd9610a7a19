import { div, floor, greater, mul, sub, type Expr } from '../../graph/algebra.js'

/** 1 where the count is a multiple of k, 0 included, else 0. */
export function isMultiple(count: Expr, k: number): Expr {
  return greater(0.5, sub(count, mul(k, floor(div(count, k)))))
}
