import type { NumberSpec } from '../hyperparameter.js'

/** A decay rate β in [0, 1). */
export function rate(value: number): NumberSpec {
  return { kind: 'number', default: value, min: 0, max: 1, below: true }
}

/** A momentum in [0, 1); given as 0 it costs no slot. */
export function momentumRate(value: number): NumberSpec {
  return { ...rate(value), zeroIsStructural: true }
}

/** A small number ≥ 0 that keeps a denominator from 0. */
export function epsilonAt(value: number): NumberSpec {
  return { kind: 'number', default: value, min: 0, isEpsilon: true }
}

/** A number > 0. */
export function positive(value: number): NumberSpec {
  return { kind: 'number', default: value, min: 0, above: true }
}
