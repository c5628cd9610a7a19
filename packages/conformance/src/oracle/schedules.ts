import type { PlainNumber, PlainSchedule } from '../plain.js'

/** The value of a number, schedule or function at a step counted from 1. */
export function valueAt(x: PlainNumber, step: number): number {
  if (typeof x === 'number') return x
  return typeof x === 'function' ? x(step) : scheduleAt(x, step)
}

function scheduleAt(x: PlainSchedule, step: number): number {
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
    case 'oneCycle': {
      const [peak, steps] = [n('peak'), n('steps')]
      const from = n('from', peak / 25)
      const to = n('to', from / 10_000)
      if (step > steps) return to
      return onSegments(
        step,
        [1, n('warmup', 0.3 * steps), steps],
        [from, peak, to],
        between(x['curve'] ?? 'cosine'),
      )
    }
    case 'warmupStableDecay': {
      const [warm, peak] = [n('warmup', 0), n('peak')]
      const stable = 1 + warm + n('stable')
      if (step < stable) return onSegments(step, [1, 1 + warm], [n('from', 0), peak], line)
      const way = between(x['curve'] ?? 'linear')
      return onSegments(step, [stable, stable + n('decay')], [peak, n('to', 0)], way)
    }
    case 'inverseSqrt':
      return n('from') / Math.sqrt(1 + (step - 1) / n('steps'))
    case 'cosineRestarts': {
      let [begin, length, top] = [1, n('steps'), n('from')]
      const low = n('to', 0)
      while (step >= begin + length) {
        begin += length
        length *= n('stepsFactor', 1)
        top = low + (top - low) * n('peakFactor', 1)
      }
      return onSegments(step, [begin, begin + length], [top, low], between('cosine'))
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
    case 'oneCycle':
    case 'warmupStableDecay':
    case 'inverseSqrt':
      return Math.max(...['from', 'peak', 'to'].map((key) => (x[key] as number | undefined) ?? 0))
    case 'cosineRestarts':
      return ((x['peakFactor'] as number | undefined) ?? 1) > 1
        ? undefined
        : Math.max(x['from'] as number, (x['to'] as number | undefined) ?? 0)
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

/** How a value goes from a to b as u goes from 0 to 1. */
type Way = (a: number, b: number, u: number) => number

// As weighted means: where b is much the smaller, a + (b − a)u cancels at the end.
const line: Way = (a, b, u) => a * (1 - u) + b * u

/** The way of a curve by its name. */
function between(curve: unknown): Way {
  switch (curve) {
    case 'linear':
      return line
    case 'cosine':
      return (a, b, u) => a * Math.cos((Math.PI / 2) * u) ** 2 + b * Math.sin((Math.PI / 2) * u) ** 2
    case 'sqrt':
      return (a, b, u) => line(a, b, Math.sqrt(u))
    default:
      throw new Error(`oracle: unknown curve ${String(curve)}`)
  }
}

/** The value at a step, given the values at some steps; the last of them is kept. */
function onSegments(step: number, steps: readonly number[], values: readonly number[], way: Way): number {
  for (let i = 1; i < steps.length; i++) {
    const [begin, end] = [steps[i - 1]!, steps[i]!]
    if (step > end || begin === end) continue
    // Itself, which cos(π/2)² = 4e-33 would miss.
    if (step === end) return values[i]!
    return way(values[i - 1]!, values[i]!, (step - begin) / (end - begin))
  }
  return values.at(-1)!
}

/** The fraction of a schedule of that many steps that is over at this step: 0 at the first, 1 from the last on. */
function share(step: number, steps: number): number {
  return Math.min(1, (step - 1) / steps)
}
