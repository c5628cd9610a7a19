import {
  add,
  columnSums,
  div,
  every,
  floor,
  greater,
  input,
  literal,
  max,
  min,
  mul,
  neg,
  rowSums,
  select,
  sqrt,
  square,
  sub,
  sum,
  when,
  type Expr,
} from '../graph/algebra.js'
import { optionError } from '../errors.js'
import type { MatrixRows } from '../transformation/hyperparameter.js'
import type { RecordedSlot } from '../transformation/recordedUpdate.js'
import type { GroupSettings } from '../transformation/types.js'

/** The kind of the average of a parameter's values that is kept. */
export type AverageKind = 'no' | 'polynomial' | 'ema' | 'swa'

/** The kind of average that a group keeps. */
export function averageKind({ averageWeights }: GroupSettings): AverageKind {
  if (averageWeights === undefined) return 'no'
  if (typeof averageWeights === 'number') return 'polynomial'
  return 'ema' in averageWeights ? 'ema' : 'swa'
}

/** The slot that holds the average of a parameter's values, and the one that holds its slow values. */
const averagedSlot = 'averagedParameter'
const slowSlot = 'slowParameter'

const scalar = (name: string): Expr => input(name, 'scalar')

/** g by element, at most `clipValue` in size. */
export function clipElements(gradient: Expr): Expr {
  const limit = scalar('clipValue')
  return max(neg(limit), min(limit, gradient))
}

/**
 * Adaptive clipping: each unit's gradient times min(1, λ·max(‖w‖, ε)/‖g‖). The units of a matrix are its outputs; a parameter
 * in another form is a single one.
 */
export function clipUnits(gradient: Expr, parameter: Expr, outputsAre: MatrixRows): Expr {
  const isMatrix = gradient.shape === 'rows,columns'
  const squares = (x: Expr): Expr => {
    if (!isMatrix) return sum(square(x))
    return outputsAre === 'outputs' ? rowSums(square(x)) : columnSums(square(x))
  }
  const weights = max(scalar('clipEpsilon'), sqrt(squares(parameter)))
  const factor = min(1, div(mul(scalar('clipFactor'), weights), sqrt(squares(gradient))))
  return mul(factor, gradient)
}

/**
 * The share by which an average moves to the parameter's next value. At its first step it is 1, and a polynomial average then
 * favours the latest (k + 1)/t of the run.
 */
function averageShare(kind: Exclude<AverageKind, 'no'>): Expr {
  const step = scalar('step')
  if (kind === 'polynomial') {
    const k = scalar('averageWeights')
    return div(add(k, 1), add(step, k))
  }
  if (kind === 'ema') return select(greater(step, 1), sub(1, scalar('averageDecay')), 1)
  const past = sub(step, scalar('averageStart'))
  const periods = floor(div(past, scalar('averageEvery')))
  const counts = greater(0.5, sub(past, mul(periods, scalar('averageEvery'))))
  return select(greater(past, 0), mul(counts, div(1, add(periods, 1))), 1)
}

/** x̄ + c·(θ − x̄), θ being the parameter's next value. */
function averagedParameter(kind: Exclude<AverageKind, 'no'>, next: Expr): Expr {
  const before = input(`slot.${averagedSlot}`, next.shape)
  return add(before, mul(averageShare(kind), sub(next, before)))
}

/** The next values of a parameter and of its slow values, given what the base makes of it. */
export function lookAhead(next: Expr, parameter: Expr): { readonly next: Expr; readonly slow: Expr } {
  const kept = input(`slot.${slowSlot}`, next.shape)
  const before = when(greater(scalar('step'), 1), kept, parameter)
  const moved = add(before, mul(scalar('slowStepSize'), sub(next, before)))
  const period = scalar('syncPeriod')
  return { next: every(period, moved, next), slow: every(period, moved, before) }
}

/** The wrappers of a parameter's graph that keep something. */
export interface Keeping {
  readonly averages: AverageKind
  readonly looksAhead: boolean
}

/** The weights to evaluate with that the wrappers keep; `undefined` if they keep none. */
export function keptWeights({ averages, looksAhead }: Keeping, { shape }: Expr): Expr | undefined {
  if (averages !== 'no') return input(`slot.${averagedSlot}`, shape)
  return looksAhead ? input(`slot.${slowSlot}`, shape) : undefined
}

/**
 * Adds the slots that wrappers keep.
 *
 * @param values the next value of the parameter, and of its slow values, which only Lookahead has
 * @throws ERR_OPTION where the base has a slot of that name, or weights to evaluate with
 */
export function addKeptSlots(
  base: string,
  slots: Record<string, RecordedSlot>,
  { averages, looksAhead }: Keeping,
  values: { readonly next: Expr; readonly slow: Expr | undefined; readonly hasEvaluation: boolean },
): void {
  const keep = (option: string, name: string, next: Expr): void => {
    if (values.hasEvaluation) {
      throw optionError(
        `${base} has weights to evaluate with of its own; leave ${option} out, or take another base`,
      )
    }
    if (name in slots) {
      throw optionError(`${base}: ${option} keeps a slot named ${name}, and so does the base; rename that`)
    }
    slots[name] = { initial: literal(0), next }
  }
  if (looksAhead) keep('lookahead', slowSlot, values.slow!)
  if (averages !== 'no') keep('averageWeights', averagedSlot, averagedParameter(averages, values.next))
}
