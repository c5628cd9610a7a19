import { optionError, show } from '../errors.js'
import { checkKeys } from '../validation/keys.js'
import { isSchedule, type BuiltinSchedule, type Schedule, type ScheduleJSON } from './schedule.js'
import { constant, cosine, exponential, linear, piecewise, warmup } from './schedules.js'
import { cosineRestarts, inverseSqrt, oneCycle, warmupStableDecay } from './trainingSchedules.js'

/**
 * The largest value that a built-in schedule ever takes; `undefined` if there is none (an exponential that grows) or it
 * cannot be known (a function of the caller).
 */
export function peakOf(schedule: Schedule): number | undefined {
  if (!isSchedule(schedule)) return undefined
  try {
    return peakOfJSON(schedule.toJSON())
  } catch {
    // `warmup` into a function of the caller.
    return undefined
  }
}

function peakOfJSON(json: ScheduleJSON): number | undefined {
  const { from, to, peak, value, values, rate, peakFactor, then } = json as unknown as {
    readonly from: number
    readonly to: number
    readonly peak: number
    readonly value: number
    readonly values: readonly number[]
    readonly rate: number
    readonly peakFactor: number
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
    case 'oneCycle':
    case 'warmupStableDecay':
      return Math.max(from, peak, to)
    case 'inverseSqrt':
      // One below 0 rises towards it.
      return Math.max(from, 0)
    case 'cosineRestarts':
      return peakFactor <= 1 || from <= to ? Math.max(from, to) : undefined
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

const builders: Readonly<Record<string, (options: never) => BuiltinSchedule>> = {
  constant: ({ value, ...others }: { value: number }) => {
    checkKeys('constant', others, [])
    return constant(value)
  },
  linear,
  cosine,
  exponential,
  piecewise,
  oneCycle,
  warmupStableDecay,
  inverseSqrt,
  cosineRestarts,
  warmup: ({ then, ...options }: { then: unknown; steps: number; from?: number }) =>
    warmup(typeof then === 'number' ? then : scheduleFromJSON(then, 'then'), options),
}

/**
 * Rebuilds a built-in schedule from its data.
 *
 * @param name of the data, for the error
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
