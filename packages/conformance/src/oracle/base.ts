import type { PlainBase } from '../plain.js'
import type { Moment } from './averages.js'

/** One step of one base on one parameter, in float64; `t` is the parameter's own step count, from 1. */
export interface BaseInput extends Moment {
  readonly g: Float64Array
  /** θ before the step. */
  readonly theta: Float64Array
  readonly shape: readonly number[]
  readonly slots: Readonly<Record<string, Float64Array>>
  /** The base as it is given. */
  readonly options: PlainBase
  /** The optimiser's step, by which schedules go. */
  readonly step: number
  readonly learningRate: number
  /** NaN if there is none. */
  readonly loss: number
  /** The number of steps of the base, over all of its parameters together. */
  readonly count: number
  /** The sums of {@link Whole} over all of its parameters, and the scalars they share before and after this step. */
  readonly totals: readonly number[]
  readonly shared: Readonly<Record<string, number>>
  readonly sharedNext: Readonly<Record<string, number>>
  text(name: string, otherwise: string): string
}

/** The result of a base: its direction and slots; and gᵀPg, where its preconditioner P is a linear map. */
export interface BaseStep {
  readonly direction: Float64Array
  readonly slots: Readonly<Record<string, Float64Array>>
  readonly dual?: number
  /** The new parameter before its decay, and the slots, where a base computes both itself, given ρ. */
  readonly apply?: (rho: number) => {
    readonly parameter: Float64Array
    readonly slots: Readonly<Record<string, Float64Array>>
  }
}

/** A base. */
export type Base = (x: BaseInput) => BaseStep

/** The sums of a base over all parameters that it updates, and the scalars that they share. */
export interface Whole {
  /** One parameter's part of the sums. */
  totals(x: BaseInput): readonly number[]
  /** The new values of the scalars, given the sums. Only what belongs to no parameter in particular is to be read. */
  shared(x: BaseInput): Readonly<Record<string, number>>
}

/** A copy of a slot; before the first step, an array of `initial` or a copy of it. */
export function slot(x: BaseInput, name: string, initial: number | Float64Array = 0): Float64Array {
  const kept = x.slots[name] ?? initial
  if (typeof kept !== 'number') return kept.slice()
  const values = new Float64Array(x.g.length)
  return kept === 0 ? values : values.fill(kept)
}

/** An exponential average in place: a ← βa + (1−β)b. */
export function average(a: Float64Array, b: ArrayLike<number>, beta: number): Float64Array {
  for (let i = 0; i < a.length; i++) a[i] = beta * a[i]! + (1 - beta) * b[i]!
  return a
}

/** An average that began at 0, without its bias: a/(1−βᵗ). */
export function unbiased(a: Float64Array, beta: number, t: number): Float64Array {
  const weight = 1 - beta ** t
  return a.map((value) => value / weight)
}

/** The roots of a second moment without its bias: √(v/(1−βᵗ)) + ε. */
export function roots(v: Float64Array, beta: number, t: number, epsilon: number): Float64Array {
  const weight = 1 - beta ** t
  return v.map((value) => Math.sqrt(value / weight) + epsilon)
}

/** Direction and gᵀPg of a diagonal P, given as what it divides by. */
export function divided(
  x: BaseInput,
  mean: Float64Array,
  denominator: Float64Array,
): { direction: Float64Array; dual: number } {
  return {
    direction: mean.map((value, i) => value / denominator[i]!),
    dual: sum(x.g.map((g, i) => (g * g) / denominator[i]!)),
  }
}

/**
 * The sum of an array, with the rounding errors added at the end (Neumaier, 1974): over a million elements, plain addition is
 * off by more than the suite allows.
 */
export function sum(values: Float64Array): number {
  return sumOf(values)
}

/** ⟨a, b⟩ */
export function inner(a: Float64Array, b: Float64Array): number {
  return sumOf(a, b)
}

/** The sum of an array's elements, or of their products with another's. */
function sumOf(values: Float64Array, factors?: Float64Array): number {
  let total = 0
  let errors = 0
  for (let i = 0; i < values.length; i++) {
    const value = factors === undefined ? values[i]! : values[i]! * factors[i]!
    const next = total + value
    errors += Math.abs(total) >= Math.abs(value) ? total - next + value : value - next + total
    total = next
  }
  // With an infinity in it, the error is NaN.
  return Number.isFinite(total) ? total + errors : total
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
