import type { Op } from '../graph/algebra.js'

/** Scalars that several evaluations compute of the same operands, as the learning rate times ρ: each is computed once. */
export interface SharedScalars<V> {
  /** The result of an operation; `run` computes it where it is not known yet. */
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
      if (operands.every((operand) => typeof operand === 'number')) return run()
      const key = `${op} ${operands.map(keyOf).join(' ')}`
      let scalar = known.get(key)
      if (scalar === undefined) known.set(key, (scalar = run()))
      return scalar
    },
  }
}
