import type { PlainBase, PlainOptions, PlainTransformation } from '../plain.js'
import { initialUnit, type Unit } from './unit.js'
import { initialKept, type Kept } from './wrappers.js'

/** A parameter of the oracle. Its data are copied. */
export interface OracleParameter {
  readonly name: string
  readonly shape: readonly number[]
  readonly data: ArrayLike<number>
  readonly group?: string | undefined
}

/** A parameter with its options and its state. */
export interface Parameter {
  /** Its place among the optimiser's parameters. */
  readonly index: number
  readonly name: string
  readonly shape: readonly number[]
  readonly theta: Float64Array
  readonly options: PlainOptions
  readonly base: PlainBase
  readonly unit: Unit
  readonly profile: Profile
  slots: Readonly<Record<string, Float64Array>>
  readonly kept: Kept
  t: number
}

/** What the parameters of one base and one set of options share. */
export interface Profile {
  shared: Readonly<Record<string, number>>
  count: number
}

/** The parameters with their options, and their units. */
export function prepare(
  transformation: PlainTransformation,
  parameters: readonly OracleParameter[],
): readonly Parameter[] {
  const scope = transformation.metricScope ?? 'global'
  const groups = transformation.groups ?? {}
  const merged = new Map(
    Object.entries(groups).map(([label, own]): [string, PlainOptions] => [
      label,
      { ...transformation, ...own },
    ]),
  )
  const optionsOf = ({ group = '' }: OracleParameter): PlainOptions => merged.get(group) ?? transformation
  const keyOf = (p: OracleParameter, index: number): string => {
    const group = p.group ?? ''
    if (scope === 'parameter') return String(index)
    return scope === 'group' || Object.hasOwn(groups, group) ? group : ''
  }
  const units = new Map<string, Unit>()
  const profiles: {
    readonly group: string | undefined
    readonly base: PlainBase
    readonly profile: Profile
  }[] = []
  return parameters.map((p, index): Parameter => {
    const options = optionsOf(p)
    const key = keyOf(p, index)
    let unit = units.get(key)
    if (unit === undefined) {
      const within = parameters.filter((q, other) => scope === 'global' || keyOf(q, other) === key)
      const bases = distinct(within.map((q) => baseOf(optionsOf(q), q.shape)))
      const scalars = within.reduce((n, q) => n + q.shape.reduce((a, b) => a * b, 1), 0)
      unit = { options, scalars, bases, state: initialUnit(bases) }
      units.set(key, unit)
    }
    const group = Object.hasOwn(groups, p.group ?? '') ? p.group : undefined
    const own = baseOf(options, p.shape)
    const base = unit.bases.find((each) => isSame(each, own))!
    let found = profiles.find((each) => each.group === group && isSame(each.base, own))
    if (found === undefined) profiles.push((found = { group, base, profile: { shared: {}, count: 0 } }))
    return {
      index,
      profile: found.profile,
      name: p.name,
      shape: p.shape,
      theta: new Float64Array(p.data),
      options,
      base,
      unit,
      slots: {},
      kept: initialKept(options, p.data),
      t: 0,
    }
  })
}

/** Muon and NorMuon take matrices, and kernels where they flatten them. */
function baseOf({ base, fallback }: PlainOptions, shape: readonly number[]): PlainBase {
  const { name, flatten = name === 'normuon' } = base!
  if (name !== 'muon' && name !== 'normuon') return base!
  return shape.length === 2 || (shape.length > 2 && flatten === true) ? base! : (fallback ?? defaultFallback)
}

const defaultFallback: PlainBase = { name: 'adam' }

function distinct(bases: readonly PlainBase[]): PlainBase[] {
  return bases.filter((base, i) => bases.findIndex((other) => isSame(base, other)) === i)
}

/** Whether two bases are one, with the same hyperparameters. */
export function isSame(a: PlainBase, b: PlainBase): boolean {
  return a === b || JSON.stringify(a) === JSON.stringify(b)
}
