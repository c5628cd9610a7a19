import type { Moment } from './averages.js'

/** One step of one base on one parameter, in float64; `t` is the parameter's own step count, from 1. */
export interface BaseInput extends Moment {
  readonly g: Float64Array
  /** θ before the step. */
  readonly theta: Float64Array
  readonly shape: readonly number[]
  readonly slots: Readonly<Record<string, Float64Array>>
  text(name: string, otherwise: string): string
}

/** A base's direction and slots; and gᵀPg, where its preconditioner P is a linear map. */
export type Base = (x: BaseInput) => {
  readonly direction: Float64Array
  readonly slots: Readonly<Record<string, Float64Array>>
  readonly dual?: number
}

/** A copy of a slot; before the first step, an array of `initial`. */
export function slot(x: BaseInput, name: string, initial = 0): Float64Array {
  return x.slots[name]?.slice() ?? new Float64Array(x.g.length).fill(initial)
}

/**
 * The sum of an array, with the rounding errors added at the end (Neumaier, 1974): over a million elements, plain addition is
 * off by more than the suite allows.
 */
export function sum(values: Float64Array): number {
  let [total, errors] = [0, 0]
  for (const value of values) {
    const next = total + value
    errors += Math.abs(total) >= Math.abs(value) ? total - next + value : value - next + total
    total = next
  }
  // With an infinity in it, the error is NaN.
  return Number.isFinite(total) ? total + errors : total
}

/** ⟨a, b⟩ */
export function inner(a: Float64Array, b: Float64Array): number {
  return sum(a.map((value, i) => value * b[i]!))
}

/**
 * The mask of cautious optimisers: 1 where `average` and `gradient` agree in sign and 0 elsewhere, over the mask's mean,
 * which counts as 1/1000 at least.
 */
export function cautiousMask(average: Float64Array, gradient: Float64Array): Float64Array {
  const mask = average.map((value, i) => (value * gradient[i]! > 0 ? 1 : 0))
  const mean = mask.reduce((sum, value) => sum + value, 0) / mask.length
  return mask.map((value) => value / Math.max(mean, 1e-3))
}
