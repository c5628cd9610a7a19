import {
  abs,
  add,
  atan2,
  div,
  exp,
  finite,
  floor,
  greater,
  input,
  log,
  max,
  min,
  mul,
  neg,
  pow,
  select,
  sign,
  sqrt,
  square,
  sub,
  type Expr,
} from '../graph/algebra.js'
import { unsupported } from '../errors.js'
import type { Preconditioner } from '../transformation/preconditioner.js'
import { plainForm, type Recorder } from './recordings.js'

/** The operations that an average may consist of. */
const operations = {
  add,
  sub,
  mul,
  div,
  max,
  min,
  sqrt,
  square,
  abs,
  neg,
  sign,
  pow,
  finite,
  greater,
  select,
  exp,
  log,
  atan2,
  floor,
} as Readonly<Record<string, ((...inputs: Expr[]) => Expr) | undefined>>

/** A base's average of gradients, taken of a scalar instead. */
export interface BaseAverage {
  /** The average, this step included. */
  readonly mean: Expr
  /** Its states, one for each slot of the average. */
  readonly states: readonly AverageState[]
}

/** A state of the average of a scalar. It starts from 0. */
export interface AverageState {
  readonly name: string
  /** The slot that it stands for. */
  readonly slot: string
  readonly next: Expr
  /** Whether the slot averages gradients. A scalar slot does not: it only counts. */
  readonly averages: boolean
}

/** The name under which a base's hyperparameter enters the metric graph of an averaged model. */
export function modelInput(model: number, name: string): string {
  return `model.${model}.base.${name}`
}

/** The base and the hyperparameter of such a name; `undefined` for any other name. */
export function parseModelInput(name: string): { readonly model: number; readonly name: string } | undefined {
  const [, model, of] = /^model\.(\d+)\.base\.(.+)$/.exec(name) ?? []
  return model === undefined ? undefined : { model: Number(model), name: of! }
}

/**
 * Rewrites the recursion by which a base averages gradients, x̂ = A[g], for a scalar. It works for every base whose x̂ is
 * linear in the gradients so far.
 *
 * @param model distinguishes the states and inputs of several bases
 * @param value the scalar to average, at this step
 * @param step returns t, this step included
 * @throws ERR_NOT_SUPPORTED when the base gives no average, or one that is not linear in the gradients
 */
export function recordBaseAverage(
  base: Preconditioner,
  model: number,
  value: Expr,
  step: () => Expr,
  record: Recorder,
): BaseAverage {
  const { update } = record(plainForm(base, base.definition.matrix === true ? 'wide' : 'any'))
  const refuse = (why: string): never => {
    throw unsupported(
      `averagedModel needs the average of gradients behind a step, and ${base.name} ${why}; ` +
        'leave averagedModel out, or take another base',
    )
  }
  if (update.average === undefined) return refuse('gives none (`average`)')

  const states = new Map<string, AverageState>()
  const known = new Map<Expr, Expr>()
  const scalarInput = (name: string): Expr => {
    if (name === 'gradient') return value
    if (name === 'step') return step()
    if (name.startsWith('base.')) return input(modelInput(model, name.slice('base.'.length)), 'scalar')
    if (!name.startsWith('slot.')) return refuse(`reads ${name} in it`)
    const slot = name.slice('slot.'.length)
    const { initial, next } = update.slots[slot]!
    if (next.shape !== 'scalar' && next.shape !== 'tensor' && next.shape !== 'rows,columns')
      return refuse(`keeps its ${slot} in another shape than the parameter's`)
    if (initial.op !== 'constant' || initial.value !== 0)
      return refuse(`begins its ${name} with another value than 0`)
    const state = `model.${model}.${slot}`
    if (!states.has(state)) {
      const declared = { name: state, slot, averages: next.shape !== 'scalar' }
      // Set before its next value is rewritten, which reads it.
      states.set(state, { ...declared, next: value })
      states.set(state, { ...declared, next: scalarOf(next) })
    }
    return input(`state.${state}`, 'scalar')
  }
  const scalarOf = (x: Expr): Expr => {
    const found = known.get(x)
    if (found) return found
    let result: Expr
    if (x.op === 'input') result = scalarInput(x.name!)
    else if (x.op === 'constant') result = x
    else {
      const operate = operations[x.op]
      const isLinear =
        x.shape === 'scalar' ||
        ['add', 'sub', 'neg'].includes(x.op) ||
        (x.op === 'mul' && x.inputs[0]!.shape === 'scalar')
      if (!operate || !isLinear) return refuse(`has a ${x.op} in it, which is not linear in the gradient`)
      result = operate(...x.inputs.map(scalarOf))
    }
    known.set(x, result)
    return result
  }
  const mean = scalarOf(update.average)
  return { mean, states: [...states.values()] }
}
