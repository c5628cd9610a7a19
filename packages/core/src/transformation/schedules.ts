import { isList, optionError, show, unsupported } from '../errors.js'
import { checkKeys } from '../validation/keys.js'

/** A value by step, counted from 1. Any function will do; the built-in ones can also be saved. */
export type Schedule = (step: number) => number

/** A built-in schedule as plain data. */
export interface ScheduleJSON {
  readonly schedule: string
  readonly [option: string]: number | readonly number[] | string | ScheduleJSON
}

/** A schedule that knows its own data, and so can be saved with the transformation. */
export interface BuiltinSchedule extends Schedule {
  toJSON(): ScheduleJSON
}

/** Whether a function is a schedule that can be saved. */
export function isSchedule(value: unknown): value is BuiltinSchedule {
  return typeof value === 'function' && 'toJSON' in value && typeof value.toJSON === 'function'
}

function builtin(json: ScheduleJSON, at: Schedule): BuiltinSchedule {
  return Object.assign((step: number) => at(step), { toJSON: () => json })
}

function check(name: string, value: unknown, positive = false): asserts value is number {
  if (typeof value === 'number' && Number.isFinite(value) && (!positive || value > 0)) return
  throw optionError(`${name} must be a finite number${positive ? ' > 0' : ''}, given ${show(value)}`)
}

/**
 * The same value at every step.
 *
 * @throws ERR_OPTION when the value is no finite number
 *
 * @example
 * ```ts
 * import { constant } from '@induced-metric/core'
 *
 * constant(0.1)(1000) // 0.1
 * ```
 */
export function constant(value: number): BuiltinSchedule {
  check('constant.value', value)
  return builtin({ schedule: 'constant', value }, () => value)
}

/**
 * A straight line from `from` at step 1 to `to`, reached after `steps` steps and kept.
 *
 * @throws ERR_OPTION when an option is unknown or no finite number, or `steps` not > 0
 *
 * @example
 * ```ts
 * import { linear } from '@induced-metric/core'
 *
 * linear({ from: 0.1, to: 0, steps: 100 })(51) // 0.05
 * ```
 */
export function linear(options: { from: number; to: number; steps: number }): BuiltinSchedule {
  checkKeys('linear', options, ['from', 'to', 'steps'])
  const { from, to, steps } = options
  check('linear.from', from)
  check('linear.to', to)
  check('linear.steps', steps, true)
  return builtin(
    { schedule: 'linear', from, to, steps },
    (step) => from + (to - from) * progress(step, steps),
  )
}

/**
 * Half a cosine wave from `from` at step 1 down to `to` (default 0), reached after `steps` steps and kept.
 *
 * @throws ERR_OPTION when an option is unknown or no finite number, or `steps` not > 0
 *
 * @example
 * ```ts
 * import { cosine } from '@induced-metric/core'
 *
 * cosine({ from: 0.1, steps: 1000 })(501) // 0.05
 * ```
 */
export function cosine(options: { from: number; to?: number; steps: number }): BuiltinSchedule {
  checkKeys('cosine', options, ['from', 'to', 'steps'])
  const { from, to = 0, steps } = options
  check('cosine.from', from)
  check('cosine.to', to)
  check('cosine.steps', steps, true)
  return builtin(
    { schedule: 'cosine', from, to, steps },
    // In this order: half of the smallest numbers is rounded, and could take the schedule below 0.
    (step) => to + (from - to) * (0.5 * (1 + Math.cos(Math.PI * progress(step, steps)))),
  )
}

/**
 * Multiplies by `rate` once every `steps` steps (default every step), smoothly.
 *
 * @throws ERR_OPTION when an option is unknown or no finite number, or `rate` or `steps` not > 0
 *
 * @example
 * ```ts
 * import { exponential } from '@induced-metric/core'
 *
 * exponential({ from: 0.1, rate: 0.5, steps: 100 })(101) // 0.05
 * ```
 */
export function exponential(options: { from: number; rate: number; steps?: number }): BuiltinSchedule {
  checkKeys('exponential', options, ['from', 'rate', 'steps'])
  const { from, rate, steps = 1 } = options
  check('exponential.from', from)
  check('exponential.rate', rate, true)
  check('exponential.steps', steps, true)
  return builtin(
    { schedule: 'exponential', from, rate, steps },
    (step) => from * rate ** ((step - 1) / steps),
  )
}

/**
 * Constant pieces: `values[0]` up to and including step `boundaries[0]`, then `values[1]`, and so on.
 *
 * @throws ERR_OPTION when an option is unknown or no list of finite numbers, the boundaries do not rise, or there is not one
 *   value more than boundaries
 *
 * @example
 * ```ts
 * import { piecewise } from '@induced-metric/core'
 *
 * piecewise({ values: [0.1, 0.01], boundaries: [1000] })(1001) // 0.01
 * ```
 */
