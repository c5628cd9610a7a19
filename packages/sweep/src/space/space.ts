import { optionError, requireInteger, requirePositive, shown } from '../errors.js'

/** What a hyperparameter may be: anything that JSON holds. */
export type Json = string | number | boolean | null | readonly Json[] | { readonly [name: string]: Json }

/** A number between two others. */
export interface UniformParameter {
  readonly kind: 'uniform'
  readonly low: number
  readonly high: number
}

/** A number above zero whose logarithm is uniform. */
export interface LogUniformParameter {
  readonly kind: 'logUniform'
  readonly low: number
  readonly high: number
}

/** A whole number, both ends included. */
export interface IntegerParameter {
  readonly kind: 'integer'
  readonly low: number
  readonly high: number
  readonly log: boolean
}

/** One of some values. */
export interface ChoiceParameter<T extends Json = Json> {
  readonly kind: 'choice'
  readonly values: readonly T[]
}

/** A parameter without a condition. */
export type PlainParameter = UniformParameter | LogUniformParameter | IntegerParameter | ChoiceParameter

/** A parameter that a configuration has only where others have given values. */
export interface ConditionalParameter<P extends PlainParameter = PlainParameter> {
  readonly kind: 'conditional'
  /** The values, by the name of the other parameter. All of them must hold. */
  readonly condition: Readonly<Record<string, readonly Json[]>>
  readonly parameter: P
}

/** A dimension of a search space. */
export type Parameter = PlainParameter | ConditionalParameter

/** The search space: parameters by name. */
export type Space = Readonly<Record<string, Parameter>>

/** The values of a configuration. A parameter whose condition does not hold is left out. */
export type Hyperparameters = Readonly<Record<string, Json>>

/** The type of a parameter's values. */
export type ValueOf<P> =
  P extends ConditionalParameter<infer Q>
    ? ValueOf<Q> | undefined
    : P extends ChoiceParameter<infer T>
      ? T
      : number

/** The type of a configuration of a space. */
export type HyperparametersOf<S extends Space> = { readonly [K in keyof S]: ValueOf<S[K]> }

function requireRange(name: string, low: unknown, high: unknown): void {
  if (typeof low !== 'number' || typeof high !== 'number' || !Number.isFinite(high - low) || low >= high)
    throw optionError(
      `${name} needs two finite numbers, the smaller first, given ${shown(low)}, ${shown(high)}`,
    )
}

/**
 * A number between `low` and `high`, all equally likely.
 *
 * @throws ERR_OPTION unless low < high, both finite
 */
export function uniform(low: number, high: number): UniformParameter {
  requireRange('uniform', low, high)
  return { kind: 'uniform', low, high }
}

/**
 * A number between `low` and `high` whose logarithm is uniform, as a learning rate should be searched.
 *
 * @throws ERR_OPTION unless 0 < low < high, both finite
 */
export function logUniform(low: number, high: number): LogUniformParameter {
  requireRange('logUniform', low, high)
  requirePositive('the lower end of logUniform', low)
  return { kind: 'logUniform', low, high }
}

/**
 * A whole number from `low` to `high`, both included.
 *
 * @param options `log`: small numbers are as likely as large ones by order of magnitude (default false)
 * @throws ERR_OPTION unless low < high, both whole, and low ≥ 1 with `log`
 */
export function integer(
  low: number,
  high: number,
  options: { readonly log?: boolean } = {},
): IntegerParameter {
  requireRange('integer', low, high)
  const { log = false } = options
  requireInteger('the lower end of integer', low, log ? 1 : -Number.MAX_SAFE_INTEGER)
  requireInteger('the upper end of integer', high, low)
  return { kind: 'integer', low, high, log }
}

/**
 * One of some values, all equally likely.
 *
 * @param values - different from each other, and such that JSON gives them back unchanged
 * @throws ERR_OPTION if there are none, if two are equal, or if JSON does not hold them
 */
