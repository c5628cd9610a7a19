import { optionError, show } from '../errors.js'
import type { Expr, Extent } from '../graph/algebra.js'
import { sizeOf } from '../shape.js'
import { checkKeys } from '../validation/keys.js'
import {
  checkSpecs,
  resolveHyperparameters,
  type HyperparameterOptions,
  type HyperparameterSpecs,
  type HyperparameterValues,
  type MatrixRows,
} from './hyperparameter.js'

/** The arguments of a definition's `update`. */
export interface PreconditionerInput {
  /** The gradient g, of the parameter's shape. */
  readonly gradient: Expr
  /** The parameter θ before the step. */
  readonly parameter: Expr
  /** The number of updates of this parameter, this step included: the t of bias corrections. A scalar. */
  readonly step: Expr
  /** The number of elements of the parameter, a scalar known at run time. */
  readonly size: Expr
  /** Whether the parameter is a matrix to this base; see `matrix` of the definition. Fixed at recording. */
  readonly matrix: boolean
  /** For a matrix, whether it has more rows than columns. Fixed at recording. */
  readonly tall: boolean
  /** The number of rows of a matrix, a scalar known at run time. */
  readonly rows: Expr
  /** The number of columns of a matrix, a scalar known at run time. */
  readonly columns: Expr
  /** The number of outputs of a matrix of weights, which are its rows or its columns. A scalar. */
  readonly outputs: Expr
  /** The number of its inputs. A scalar. */
  readonly inputs: Expr
  /** The extent of a matrix that is its outputs: `'rows'` or `'columns'`. Fixed at recording. */
  readonly outputsAre: Extent
  /** η at this step, a scalar. */
  readonly learningRate: Expr
  /**
   * ρ, a scalar. It is computed from `direction`, `average`, `dual` and totals, which therefore cannot depend on it. New
   * values of slots and `parameter` may.
   */
  readonly scale: Expr
  /** The loss before the step, a scalar. A base that reads it needs a loss at every step. */
  readonly loss: Expr
  /**
   * The number of steps of the profile, this one included: a scalar. A profile is the parameters that have the same options
   * and the same base.
   */
  readonly profileStep: Expr
  /**
   * Declares an array that is kept from step to step, by default of the parameter's shape. Return its new value in
   * `slots`.
   */
  readonly slot: (name: string, initial?: SlotInitial | SlotOptions) => Expr
  /**
   * The sum of a scalar, or of the elements of an array, over all parameters of the profile: a scalar. It is known before
   * anything is written, so it can depend on neither `scale` nor other totals.
   */
  readonly total: (x: Expr) => Expr
  /**
   * Declares a scalar that is kept once for the profile, and returns its value before this step. Return its new value in
   * `shared`. It starts from a number or a scalar of hyperparameters, by default 0.
   */
  readonly shared: (name: string, initial?: Expr | number) => Expr
  /**
   * Standard normal numbers of the parameter's shape, other ones at each step and in each stream (a whole number ≥ 0, by
   * default 0). They follow from the base's hyperparameter `seed`, which must be declared as an integer, and from the
   * parameter's name. They are the same in every engine.
   */
  readonly normal: (stream?: number) => Expr
}

/** The shape of a slot: `'tensor'` is the parameter's own. */
export type SlotShape = 'tensor' | 'scalar' | Extent | 'rows,rows' | 'columns,columns'

/**
 * The initial value of every element of a slot: a number, or a scalar of hyperparameters. `'parameter'` starts a slot of the
 * parameter's shape from the parameter before its first step, and `'identity'` a square one from the identity matrix.
 */
export type SlotInitial = Expr | number | 'parameter' | 'identity'

/** The declaration of a slot. */
export interface SlotOptions {
  /** Default `'tensor'`. Other shapes than `'tensor'` and `'scalar'` are those of a matrix. */
  readonly shape?: SlotShape
  /** Default 0. */
  readonly initial?: SlotInitial
}

/** Names that a hyperparameter cannot have: the other arguments of `update`, and `name`, which saved data begin with. */
const givenNames = [
  'name',
  'gradient',
  'parameter',
  'step',
  'size',
  'matrix',
  'tall',
  'rows',
  'columns',
  'outputs',
  'inputs',
  'outputsAre',
  'learningRate',
  'scale',
  'loss',
  'profileStep',
  'slot',
  'total',
  'shared',
  'normal',
] satisfies ('name' | keyof PreconditionerInput)[]

