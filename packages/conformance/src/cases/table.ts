import { needsOf, type Case, type CaseBody } from '../case.js'
import type { Dtype, Feature } from '../manifest.js'
import type { PlainBase, PlainSchedule } from '../plain.js'
import type { ProblemParameter } from '../problem.js'

/** A row of a table of cases: its number in the id, its statement and its question. */
export type Row = CaseBody & {
  /** The last part of the id. It never changes and is never reused. */
  readonly n: number
  readonly title: string
  /** The element types of the row (default both). */
  readonly dtypes?: readonly Dtype[]
  /** The features it needs beyond those that follow from its problem. */
  readonly needs?: readonly Feature[]
}

const both: readonly Dtype[] = ['float32', 'float64']

/** The cases `prefix/f32/0001`, `prefix/f64/0001`, … of a table. */
export function table(prefix: string, rows: readonly Row[]): Case[] {
  return both.flatMap((dtype) =>
    rows
      .filter((row) => (row.dtypes ?? both).includes(dtype))
      .map(({ n, dtypes: _dtypes, needs = [], ...body }): Case => {
        const requires = new Set<Feature>(needs)
        if ('problem' in body) for (const feature of needsOf(body.problem)) requires.add(feature)
        if ('other' in body) for (const feature of needsOf(body.other)) requires.add(feature)
        const id = `${prefix}/${dtype === 'float32' ? 'f32' : 'f64'}/${String(n).padStart(4, '0')}`
        return { ...body, id, dtype, requires: [...requires] }
      }),
  )
}

/** Tensors of ranks 0 to 3: 29 scalars. */
export const mixed: readonly ProblemParameter[] = [
  { name: 'kernel', shape: [3, 4] },
  { name: 'bias', shape: [4] },
  { name: 'scale', shape: [] },
  { name: 'filter', shape: [2, 3, 2] },
]

/** Matrices tall, wide and square: 41 scalars. */
export const matrices: readonly ProblemParameter[] = [
  { name: 'tall', shape: [5, 3] },
  { name: 'wide', shape: [2, 5] },
  { name: 'square', shape: [4, 4] },
]

/** A matrix and a vector: 10 scalars. */
export const small: readonly ProblemParameter[] = [
  { name: 'kernel', shape: [2, 3] },
  { name: 'bias', shape: [4] },
]

/** The same, starting from 0, where the step itself is the result, without rounding against θ. */
export const fromZero: readonly ProblemParameter[] = small.map((p) => ({ ...p, fill: 0 }))

/**
 * The number of a case. The second version of the suite changed the s of `lion` and `muon`, and the cases that depend on it got
 * new numbers; all others keep the number they had.
 */
export function numberOf(base: PlainBase, n: number): number {
  return base.name === 'lion' || base.name === 'muon' ? n + 100 : n
}

/** Whether a base reads the loss at every step. */
export function readsLoss({ name }: PlainBase): boolean {
  return name === 'polyak' || name === 'momo'
}

/** Whether a base returns the average of gradients from which its direction is computed. */
export function hasAverage({ name, momentum, base }: PlainBase): boolean {
  if (name === 'rmsprop') return momentum === undefined
  if (name === 'lars') return momentum === 0
  if (base !== undefined) return hasAverage(base as PlainBase)
  return !['adopt', 'novograd', 'mars', 'madgrad', 'ftrl', 'prodigy', 'dadaptation'].includes(name)
}

/** A warm-up from 0. */
export function warmUp(then: unknown, steps: number): PlainSchedule {
  // oxlint-disable-next-line unicorn/no-thenable -- the name the schedule's data have; it is no function
  return { schedule: 'warmup', then, steps }
}