export function choice<const T extends Json>(values: readonly T[]): ChoiceParameter<T> {
  if (!Array.isArray(values) || values.length === 0)
    throw optionError(`choice needs an array of values, given ${shown(values)}`)
  const texts = values.map((value) => {
    const text = JSON.stringify(value)
    if (text === undefined || !isJson(value))
      throw optionError(
        `choice takes what JSON holds (finite numbers, texts, booleans, null, arrays, objects), given ${shown(value)}`,
      )
    return text
  })
  const twice = texts.find((text, index) => texts.indexOf(text) !== index)
  if (twice !== undefined) throw optionError(`choice has the value ${twice} twice`)
  return { kind: 'choice', values }
}

/** Whether JSON gives a value back unchanged. */
function isJson(value: unknown): boolean {
  if (typeof value === 'number') return Number.isFinite(value) && !Object.is(value, -0)
  if (value === null || typeof value === 'string' || typeof value === 'boolean') return true
  if (typeof value !== 'object') return false
  const plain = Array.isArray(value) || Object.getPrototypeOf(value) === Object.prototype
  return plain && Object.values(value).every(isJson)
}

/**
 * A parameter that a configuration has only where others have given values.
 *
 * @param condition - a value, or a list of them, by the name of a parameter that stands earlier in the space
 * @param parameter - not a conditional one: name all conditions at once
 * @throws ERR_OPTION if there is no condition, or the parameter has one already
 */
export function when<P extends PlainParameter>(
  condition: Readonly<Record<string, Json | readonly Json[]>>,
  parameter: P,
): ConditionalParameter<P> {
  if (!isParameter(parameter) || (parameter as Parameter).kind === 'conditional')
    throw optionError('when takes a condition and a uniform, logUniform, integer or choice parameter')
  const entries = Object.entries(condition).map(
    ([name, values]) => [name, (Array.isArray(values) ? values : [values]) as readonly Json[]] as const,
  )
  if (entries.length === 0 || entries.some(([, values]) => values.length === 0))
    throw optionError('when needs at least one value of one other parameter')
  return { kind: 'conditional', condition: Object.fromEntries(entries), parameter }
}

/** Whether something is a dimension of a space. */
function isParameter(value: unknown): value is Parameter {
  const kinds = ['uniform', 'logUniform', 'integer', 'choice', 'conditional']
  return (
    typeof value === 'object' && value !== null && kinds.includes((value as { kind?: string }).kind ?? '')
  )
}

/** A parameter without its condition. */
export function plain(parameter: Parameter): PlainParameter {
  return parameter.kind === 'conditional' ? parameter.parameter : parameter
}

/** Whether a configuration so far has a parameter. */
export function isActive(parameter: Parameter, values: Hyperparameters): boolean {
  if (parameter.kind !== 'conditional') return true
  return Object.entries(parameter.condition).every(
    ([name, allowed]) => name in values && allowed.some((value) => isSame(value, values[name]!)),
  )
}

const isSame = (a: Json, b: Json): boolean => a === b || JSON.stringify(a) === JSON.stringify(b)

/** Checks a space as a whole. */
export function requireSpace(space: unknown): asserts space is Space {
  if (typeof space !== 'object' || space === null || Object.keys(space).length === 0)
    throw optionError('space must be an object of parameters: uniform, logUniform, integer, choice, when')
  const earlier: Record<string, Parameter> = {}
  for (const [name, parameter] of Object.entries(space)) {
    if (!isParameter(parameter))
      throw optionError(
        `space.${name} must be uniform, logUniform, integer, choice or when, given ${shown(parameter)}`,
      )
    if (parameter.kind === 'conditional') {
      for (const other of Object.keys(parameter.condition)) {
        if (!(other in earlier))
          throw optionError(
            `space.${name} depends on ${shown(other)}, which must stand before it in the space`,
          )
      }
    }
    earlier[name] = parameter
  }
}

/** A configuration, parameter by parameter in the order of the space. */
export function assemble(
  space: Space,
  pick: (name: string, parameter: PlainParameter, dimension: number) => Json,
): Hyperparameters {
  const values: Record<string, Json> = {}
  for (const [dimension, [name, parameter]] of Object.entries(space).entries()) {
    if (isActive(parameter, values)) values[name] = pick(name, plain(parameter), dimension)
  }
  return values
}