/** The return value of a definition's `update`. */
export interface PreconditionerOutput {
  /** P m̂: the step of the base optimiser is −learningRate · direction. */
  readonly direction: Expr
  /**
   * x̂: the average of gradients from which the direction is computed. Its weights add up to 1 (corrected for bias). By
   * default x̂ is the gradient itself, and `averagedModel` is refused.
   */
  readonly average?: Expr
  /**
   * g · P g, element by element: its sum is the squared dual norm s = gᵀPg, from the raw gradient and the current
   * preconditioner. Give it where P is a linear map and the direction is not P g. The default, for any other base, sums to
   * s = ⟨x̂, d⟩·⟨g, g⟩/⟨x̂, x̂⟩ with d the direction: this is ⟨g, d⟩ where d is computed from g itself, and homogeneous of
   * degree two in g where d is a step of fixed length (Lion, Muon). A negative sum counts as 0.
   */
  readonly dual?: Expr
  /** The new value of every slot that was declared. */
  readonly slots: Readonly<Record<string, Expr>>
  /**
   * The new value of the parameter before decoupled decay. Give it where it is not θ − learningRate · scale · direction; s
   * is computed from `direction` all the same.
   */
  readonly parameter?: Expr
  /**
   * The weights to evaluate with, where they are not the parameter: of its shape, and an expression of `parameter`, slots,
   * hyperparameters and `step`, all of them as they are after a step.
   */
  readonly evaluation?: Expr
  /**
   * The new value of every shared scalar that was declared: an expression of totals, shared scalars, hyperparameters,
   * `profileStep`, `learningRate` and `loss`. It must be the same for every parameter.
   */
  readonly shared?: Readonly<Record<string, Expr>>
}

