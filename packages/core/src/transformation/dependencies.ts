import { optionError } from '../errors.js'
import type { Expr } from '../graph/algebra.js'
import type { RecordedUpdate } from './recordedUpdate.js'

/** Whether an input may be read, given its name. */
type Allows = (name: string) => boolean

const before = (prefixes: readonly string[], names: readonly string[]): Allows => {
  const known = new Set(names)
  return (name) => known.has(name) || prefixes.some((prefix) => name.startsWith(prefix))
}

const conditionInputs = before(['base.'], ['step', 'rows', 'columns', 'size'])
const evaluationInputs = before(['base.', 'slot.'], ['parameter', 'step', 'rows', 'columns', 'size'])
const sharedInputs = before(['base.', 'total.', 'shared.'], ['profileStep', 'learningRate', 'loss'])

/**
 * Checks what the expressions of an update depend on.
 *
 * @throws ERR_OPTION naming the expression and what it may not read
 */
export function checkDependencies(base: string, update: RecordedUpdate): void {
  const { direction, average, dual, parameter, evaluation, totals, shared, slots } = update
  const only = (what: string, x: Expr | undefined, allows: Allows, rule: string): void => {
    const found = x && findInput(x, (name) => !allows(name))
    if (found !== undefined) throw optionError(`${base}: ${what} depends on ${found}; ${rule}`)
  }
  const beforeScale: Allows = (name) => name !== 'scale'
  const scaleRule = 'the scale is computed from it, so only slots and parameter may'
  only('direction', direction, beforeScale, scaleRule)
  only('average', average, beforeScale, scaleRule)
  only('dual', dual, beforeScale, scaleRule)
  for (const x of totals) {
    const allows: Allows = (name) => name !== 'scale' && !name.startsWith('total.')
    only('a total', x, allows, 'totals are summed before the scale is known, all of them at once')
  }
  for (const [name, { next }] of Object.entries(shared)) {
    const rule =
      'it is an expression of totals, shared scalars, hyperparameters, profileStep, learningRate and loss'
    only(`the new value of the shared scalar ${name}`, next, sharedInputs, rule)
  }
  const evaluationRule =
    'it is an expression of parameter, slots, hyperparameters and step, as they are after a step'
  only('evaluation', evaluation, evaluationInputs, evaluationRule)
  const roots = [direction, average, dual, parameter, evaluation, ...totals]
  const next = [...Object.values(slots), ...Object.values(shared)].map((slot) => slot.next)
  for (const condition of conditionsOf([...roots, ...next])) {
    if (condition.op !== 'constant' && hasBarrier(condition))
      throw optionError(`${base}: the condition of a when must be known before any tensor is read`)
    only(
      'the condition of a when',
      condition,
      conditionInputs,
      'it may depend on step and hyperparameters alone',
    )
  }
}

/** Calls a function once for every expression below some roots, which are included. */
function visitAll(roots: readonly (Expr | undefined)[], call: (x: Expr) => void): void {
  const seen = new Set<Expr>()
  const visit = (x: Expr): void => {
    if (seen.has(x)) return
    seen.add(x)
    call(x)
    x.inputs.forEach(visit)
  }
  for (const root of roots) if (root) visit(root)
}

/** The name of an input below an expression that fits; `undefined` if none does. */
function findInput(x: Expr, fits: (name: string) => boolean): string | undefined {
  let found: string | undefined
  visitAll([x], ({ op, name }) => {
    if (op === 'input' && fits(name!)) found = name
  })
  return found
}

function conditionsOf(roots: readonly (Expr | undefined)[]): Set<Expr> {
  const found = new Set<Expr>()
  visitAll(roots, ({ op, inputs }) => {
    if (op === 'when') found.add(inputs[0]!)
  })
  return found
}

function hasBarrier(x: Expr): boolean {
  let found = false
  visitAll([x], ({ shape }) => {
    if (shape !== 'scalar') found = true
  })
  return found
}
