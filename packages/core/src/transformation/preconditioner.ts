import { input, literal, type Expr, type Shape } from '../graph/algebra.js'
import { InducedMetricError, optionError, show, type ErrorCode } from '../errors.js'
import { checkKeys } from '../validation/keys.js'
import {
  checkSpecs,
  resolveHyperparameters,
  type HyperparameterOptions,
  type HyperparameterSpecs,
  type HyperparameterValues,
  type MatrixRows,
} from './hyperparameter.js'

/** What a definition is given to write its update from. */
export interface PreconditionerInput {
  /** The gradient g, of the parameter's shape. */
  readonly gradient: Expr
  /** The parameter θ before the step. */
  readonly parameter: Expr
  /** How often this parameter has been updated, this step included: the t of bias corrections. A scalar. */
  readonly step: Expr
  /** For a matrix: whether it has more rows than columns. Fixed at recording. */
  readonly tall: boolean
  /** The number of rows of a matrix, a scalar known at run time. */
  readonly rows: Expr
  /** The number of columns of a matrix, a scalar known at run time. */
  readonly columns: Expr
  /** Of a matrix of weights: the number of its outputs, which are its rows or its columns; a scalar. */
  readonly outputs: Expr
  /** The number of its inputs, likewise. */
  readonly inputs: Expr
  /** An array of the parameter's shape kept from step to step; return its new value in `slots`. */
  readonly slot: (name: string, initial?: Expr | number) => Expr
}

/** Names a hyperparameter cannot have: what `update` is given beside them, and `name`, which saved data begin with. */
const givenNames = [
  'name',
  'gradient',
  'parameter',
  'step',
  'tall',
  'rows',
  'columns',
  'outputs',
  'inputs',
  'slot',
] satisfies ('name' | keyof PreconditionerInput)[]

/** What a definition gives back. */
export interface PreconditionerOutput {
  /** P m̂: the step of the base optimiser is −learningRate · direction. */
  readonly direction: Expr
  /**
   * x̂: the average of gradients that the direction is taken of, its weights adding up to 1 (corrected for bias). Left
   * out, x̂ is the gradient itself, and `averagedModel` is refused.
   */
  readonly average?: Expr
  /**
   * g · P g, element by element: its sum is the squared dual norm s = gᵀPg, from the raw gradient and the current
   * preconditioner. Give it where P is a linear map and the direction is not P g. Default, for any other base: a tensor
   * whose sum is s = ⟨x̂, d⟩·⟨g, g⟩/⟨x̂, x̂⟩ with d the direction: ⟨g, d⟩ where d is taken of g itself, and homogeneous of
   * degree two in g where d is a step of fixed length (Lion, Muon). A negative sum counts as 0.
   */
  readonly dual?: Expr
  /** The new value of every slot that was asked for. */
  readonly slots: Readonly<Record<string, Expr>>
}

/** A base preconditioner, as its author writes it. */
export interface PreconditionerDefinition<S extends HyperparameterSpecs> {
  /** Its name in saved transformations: letters, digits and hyphens. */
  readonly name: string
  /** The hyperparameters it takes, with defaults and ranges; default none. The learning rate is not one of them. */
  readonly hyperparameters?: S
  /** Whether it applies to matrices only; other parameters then go to the transformation's `fallback`. */
  readonly matrix?: boolean
  /** Writes one update over the algebra. Numbers arrive as scalar expressions, booleans and integers as they are. */
  update(
    given: PreconditionerInput & {
      readonly [K in keyof S]: S[K] extends { kind: 'boolean' }
        ? boolean
        : S[K] extends { kind: 'integer' }
          ? number
          : Expr
    },
  ): PreconditionerOutput
}

/** A base preconditioner with its hyperparameters: plain data plus the definition it came from. */
export interface Preconditioner {
  readonly name: string
  readonly hyperparameters: HyperparameterValues
  readonly definition: PreconditionerDefinition<HyperparameterSpecs>
}

