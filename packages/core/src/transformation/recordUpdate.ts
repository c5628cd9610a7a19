import { optionError, shapeError, show } from '../errors.js'
import { input, isVector, literal, type Expr, type Shape } from '../graph/algebra.js'
import type { MatrixRows } from './hyperparameter.js'
import type { Preconditioner, PreconditionerInput, PreconditionerOutput } from './preconditioner.js'
import { createDeclarations, type Declarations, type SlotDeclaration } from './declarations.js'
import { checkDependencies } from './dependencies.js'
import type { RecordedSlot, RecordedUpdate } from './recordedUpdate.js'

/** The form in which a parameter enters the recording of an update. */
export interface MatrixForm {
  readonly isMatrix: boolean
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
  const declarations = createDeclarations(base, parameter, shape)
  const { slot, total, shared, normal } = declarations
  const scalar = (name: string): Expr => input(name, 'scalar')
  const [rows, columns] = [scalar('rows'), scalar('columns')]
  const areOutputs = form.rows === 'outputs'
  const given: PreconditionerInput = {
    gradient,
    parameter,
    step: scalar('step'),
    size: scalar('size'),
    matrix: form.isMatrix,
    tall: form.tall,
    rows,
    columns,
    outputs: areOutputs ? rows : columns,
    inputs: areOutputs ? columns : rows,
    outputsAre: areOutputs ? 'rows' : 'columns',
    learningRate: scalar('learningRate'),
    scale: scalar('scale'),
    loss: scalar('loss'),
    profileStep: scalar('profileStep'),
    slot,
    total,
    shared,
    normal,
  }
  const recorded: unknown = base.definition.update({ ...hyperparametersOf(base), ...given } as never)
  const update = checkUpdate(base.name, recorded, shape, declarations)
  checkDependencies(base.name, update)
  return update
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

/** Checks the return value of a definition's `update`. */
function checkUpdate(
  base: string,
  recorded: unknown,
  shape: Shape,
  declarations: Declarations,
): RecordedUpdate {
  if (!isUpdate(recorded)) {
    throw optionError(
      `${base}: update must return { direction, average?, dual?, slots, … }, returned ${show(recorded)}`,
    )
  }
  const check = (what: string, x: Expr | undefined, wanted = shape): Expr => {
    if (x?.shape === wanted) return x
    const given = x?.shape === undefined ? show(x) : describeShape(x.shape)
    const expected = wanted === shape ? "the parameter's shape" : `the shape ${wanted}`
    throw shapeError(`${base}: ${what} must have ${expected}, given ${given}`)
  }
  const optional = (what: string, x: Expr | undefined): Expr | undefined =>
    x === undefined ? undefined : check(what, x)
  const next = (what: string, declared: ReadonlyMap<string, SlotDeclaration>, values: object) => {
    const found = values as Readonly<Record<string, Expr | undefined>>
    for (const name of Object.keys(found)) {
      if (!declared.has(name))
        throw optionError(`${base}: ${what} ${name} is written but was never asked for`)
    }
    const entries = [...declared].map(([name, { shape: wanted, initial }]): [string, RecordedSlot] => [
      name,
      { initial, next: check(`the new value of ${what} ${name}`, found[name], wanted) },
    ])
    return Object.fromEntries(entries)
  }
  return {
    slots: next('slot', declarations.slots, recorded.slots),
    direction: check('direction', recorded.direction),
    average: optional('average', recorded.average),
    dual: optional('dual', recorded.dual),
    parameter: optional('parameter', recorded.parameter),
    evaluation: declarations.afterStep(optional('evaluation', recorded.evaluation)),
    totals: declarations.totals,
    shared: next('the shared scalar', declarations.sharedScalars, recorded.shared ?? {}),
    normals: [...declarations.normals],
  }
}

function describeShape(shape: Shape): string {
  return isVector(shape) ? `a vector of ${shape}` : `a ${shape}`
}

function isUpdate(recorded: unknown): recorded is PreconditionerOutput {
  if (typeof recorded !== 'object' || recorded === null) return false
  const { slots, shared } = recorded as Partial<PreconditionerOutput>
  return isRecord(slots) && (shared === undefined || isRecord(shared))
}

function isRecord(value: unknown): boolean {
  return typeof value === 'object' && value !== null
}
