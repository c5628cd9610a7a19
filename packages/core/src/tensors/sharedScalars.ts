import type { Op } from '../graph/algebra.js'

/** Scalars that several evaluations compute from the same operands, such as the learning rate times ρ. Each is computed once. */
export interface SharedScalars<V> {
  /** Returns the result of an operation. `run` computes it if it is not known yet. */
  get(op: Op, operands: readonly V[], run: () => V): V
}

export function createSharedScalars<V>(): SharedScalars<V> {
  const known = new Map<string, V>()
  const identities = new Map<V, number>()
  const keyOf = (value: V): string => {
    if (typeof value === 'number') return Object.is(value, -0) ? '-0' : String(value)
    let identity = identities.get(value)
    if (identity === undefined) identities.set(value, (identity = identities.size))
    return `#${identity}`
  }
  return {
    get(op, operands, run) {
      // Numbers are computed faster than they are looked up.
      if (operands.every(isNumber)) return run()
      let key: string = op
      for (const operand of operands) key += ` ${keyOf(operand)}`
      let scalar = known.get(key)
      if (scalar === undefined) known.set(key, (scalar = run()))
      return scalar
    },
  }
}

function isNumber(value: unknown): boolean {
  return typeof value === 'number'
}