/** Makes a preconditioner from options; `definition` lets `fromJSON` find it again. */
export interface PreconditionerFactory<S extends HyperparameterSpecs> {
  (options?: HyperparameterOptions<S>): Preconditioner
  readonly definition: PreconditionerDefinition<S>
}

/**
 * Defines a base preconditioner: ten lines over the algebra that then run on every engine and in every adapter, with
 * and without the metric.
 *
 * @throws ERR_OPTION for a definition that is incomplete or declares what it cannot; the factory it returns throws
 *   ERR_OPTION for unknown or invalid hyperparameters
 *
 * @example
 * ```ts
 * import { algebra, definePreconditioner, inducedMetric } from '@induced-metric/core'
 *
 * const { abs, add, div, ema } = algebra
 *
 * // An RMSprop on |g| in place of g².
 * const absprop = definePreconditioner({
 *   name: 'absprop',
 *   hyperparameters: { decay: { kind: 'number', default: 0.9, min: 0, max: 1, below: true } },
 *   update({ gradient, slot, decay }) {
 *     const size = ema(slot('size'), abs(gradient), decay)
 *     return { direction: div(gradient, add(size, 1e-8)), slots: { size } }
 *   },
 * })
 *
 * inducedMetric(absprop({ decay: 0.99 }), { learningRate: 0.01 })
 * ```
 */
export function definePreconditioner<const S extends HyperparameterSpecs = Readonly<Record<never, never>>>(
  definition: PreconditionerDefinition<S>,
): PreconditionerFactory<S> {
  checkKeys('definePreconditioner', definition, ['name', 'hyperparameters', 'matrix', 'update'])
  const { name, hyperparameters: specs = {}, matrix } = definition
  if (typeof name !== 'string' || !/^[A-Za-z][A-Za-z0-9-]*$/.test(name)) {
    throw optionError(
      `a preconditioner's name is a letter, then letters, digits and hyphens; given ${show(name)}`,
    )
  }
  const { update } = definition as unknown as Readonly<Record<string, unknown>>
  if (typeof update !== 'function') {
    throw optionError(
      `${name}: update must be a function that returns { direction, average?, dual?, slots }, given ${show(update)}`,
    )
  }
  if (matrix !== undefined && typeof matrix !== 'boolean') {
    throw optionError(`${name}: matrix must be true or false, given ${show(matrix)}`)
  }
  checkSpecs(name, specs, givenNames)
  const declared = Object.values<HyperparameterSpecs[string]>(specs)
  if (declared.some((spec) => spec.kind === 'number' && spec.follows)) {
    throw optionError(`${name}: only the floor of an embedding can follow the losses`)
  }
  if (!matrix && declared.some(({ kind }) => kind === 'rows')) {
    throw optionError(
      `${name}: only a base that takes matrices has a hyperparameter rows; declare it with matrix: true`,
    )
  }
  const factory = (options: HyperparameterOptions<S> = {}): Preconditioner => ({
    name,
    hyperparameters: resolveHyperparameters(name, specs, options),
    definition: definition,
  })
  return Object.assign(factory, { definition })
}

/** A preconditioner's update as expressions, its slots checked and their initial values. */
export interface RecordedUpdate {
  readonly direction: Expr
  readonly average: Expr | undefined
  readonly dual: Expr | undefined
  readonly slots: Readonly<Record<string, { readonly initial: Expr; readonly next: Expr }>>
}

/** The name under which a preconditioner's hyperparameter enters a graph. */
export function hyperparameterInput(name: string): string {
  return `base.${name}`
}

/** How a matrix enters the recording of an update. */
export interface MatrixForm {
  /** Whether it has more rows than columns. */
  readonly tall: boolean
  /** What its rows are. */
  readonly rows: MatrixRows
}

/** What the rows of a parameter are to a base: as its option says, else as the parameter does, else outputs. */
export function rowsFor(base: Preconditioner, rows: MatrixRows | undefined): MatrixRows {
  const declared = base.definition.hyperparameters?.['rows']?.kind === 'rows'
  const chosen = declared ? (base.hyperparameters['rows'] as MatrixRows | 'auto') : 'auto'
  return chosen === 'auto' ? (rows ?? 'outputs') : chosen
}

