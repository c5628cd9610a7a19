import { optionError, show } from '../errors.js'

/** A value by step, counted from 1. Any function will do, but only built-in ones can be saved. */
export type Schedule = (step: number) => number

/** A built-in schedule as plain data. */
export interface ScheduleJSON {
  readonly schedule: string
  readonly [option: string]: number | readonly number[] | string | ScheduleJSON
}

/** A schedule that can be saved with the transformation. */
export interface BuiltinSchedule extends Schedule {
  toJSON(): ScheduleJSON
}

/** Whether a function is a schedule that can be saved. */
export function isSchedule(value: unknown): value is BuiltinSchedule {
  return typeof value === 'function' && 'toJSON' in value && typeof value.toJSON === 'function'
}

/** Makes a schedule that can be saved. */
export function builtin(json: ScheduleJSON, at: Schedule): BuiltinSchedule {
  return Object.assign((step: number) => at(step), { toJSON: () => json })
}

/**
 * Throws ERR_OPTION unless an option of a schedule is a finite number.
 *
 * @param name of the schedule and the option: `linear.steps`
 * @param positive whether the number must be > 0
 */
export function check(name: string, value: unknown, positive = false): asserts value is number {
  if (typeof value === 'number' && Number.isFinite(value) && (!positive || value > 0)) return
  throw optionError(`${name} must be a finite number${positive ? ' > 0' : ''}, given ${show(value)}`)
}

/** The share of a schedule of so many steps that is done before a step: 0 at the first, and 1 after the last. */
export function progress(step: number, steps: number): number {
  return Math.min(Math.max((step - 1) / steps, 0), 1)
}
