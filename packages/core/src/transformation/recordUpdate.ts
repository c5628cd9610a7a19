import { optionError, shapeError, show } from '../errors.js'
import { input, literal, type Expr, type Shape } from '../graph/algebra.js'
import type { MatrixRows } from './hyperparameter.js'
import type { Preconditioner, PreconditionerOutput } from './preconditioner.js'

/** A preconditioner's update as expressions, checked, with the initial values of its slots. */
export interface RecordedUpdate {
  readonly direction: Expr
  readonly average: Expr | undefined
  readonly dual: Expr | undefined
  readonly slots: Readonly<Record<string, { readonly initial: Expr; readonly next: Expr }>>
}

/** The form in which a matrix enters the recording of an update. */
export interface MatrixForm {
  /** Whether it has more rows than columns. */
  readonly tall: boolean
  /** The meaning of its rows. */
  readonly rows: MatrixRows
}

/** The name under which a preconditioner's hyperparameter enters a graph. */
export function hyperparameterInput(name: string): string {
  return `base.${name}`
}

/**
 * Calls a definition's `update` on symbolic inputs.
 *
 * @throws ERR_OPTION, ERR_SHAPE when the definition breaks the rules of {@link PreconditionerOutput} or of slots
 */
export function recordUpdate(
  base: Preconditioner,
  gradient: Expr,
  parameter: Expr,
  shape: Shape,
  form: MatrixForm,
): RecordedUpdate {
  const initial = new Map<string, Expr>()
  const rows = input('rows', 'scalar')
  const columns = input('columns', 'scalar')
  const [outputs, inputs] = form.rows === 'outputs' ? [rows, columns] : [columns, rows]
  const recorded: unknown = base.definition.update({
    ...hyperparametersOf(base),
    gradient,
    parameter,
    tall: form.tall,
    slot: (name: string, value: Expr | number = 0) => {
      declareSlot(base.name, initial, name, value)
      return input(`slot.${name}`, shape)
    },
    step: input('step', 'scalar'),
    rows,
    columns,
    outputs,
    inputs,
  } as never)
  return checkUpdate(base.name, recorded, shape, initial)
}

/** The hyperparameters that a definition is given: numbers as scalar expressions, the others as they are. */
function hyperparametersOf({ definition, hyperparameters }: Preconditioner): Record<string, unknown> {
  const given: Record<string, unknown> = {}
  for (const [key, spec] of Object.entries(definition.hyperparameters ?? {})) {
    const value = hyperparameters[key]!
    if (spec.kind === 'rows') continue
    if (spec.kind !== 'number') given[key] = value
    else if (value === 0 && spec.zeroIsStructural) given[key] = literal(0)
    else given[key] = input(hyperparameterInput(key), 'scalar')
  }
  return given
}

/** Notes the initial value of a slot that a definition asks for, unless it may not. */
function declareSlot(base: string, initial: Map<string, Expr>, slot: string, value: Expr | number): void {
  if (typeof slot !== 'string' || !/^[A-Za-z][A-Za-z0-9]*$/.test(slot)) {
    throw optionError(`${base}: a slot's name is a letter, then letters and digits; given ${show(slot)}`)
  }
  const expr = typeof value === 'number' ? literal(value) : value
  if (!isKnownBeforeSteps(expr)) {
    throw shapeError(
      `${base}: the initial value of slot ${slot} must be a number, or a scalar of hyperparameters`,
    )
  }
  const before = initial.get(slot)
  const isSame =
    before === undefined || before === expr || (isConstant(before) && before.value === expr.value)
  if (!isSame) throw optionError(`${base}: slot ${slot} is asked for twice, with different initial values`)
  initial.set(slot, expr)
}

/** Checks the return value of a definition's `update`. */
function checkUpdate(
  base: string,
  recorded: unknown,
  shape: Shape,
  initial: ReadonlyMap<string, Expr>,
): RecordedUpdate {
  if (!isUpdate(recorded)) {
    throw optionError(
      `${base}: update must return { direction, average?, dual?, slots }, returned ${show(recorded)}`,
    )
  }
  const check = (what: string, x: Expr | undefined): Expr => {
    if (x?.shape === shape) return x
    const given = x?.shape === undefined ? show(x) : `a ${x.shape}`
    throw shapeError(`${base}: ${what} must have the parameter's shape, given ${given}`)
  }
  const slots: Record<string, { initial: Expr; next: Expr }> = {}
  for (const [slot, value] of initial) {
    slots[slot] = { initial: value, next: check(`the new value of slot ${slot}`, recorded.slots[slot]) }
  }
  for (const slot of Object.keys(recorded.slots)) {
    if (!initial.has(slot)) throw optionError(`${base}: slot ${slot} is written but was never asked for`)
  }
  return {
    direction: check('direction', recorded.direction),
    average: recorded.average === undefined ? undefined : check('average', recorded.average),
    dual: recorded.dual === undefined ? undefined : check('dual', recorded.dual),
    slots,
  }
}

function isUpdate(recorded: unknown): recorded is PreconditionerOutput {
  if (typeof recorded !== 'object' || recorded === null) return false
  const { slots } = recorded as Partial<PreconditionerOutput>
  return typeof slots === 'object' && slots !== null
}

function isConstant(x: Expr): boolean {
  return x.op === 'constant'
}

/** Whether an expression is a scalar of constants and hyperparameters. */
function isKnownBeforeSteps(x: Expr): boolean {
  return x?.shape === 'scalar' && x.inputs.every(isKnownBeforeSteps)
}