/** Calls a definition's `update` on symbolic inputs. */
export function recordUpdate(
  base: Preconditioner,
  gradient: Expr,
  parameter: Expr,
  shape: Shape,
  form: MatrixForm,
): RecordedUpdate {
  const { definition, hyperparameters, name } = base
  const given: Record<string, unknown> = {}
  for (const [key, spec] of Object.entries(definition.hyperparameters ?? {})) {
    const value = hyperparameters[key]!
    if (spec.kind === 'rows') continue
    if (spec.kind !== 'number') given[key] = value
    else if (value === 0 && spec.zeroIsStructural) given[key] = literal(0)
    else given[key] = input(hyperparameterInput(key), 'scalar')
  }

  const wrong = (code: ErrorCode, message: string): never => {
    throw new InducedMetricError(code, `${name}: ${message}`)
  }
  const asked = new Map<string, Expr>()
  const slot = (slotName: string, initial: Expr | number = 0): Expr => {
    if (typeof slotName !== 'string' || !/^[A-Za-z][A-Za-z0-9]*$/.test(slotName)) {
      wrong('ERR_OPTION', `a slot's name is a letter, then letters and digits; given ${show(slotName)}`)
    }
    const value = typeof initial === 'number' ? literal(initial) : initial
    if (!isKnownBeforeSteps(value)) {
      wrong(
        'ERR_SHAPE',
        `the initial value of slot ${slotName} must be a number, or a scalar of hyperparameters`,
      )
    }
    const before = asked.get(slotName)
    if (before !== undefined && before !== value && !(isConstant(before) && before.value === value.value)) {
      wrong('ERR_OPTION', `slot ${slotName} is asked for twice, with different initial values`)
    }
    asked.set(slotName, value)
    return input(`slot.${slotName}`, shape)
  }
  const rows = input('rows', 'scalar')
  const columns = input('columns', 'scalar')
  const [outputs, inputs] = form.rows === 'outputs' ? [rows, columns] : [columns, rows]
  const recorded = definition.update({
    ...given,
    gradient,
    parameter,
    tall: form.tall,
    slot,
    step: input('step', 'scalar'),
    rows,
    columns,
    outputs,
    inputs,
  } as never)

  if (
    typeof recorded !== 'object' ||
    recorded === null ||
    typeof recorded.slots !== 'object' ||
    recorded.slots === null
  ) {
    wrong(
      'ERR_OPTION',
      `update must return { direction, average?, dual?, slots }, returned ${show(recorded)}`,
    )
  }
  const check = (what: string, x: Expr | undefined): Expr => {
    if (x?.shape === shape) return x
    return wrong(
      'ERR_SHAPE',
      `${what} must have the parameter's shape, given ${x?.shape === undefined ? show(x) : `a ${x.shape}`}`,
    )
  }
  const slots: Record<string, { initial: Expr; next: Expr }> = {}
  for (const [slotName, initial] of asked) {
    slots[slotName] = { initial, next: check(`the new value of slot ${slotName}`, recorded.slots[slotName]) }
  }
  for (const slotName of Object.keys(recorded.slots)) {
    if (!asked.has(slotName)) wrong('ERR_OPTION', `slot ${slotName} is written but was never asked for`)
  }
  return {
    direction: check('direction', recorded.direction),
    average: recorded.average === undefined ? undefined : check('average', recorded.average),
    dual: recorded.dual === undefined ? undefined : check('dual', recorded.dual),
    slots,
  }
}

function isConstant(x: Expr): boolean {
  return x.op === 'constant'
}

/** Whether an expression is a scalar of constants and hyperparameters. */
function isKnownBeforeSteps(x: Expr): boolean {
  return x?.shape === 'scalar' && x.inputs.every(isKnownBeforeSteps)
}
