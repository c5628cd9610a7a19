import { optionError, show, unsupported } from '../errors.js'
import { checkKeys } from '../validation/keys.js'
import {
  checkBoolean,
  checkInteger,
  checkNumber,
  describeRange,
  inRange,
  type Range,
} from '../validation/range.js'
import { isSchedule, type Schedule, type ScheduleJSON } from './schedule.js'
import { scheduleFromJSON } from './scheduleJSON.js'

/** A number, or a function of the optimiser's step, counted from 1. */
export type Scheduled = number | Schedule

/** A number that may change from step to step. It is a run-time input of the recorded graph, never a constant in it. */
export interface NumberSpec extends Range {
  readonly kind: 'number'
  readonly default: number
  /**
   * Whether a value of plain `0` is recorded as the constant zero, so that the definition can omit a slot (`isZero`). A
   * schedule is never recorded in this way.
   */
  readonly zeroIsStructural?: boolean
  /** Whether the value may be a {@link Following} instead of a number. Only embeddings may declare this. */
  readonly follows?: boolean
  /**
   * Whether it keeps a denominator away from 0, as an ε does. Where arithmetic rounds it to 0, it is raised to the least
   * number that is not rounded to 0 (see `raiseEpsilons`).
   */
  readonly isEpsilon?: boolean
}

/**
 * A lower bound that follows the losses instead of being known: `'follow'`, or `{ follow: bound }` if it never falls below
 * `bound` (0 otherwise). See `root`.
 */
export type Following = 'follow' | { readonly follow: number }

/** The meaning of a matrix parameter's rows: `'outputs'` for weights of shape out × in, `'inputs'` for in × out. */
export type MatrixRows = 'outputs' | 'inputs'

/** The option `rows` of a base that treats outputs and inputs differently. It is fixed when the graph is recorded. */
export interface RowsSpec {
  readonly kind: 'rows'
  /** `'auto'` stands for the parameter's own `rowsAre`. */
  readonly default: MatrixRows | 'auto'
}

/** A switch. It is fixed when the graph is recorded. */
export interface BooleanSpec {
  readonly kind: 'boolean'
  readonly default: boolean
}

/** A count, such as of iterations. It is fixed when the graph is recorded. */
export interface IntegerSpec extends Range {
  readonly kind: 'integer'
  readonly default: number
}

/** The declaration of a hyperparameter of a preconditioner or an embedding. */
export type HyperparameterSpec = NumberSpec | BooleanSpec | IntegerSpec | RowsSpec

/** Declarations by name. */
export type HyperparameterSpecs = Readonly<Record<string, HyperparameterSpec>>

/** The options of a caller for declared hyperparameters. */
export type HyperparameterOptions<S extends HyperparameterSpecs> = {
  readonly [K in keyof S]?: S[K] extends BooleanSpec
    ? boolean
    : S[K] extends IntegerSpec
      ? number
      : S[K] extends RowsSpec
        ? MatrixRows | 'auto'
        : S[K] extends { readonly follows: true }
          ? Scheduled | Following
          : Scheduled
}

/** A checked value of a hyperparameter. */
export type HyperparameterValue = Scheduled | boolean | MatrixRows | 'auto' | Following

/** Checked values, with defaults filled in. */
export type HyperparameterValues = Readonly<Record<string, HyperparameterValue>>

/** Values as plain data. */
export type HyperparameterJSON = Record<
  string,
  number | boolean | string | Exclude<Following, string> | ScheduleJSON
>

/**
 * Throws ERR_OPTION unless `value` is a number in the range or a function of the step.
 *
 * @param otherwise other values that the caller accepts, for the error
 */
export function checkScheduled(
  name: string,
  value: unknown,
  range: Range,
  otherwise?: string,
): asserts value is Scheduled {
  if (typeof value === 'function') return
  if (typeof value === 'number' && inRange(value, range)) return
  const more = otherwise === undefined ? '' : `, or ${otherwise}`
  throw optionError(
    `${name} must be ${describeRange(range)}, or a function of the step that gives one${more}; given ${show(value)}`,
  )
}

/** The value at a step. Throws an ERR_OPTION that names the step when a schedule leaves the range. */
export function valueAt(name: string, value: Scheduled, range: Range, step: number): number {
  if (typeof value === 'number') return value
  const result: unknown = value(step)
  if (typeof result === 'number' && inRange(result, range)) return result
  throw optionError(
    `the schedule of ${name} must give ${describeRange(range)}, gave ${show(result)} at step ${step}`,
  )
}

const kinds: ReadonlySet<unknown> = new Set(['number', 'boolean', 'integer', 'rows'])