export function piecewise(options: {
  values: readonly number[]
  boundaries: readonly number[]
}): BuiltinSchedule {
  checkKeys('piecewise', options, ['values', 'boundaries'])
  const { values, boundaries } = options
  if (!isList(values) || !isList(boundaries) || values.length !== boundaries.length + 1) {
    const count = (list: unknown): string => (isList(list) ? String((list as unknown[]).length) : show(list))
    throw optionError(
      `piecewise takes n boundaries and n + 1 values, given boundaries: ${count(boundaries)}, values: ${count(values)}`,
    )
  }
  values.forEach((value) => check('piecewise.values', value))
  boundaries.forEach((boundary, i) => {
    check('piecewise.boundaries', boundary)
    if (i > 0 && boundary <= boundaries[i - 1]!) {
      throw optionError(`piecewise.boundaries must rise, given ${boundaries.join(', ')}`)
    }
  })
  const json = { schedule: 'piecewise', values: [...values], boundaries: [...boundaries] }
  return builtin(json, (step) => {
    const index = json.boundaries.findIndex((boundary) => step <= boundary)
    return json.values[index === -1 ? json.boundaries.length : index]!
  })
}

/**
 * Climbs in a straight line from `from` (default 0) to where `then` starts, over the first `steps` steps: step
 * `steps + 1` is the first of `then`, which counts its own steps from 1.
 *
 * @throws ERR_OPTION when an option is unknown or no finite number, or `steps` not > 0
 *
 * @example
 * ```ts
 * import { cosine, warmup } from '@induced-metric/core'
 *
 * warmup(cosine({ from: 0.1, steps: 1000 }), { steps: 100 })(51) // 0.05
 * ```
 */
export function warmup(then: number | Schedule, options: { steps: number; from?: number }): BuiltinSchedule {
  checkKeys('warmup', options, ['steps', 'from'])
  const { steps, from = 0 } = options
  check('warmup.from', from)
  check('warmup.steps', steps, true)
  if (typeof then !== 'function') check('warmup.then', then)
  const after = typeof then === 'function' ? then : constant(then)
  const schedule = (step: number): number =>
    step > steps ? after(step - steps) : from + (after(1) - from) * ((step - 1) / steps)
  return Object.assign(schedule, {
    toJSON(): ScheduleJSON {
      if (!isSchedule(after)) {
        throw unsupported('warmup into a function of your own cannot be saved')
      }
      // oxlint-disable-next-line unicorn/no-thenable -- no function, so nothing that await could take for a promise
      return { schedule: 'warmup', then: after.toJSON(), steps, from }
    },
  })
}

/**
 * The largest value that a built-in schedule ever takes; `undefined` where there is none (an exponential that grows) or
 * where it cannot be known (a function of the caller's).
 */
export function peakOf(schedule: Schedule): number | undefined {
  if (!isSchedule(schedule)) return undefined
  try {
    return peakOfJSON(schedule.toJSON())
  } catch {
    // `warmup` into a function of the caller's.
    return undefined
  }
}

function peakOfJSON(json: ScheduleJSON): number | undefined {
  const { from, to, value, values, rate, then } = json as unknown as {
    readonly from: number
    readonly to: number
    readonly value: number
    readonly values: readonly number[]
    readonly rate: number
    readonly then: ScheduleJSON
  }
  switch (json.schedule) {
    case 'constant':
      return value
    case 'linear':
    case 'cosine':
      return Math.max(from, to)
    case 'piecewise':
      return Math.max(...values)
    case 'exponential':
      return rate <= 1 || from <= 0 ? from : undefined
    case 'warmup': {
      const peak = peakOfJSON(then)
      return peak === undefined ? undefined : Math.max(from, peak)
    }
    default:
      return undefined
  }
}

function progress(step: number, steps: number): number {
  return Math.min(Math.max((step - 1) / steps, 0), 1)
}

const builders: Readonly<Record<string, (options: never) => BuiltinSchedule>> = {
  constant: ({ value, ...others }: { value: number }) => {
    checkKeys('constant', others, [])
    return constant(value)
  },
  linear,
  cosine,
  exponential,
  piecewise,
  warmup: ({ then, ...options }: { then: unknown; steps: number; from?: number }) =>
    warmup(typeof then === 'number' ? then : scheduleFromJSON(then, 'then'), options),
}

/**
 * Rebuilds a built-in schedule from its data.
 *
 * @param name what the data are, for the error
 * @throws ERR_OPTION when there is no such schedule, or it does not take these options
 */
export function scheduleFromJSON(json: unknown, name = 'a schedule'): BuiltinSchedule {
  const { schedule, ...options } = (
    typeof json === 'object' && json !== null ? json : {}
  ) as Partial<ScheduleJSON>
  const build =
    typeof schedule === 'string' && Object.hasOwn(builders, schedule) ? builders[schedule] : undefined
  if (build === undefined) {
    const known = Object.keys(builders).join(', ')
    throw optionError(`${name}: no built-in schedule ${show(schedule)}; known: ${known}`)
  }
  return build(options as never)
}
