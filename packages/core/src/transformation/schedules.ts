import { isList, optionError, show, unsupported } from '../errors.js'
import { checkKeys } from '../validation/keys.js'
import {
  builtin,
  check,
  isSchedule,
  progress,
  type BuiltinSchedule,
  type Schedule,
  type ScheduleJSON,
} from './schedule.js'

/**
 * The same value at every step.
 *
 * @throws ERR_OPTION when the value is not a finite number
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
 * A straight line from `from` at step 1 to `to`, which is reached after `steps` steps and kept.
 *
 * @throws ERR_OPTION when an option is unknown or not a finite number, or `steps` is not > 0
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
 * Half a cosine wave from `from` at step 1 down to `to` (default 0), which is reached after `steps` steps and kept.
 *
 * @throws ERR_OPTION when an option is unknown or not a finite number, or `steps` is not > 0
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
    // In this order: halving the smallest numbers rounds them, which could take the schedule below 0.
    (step) => to + (from - to) * (0.5 * (1 + Math.cos(Math.PI * progress(step, steps)))),
  )
}

/**
 * Multiplies by `rate` once every `steps` steps (default every step), smoothly.
 *
 * @throws ERR_OPTION when an option is unknown or not a finite number, or `rate` or `steps` is not > 0
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
 * @throws ERR_OPTION when an option is unknown or not a list of finite numbers, the boundaries do not increase, or there is
 *   not exactly one value more than boundaries
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
 * Rises in a straight line from `from` (default 0) to the first value of `then` over the first `steps` steps. Step
 * `steps + 1` is the first of `then`, which counts its own steps from 1.
 *
 * @throws ERR_OPTION when an option is unknown or not a finite number, or `steps` is not > 0
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
      // oxlint-disable-next-line unicorn/no-thenable -- not a function, so await cannot take it for a promise
      return { schedule: 'warmup', then: after.toJSON(), steps, from }
    },
  })
}
