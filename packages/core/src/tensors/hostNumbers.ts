import { evaluateScalar } from '../graph/algebra.js'
import type { Lowering } from './backend.js'

/**
 * A lowering for tensors and numbers. The host computes with numbers, in double precision, until they meet a tensor.
 *
 * @param lowering the operations on tensors
 * @param scalar makes a tensor from a number that meets one of the operands
 */
export function withHostNumbers<T extends object>(
  lowering: Lowering<T>,
  scalar: (value: number, operands: readonly (T | number)[]) => T,
): Lowering<T | number> {
  const operate = (op: keyof Lowering<T>) => {
    const onTensors = lowering[op]
    return (...operands: (T | number)[]): T | number => {
      const [a, b = 0, c = 0] = operands
      if (typeof a === 'number' && typeof b === 'number' && typeof c === 'number')
        return evaluateScalar(op, a, b, c)
      return onTensors(...operands.map((x) => (typeof x === 'number' ? scalar(x, operands) : x)))
    }
  }
  const ops = Object.keys(lowering) as (keyof Lowering<T>)[]
  return Object.fromEntries(ops.map((op) => [op, operate(op)])) as Lowering<T | number>
}
