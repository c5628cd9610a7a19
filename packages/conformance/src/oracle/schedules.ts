import type { PlainNumber, PlainSchedule } from '../plain.js'

/** The value of a number, schedule or function at a step counted from 1. */
export function valueAt(x: PlainNumber, step: number): number {
  if (typeof x === 'number') return x
  if (typeof x === 'function') return x(step)
  const n = (key: string, otherwise?: number): number => {
    const value = x[key] ?? otherwise
    if (typeof value !== 'number') throw new Error(`oracle: schedule ${x.schedule} lacks ${key}`)
    return value
  }
  switch (x.schedule) {
    case 'constant':
      return n('value')
    case 'linear':
      return n('from') + (n('to') - n('from')) * share(step, n('steps'))
    case 'cosine':
      return n('to', 0) + ((n('from') - n('to', 0)) * (1 + Math.cos(Math.PI * share(step, n('steps'))))) / 2
    case 'exponential':
      return n('from') * n('rate') ** ((step - 1) / n('steps', 1))
    case 'piecewise': {
      const values = x['values'] as readonly number[]
      const boundaries = x['boundaries'] as readonly number[]
      let i = 0
      while (i < boundaries.length && step > boundaries[i]!) i++
      return values[i]!
    }
    case 'warmup': {
      const steps = n('steps')
      const target = x['then'] as number | PlainSchedule
      if (step <= steps) {
        const from = n('from', 0)
        return from + (valueAt(target, 1) - from) * ((step - 1) / steps)
      }
      return valueAt(target, step - steps)
    }
    default:
      throw new Error(`oracle: unknown schedule ${x.schedule}`)
  }
}

/**
 * The largest value over all steps of a number or a built-in schedule; `undefined` if it is unknown: for an
 * exponential that grows, and for a function.
 */
export function peakOf(x: PlainNumber): number | undefined {
  if (typeof x === 'number') return x
  if (typeof x === 'function') return undefined
  switch (x.schedule) {
    case 'constant':
      return x['value'] as number
    case 'linear':
    case 'cosine':
      return Math.max(x['from'] as number, (x['to'] as number | undefined) ?? 0)
    case 'exponential':
      return (x['rate'] as number) > 1 ? undefined : (x['from'] as number)
    case 'piecewise':
      return Math.max(...(x['values'] as readonly number[]))
    case 'warmup': {
      const then = peakOf(x['then'] as PlainNumber)
      return then === undefined ? undefined : Math.max((x['from'] as number | undefined) ?? 0, then)
    }
    default:
      throw new Error(`oracle: unknown schedule ${x.schedule}`)
  }
}

/** The fraction of a schedule of that many steps that is over at this step: 0 at the first, 1 from the last on. */
function share(step: number, steps: number): number {
  return Math.min(1, (step - 1) / steps)
}
