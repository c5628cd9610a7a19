/**
 * The form of the suite's cases as data: what a case does with optimisers, and what must come of it. The numbers are those of
 * the protocol: what JSON cannot write is a text.
 */

import type { CaseNumber } from '../problem.js'

/** A number: a JSON number, or a word for what JSON cannot write. */
export type DataNumber = CaseNumber | '-0'

/** The numbers of a tensor, row by row; or one number for all of them. */
export type DataArray = readonly DataNumber[] | { readonly fill: DataNumber; readonly size: number }

/** A parameter of an optimiser. */
export interface DataParameter {
  readonly name: string
  readonly shape: readonly number[]
  readonly group?: string
  /** Its element type, where that is not the case's. */
  readonly dtype?: 'float32' | 'float64'
  readonly data: DataArray
}

/** What a step's report must say of a metric unit. */
export interface DataUnit {
  /** Its name, where there are several: a report that gives one must give this. */
  readonly key?: string
  readonly scale: DataNumber
  readonly dualNorm: DataNumber
  readonly metric: DataNumber
  readonly xi: DataNumber
}

/** What a step's report must say. */
export interface DataReport extends DataUnit {
  readonly learningRate: DataNumber
  readonly units?: readonly DataUnit[]
}

/** One thing that is done with an optimiser, which is named by its number, and what must come of it. */
export type DataCall =
  | {
      readonly create: number
      readonly transformation: object
      /** Its parameters begin with the values that this other optimiser has now, which are `data` up to rounding. */
      readonly at?: number
      readonly parameters: readonly DataParameter[]
      readonly error?: string
    }
  /**
   * Where it is `skipped` or an `error`, no parameter changes. `taken` and `passed` count the steps taken and skipped so far, and
   * `waiting` the calls that wait for the rest of their update, this one too.
   */
  | {
      readonly step: number
      readonly gradients: readonly (DataArray | null)[]
      readonly loss?: DataNumber
      readonly taken?: number
      readonly passed?: number
      readonly waiting?: number
      readonly skipped?: true
      readonly error?: string
      readonly parameters?: readonly DataArray[]
      readonly report?: DataReport
    }
  | { readonly save: number; readonly as?: string; readonly error?: string }
  /** The bytes that were saved under the name, or those given, in Base64. */
  | { readonly load: number; readonly from?: string; readonly bytes?: string; readonly error?: string }
  | { readonly reset: number; readonly error?: string }
  | { readonly dispose: number }
  /** The parameters of the two are now equal: bit for bit, where the target promises that. */
  | { readonly same: readonly [number, number] }
  /**
   * Steps along the gradients of a named function of the plane, until its value is at most `until`: after so many iterations, at
   * that value with three digits.
   */
  | {
      readonly minimise: number
      readonly function: string
      readonly until: number
      readonly atMost: number
      readonly iterations: number
      readonly value: string
    }

/** A case as data. */
export interface DataCase {
  /** The ids of the case in the suite, by element type. */
  readonly ids: Readonly<Partial<Record<'float32' | 'float64', string>>>
  readonly title: string
  /** The capabilities that it needs. */
  readonly requires: readonly string[]
  /** The number of scalars that a step sums over, and where it matters a tolerance of the case's own. */
  readonly terms: number
  readonly tolerance?: number
  /** Whether errors are relative to a tensor's largest size so far, in place of its current size. */
  readonly relativeTo?: 'largest'
  readonly calls: readonly DataCall[]
}

/** A case that is no data. */
export interface CodeCase {
  readonly ids: readonly string[]
  readonly reason: string
}

/** The cases of one family. */
export interface DataFile {
  readonly format: 'induced-metric-suite'
  /** The version of this form. */
  readonly version: 1
  /** The version of the set of cases. */
  readonly suite: number
  readonly family: string
  readonly cases: readonly DataCase[]
  /** What is no data, and why. */
  readonly code: readonly CodeCase[]
}