/** A base preconditioner as its author writes it. */
export interface PreconditionerDefinition<S extends HyperparameterSpecs> {
  /** Its name in saved transformations: letters, digits and hyphens. */
  readonly name: string
  /** Its hyperparameters, with defaults and ranges; default none. The learning rate is not one of them. */
  readonly hyperparameters?: S
  /**
   * Whether it applies to matrices only; other parameters then go to the transformation's `fallback`. With `'optional'` it
   * takes every parameter, and `update` is told by `matrix` whether it is given a matrix. Default false.
   */
  readonly matrix?: boolean | 'optional'
  /**
   * Whether a parameter of more than two axes is a matrix too: that of its first axis and all others if its rows are
   * outputs, else that of all others and its last axis. Default false; a hyperparameter `flatten`, a boolean, has
   * precedence.
   */
  readonly flatten?: boolean
  /** Writes one update in the algebra. Numbers arrive as scalar expressions, booleans and integers as they are. */
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

/** A base preconditioner with its hyperparameters: plain data, and the definition it came from. */
export interface Preconditioner {
  readonly name: string
  readonly hyperparameters: HyperparameterValues
  readonly definition: PreconditionerDefinition<HyperparameterSpecs>
  /** The base that it is made of, whose hyperparameters are among its own under other names, and those that are its own. */
  readonly wraps?: { readonly base: Preconditioner; readonly own: HyperparameterValues }
}

/** Creates a preconditioner from options; `definition` lets `fromJSON` find it again. */
export interface PreconditionerFactory<S extends HyperparameterSpecs> {
  (options?: HyperparameterOptions<S>): Preconditioner
  readonly definition: PreconditionerDefinition<S>
}

/**
 * Defines a base preconditioner: ten lines in the algebra that run on every engine and in every adapter, with and without
 * the metric.
 *
 * @returns a factory, which throws ERR_OPTION for unknown or invalid hyperparameters
 * @throws ERR_OPTION for a definition that is incomplete or has an invalid declaration
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
  checkKeys('definePreconditioner', definition, ['name', 'hyperparameters', 'matrix', 'flatten', 'update'])
  const { name, hyperparameters: specs = {}, matrix, flatten } = definition
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
  if (matrix !== undefined && typeof matrix !== 'boolean' && matrix !== 'optional') {
    throw optionError(`${name}: matrix must be true, false or 'optional', given ${show(matrix)}`)
  }
  if (flatten !== undefined && typeof flatten !== 'boolean') {
    throw optionError(`${name}: flatten must be true or false, given ${show(flatten)}`)
  }
  if (!matrix && (flatten || Object.hasOwn(specs, 'flatten'))) {
    throw optionError(
      `${name}: flatten makes matrices of parameters; declare matrix: true or matrix: 'optional'`,
    )
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
    definition,
  })
  return Object.assign(factory, { definition })
}

const builtInDefinitions = new WeakSet()

/**
 * Defines a base of the core's own. Its `update` always records the same expressions of the same arguments, so that a recording
 * serves all optimisers. That is not known of others' definitions, which may read variables around them.
 */
export function defineBuiltIn<const S extends HyperparameterSpecs>(
  definition: PreconditionerDefinition<S>,
): PreconditionerFactory<S> {
  builtInDefinitions.add(definition)
  return definePreconditioner(definition)
}

/**
 * A text on which, with the form of a parameter, the recording of a base depends: its name and the hyperparameters that do not
 * enter the graph as numbers. `undefined` where the definition is not the core's own.
 */
export function structureOf({ name, definition, hyperparameters }: Preconditioner): string | undefined {
  if (!builtInDefinitions.has(definition)) return undefined
  let text = name
  for (const [key, spec] of Object.entries(definition.hyperparameters ?? {})) {
    const value = hyperparameters[key]
    if (spec.kind !== 'number') text += ` ${key}=${JSON.stringify(value)}`
    else if (value === 0 && spec.zeroIsStructural) text += ` ${key}=0`
  }
  return text
}

/** The meaning of a parameter's rows to a base: its option `rows`, else the parameter's `rowsAre`, else outputs. */
export function rowsFor(base: Preconditioner, rows: MatrixRows | undefined): MatrixRows {
  const declared = base.definition.hyperparameters?.['rows']?.kind === 'rows'
  const chosen = declared ? (base.hyperparameters['rows'] as MatrixRows | 'auto') : 'auto'
  return chosen === 'auto' ? (rows ?? 'outputs') : chosen
}

/** The meaning of a parameter to a base: whether it is a matrix, and its rows and columns. */
export interface MatrixView {
  readonly isMatrix: boolean
  readonly rows: number
  readonly columns: number
}

/** How a base sees a parameter of a shape. One that is no matrix has the extents of its first two axes. */
export function matrixViewOf(
  base: Preconditioner,
  shape: readonly number[],
  rowsAre: MatrixRows | undefined,
): MatrixView {
  const { definition, hyperparameters } = base
  const [rows = 1, columns = 1] = shape
  if (!definition.matrix || shape.length < 2) return { isMatrix: false, rows, columns }
  if (shape.length === 2) return { isMatrix: true, rows, columns }
  const flatten =
    definition.hyperparameters?.['flatten']?.kind === 'boolean'
      ? hyperparameters['flatten'] === true
      : definition.flatten === true
  if (!flatten) return { isMatrix: false, rows, columns }
  return flattened(shape, rowsFor(base, rowsAre))
}

/** A shape of two axes or more as a matrix: the first axis is its rows where these are outputs, else the last its columns. */
export function flattened(shape: readonly number[], rowsAre: MatrixRows): MatrixView {
  const at = rowsAre === 'outputs' ? 1 : shape.length - 1
  return { isMatrix: true, rows: sizeOf(shape.slice(0, at)), columns: sizeOf(shape.slice(at)) }
}

/** Throws ERR_OPTION unless `value` is a preconditioner; a factory that was not called is none. */
export function checkPreconditioner(name: string, value: unknown): asserts value is Preconditioner {
  // A factory has a definition too.
  const { definition } = (typeof value === 'object' && value !== null ? value : {}) as Partial<Preconditioner>
  if (typeof definition?.update === 'function') return
  throw optionError(`${name} must be a preconditioner such as sgd() or adam(), given ${showOther(value)}`)
}

function showOther(value: unknown): string {
  if (typeof value === 'function') return 'a function: call it, as in adam()'
  const isTransformation = typeof value === 'object' && value !== null && 'settings' in value
  return isTransformation ? 'a transformation, which has a base already' : show(value)
}