/**
 * Checks declarations: their names, their kinds, and that they allow their own defaults.
 *
 * @param taken names that a hyperparameter cannot have
 */
export function checkSpecs(owner: string, specs: unknown, taken: readonly string[]): void {
  const wrong = (message: string): never => {
    throw optionError(`${owner}: ${message}`)
  }
  if (typeof specs !== 'object' || specs === null || Array.isArray(specs))
    wrong(`hyperparameters must be an object of declarations, given ${show(specs)}`)
  for (const [name, spec] of Object.entries(specs as Record<string, Partial<HyperparameterSpec> | null>)) {
    if (!/^[A-Za-z][A-Za-z0-9]*$/.test(name))
      wrong(`a hyperparameter's name is a letter, then letters and digits; given ${show(name)}`)
    if (spec?.kind === 'rows' && name !== 'rows')
      wrong(`the hyperparameter of kind 'rows' is called rows, given ${show(name)}`)
    if (taken.includes(name) && spec?.kind !== 'rows')
      wrong(`a hyperparameter cannot be named ${name}, which has another meaning here`)
    if (!kinds.has(spec?.kind))
      wrong(
        `hyperparameter ${name} must be declared as { kind: 'number' | 'boolean' | 'integer' | 'rows', default, … }`,
      )
  }
  resolveHyperparameters(owner, specs as HyperparameterSpecs, {})
}

/** Checks options against their declarations and fills in defaults. */
export function resolveHyperparameters(
  owner: string,
  specs: HyperparameterSpecs,
  options: Readonly<Record<string, unknown>>,
): HyperparameterValues {
  checkKeys(owner, options, Object.keys(specs))
  const values: Record<string, HyperparameterValue> = {}
  for (const [name, spec] of Object.entries(specs)) {
    const value = options[name] === undefined ? spec.default : options[name]
    const path = `${owner}.${name}`
    if (spec.kind === 'boolean') {
      checkBoolean(path, value)
      values[name] = value
    } else if (spec.kind === 'integer') {
      checkInteger(path, value, spec)
      values[name] = value
    } else if (spec.kind === 'rows') {
      checkRows(path, value, true)
      values[name] = value
    } else if (spec.follows && isFollowing(value)) {
      checkNumber(`${path}.follow`, followedBound(value), spec)
      values[name] = value
    } else {
      checkScheduled(path, value, spec, spec.follows ? "'follow'" : undefined)
      values[name] = value
    }
  }
  return values
}

/** Whether a value is a {@link Following}; its bound may still be wrong. */
export function isFollowing(value: unknown): value is Following {
  return value === 'follow' || (typeof value === 'object' && value !== null && 'follow' in value)
}

/** The bound below which a value that follows the losses does not fall. */
export function followedBound(value: Following): number {
  return value === 'follow' ? 0 : value.follow
}

const rowsChoices: readonly unknown[] = ['outputs', 'inputs'] satisfies MatrixRows[]

/** Throws ERR_OPTION unless a value is one of {@link MatrixRows}, or `'auto'` where that is allowed. */
export function checkRows(
  name: string,
  value: unknown,
  allowsAuto: boolean,
): asserts value is MatrixRows | 'auto' {
  if (rowsChoices.includes(value) || (allowsAuto && value === 'auto')) return
  const choices = allowsAuto ? "'outputs', 'inputs' or 'auto'" : "'outputs' or 'inputs'"
  throw optionError(`${name} must be ${choices}, given ${show(value)}`)
}

/** A hyperparameter's value as plain data. */
export function hyperparameterToJSON(name: string, value: HyperparameterValue): HyperparameterJSON[string] {
  return typeof value === 'function' ? scheduledToJSON(name, value) : value
}

/** The inverse of {@link hyperparameterToJSON}. A value that is not a schedule passes through; its owner checks it. */
export function hyperparameterFromJSON(name: string, value: unknown): unknown {
  return isFollowing(value) ? value : scheduledFromJSON(name, value)
}

/** A scheduled value as plain data. Throws ERR_NOT_SUPPORTED for a user's own function. */
export function scheduledToJSON(name: string, value: Scheduled): number | ScheduleJSON {
  if (typeof value === 'number') return value
  if (isSchedule(value)) return value.toJSON()
  throw unsupported(
    `${name} is a function and cannot be saved; use a built-in schedule (cosine, linear, …) where saving matters`,
  )
}

/** The inverse of {@link scheduledToJSON}. A value that is not an object passes through; its owner checks it. */
export function scheduledFromJSON(name: string, value: unknown): unknown {
  return typeof value === 'object' && value !== null ? scheduleFromJSON(value, name) : value
}
