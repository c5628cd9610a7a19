import type { PlainOptions, PlainTransformation } from '../plain.js'
import { inner, type BaseInput } from './base.js'
import { runBase, wholes, type BaseResult } from './bases.js'
import { isSame, prepare, type OracleParameter, type Parameter, type Profile } from './parameters.js'
import { valueAt } from './schedules.js'
import {
  afterMoves,
  badLossPolicy,
  isPlain,
  momentOf,
  needsLoss,
  scalesDecay,
  stepUnit,
  type Unit,
  type UnitStep,
  type UnitSums,
} from './unit.js'
import { createSums, keep, limitGradients } from './wrappers.js'

export type { OracleParameter } from './parameters.js'

/** The oracle's report on a metric unit; NaN if the unit had no gradient. */
export interface OracleUnitReport {
  readonly scale: number
  readonly dualNorm: number
  readonly metric: number
  readonly xi: number
}

/** The oracle's report on a step. The factor and the metric are those of the first unit that had a gradient. */
export interface OracleReport extends OracleUnitReport {
  readonly step: number
  readonly learningRate: number
  readonly skipped: boolean
  readonly skippedSteps: number
  /** How many calls wait for the rest of their update; absent after an update, and where every call is one. */
  readonly waiting?: number
  /** One entry per unit, in the order of their first parameters. */
  readonly units: readonly OracleUnitReport[]
}

/** Thrown if an optimiser must throw; `code` is the required code. */
export class OracleError extends Error {
  readonly code: string
  constructor(code: string) {
    super(`the oracle expects ${code}`)
    this.code = code
  }
}

/** The expected trajectory, step by step. */
export interface Oracle {
  step(
    gradients: readonly (ArrayLike<number> | null)[],
    options?: { readonly loss?: number | undefined },
  ): OracleReport
  /** Copies of the parameters. */
  read(): Float64Array[]
  /** Puts other values in place of the parameters'. */
  place(values: readonly ArrayLike<number>[]): void
  /** Copies of their averages over the steps; `undefined` if none is kept. */
  readAverages(): (Float64Array | undefined)[]
  /** Copies of the weights to evaluate with, where averages are kept; `undefined` elsewhere. */
  readEvaluation(): (Float64Array | undefined)[]
  /** Copies of their slow values; `undefined` if none are kept. */
  readSlow(): (Float64Array | undefined)[]
}

/** What a step gives to the parameters of a profile. */
type Sums = Pick<BaseInput, 'count' | 'totals' | 'shared' | 'sharedNext' | 'loss'>

const nothing: OracleUnitReport = { scale: NaN, dualNorm: NaN, metric: NaN, xi: NaN }

/**
 * The induced-metric optimiser in plain float64 loops: a second implementation of the formulas, which shares nothing with
 * the core and exists to disagree with it.
 *
 * s = Σ g·(P g) over everything that has a gradient; v = βv + (1−β)s; v̂ = ξ·v/(1−βᵗ); ρ from the embedding;
 * Δθ = −lr·ρ·P m̂ − lr·wd·θ with the old θ, the decay times ρ if it is scaled like the step (arXiv:2509.03594).
 */
export function createOracle(
  transformation: PlainTransformation,
  parameters: readonly OracleParameter[],
): Oracle {
  const updates = createUpdates(transformation, parameters)
  const sums = createSums(transformation.accumulate)
  let last = {
    ...nothing,
    step: 0,
    learningRate: NaN,
    skipped: false,
    skippedSteps: 0,
    units: [],
  } as OracleReport
  return {
    ...updates,
    step(gradients, { loss } = {}) {
      const mean = sums(gradients, loss)
      if (typeof mean === 'number') return { ...last, skipped: false, waiting: mean }
      return (last = updates.step(mean.gradients, { loss: mean.loss }))
    },
  }
}

/** The updates of an optimiser. */
function createUpdates(transformation: PlainTransformation, parameters: readonly OracleParameter[]): Oracle {
  const isGlobal = (transformation.metricScope ?? 'global') === 'global'
  const state = prepare(transformation, parameters)
  const units = [...new Set(state.map(({ unit }) => unit))]
  const averagesModel = units.some(({ options }) => options.averagedModel === true)
  let taken = 0
  let skippedSteps = 0

  const skipped = (): OracleReport => {
    skippedSteps++
    return { ...nothing, step: taken, learningRate: NaN, skipped: true, skippedSteps, units: [] }
  }

  return {
    read: () => state.map((p) => p.theta.slice()),
    place: (values) => state.forEach((p, i) => p.theta.set(values[i]!)),
    readAverages: () => state.map((p) => p.kept.average?.slice()),
    // Before its first step, a parameter has none yet, and is evaluated as it is.
    readEvaluation: () => state.map((p) => p.kept.average && (p.t === 0 ? p.theta : p.kept.average).slice()),
    readSlow: () => state.map((p) => p.kept.slow?.map((x) => (p.t === 0 ? 0 : x))),

    step(given, { loss } = {}) {
      const step = taken + 1
      const gradients = limitGradients(given, state, transformation)
      const active = state.filter((_, i) => gradients[i] !== null)
      if (active.length === 0) return skipped()
      if (loss === undefined && units.some(({ options }) => needsLoss(options)))
        throw new OracleError('ERR_LOSS_REQUIRED')

      const gradientOf = (p: Parameter): Float64Array => gradients[p.index]!
      const sums = sumProfiles(active, gradientOf, loss ?? NaN, step)
      const results = new Map<Parameter, BaseResult>()
      for (const p of active)
        results.set(p, runBase(p.base.name, inputOf(p, gradientOf(p), step, sums.get(p.profile)!)))
      const steps = new Map<Unit, UnitStep>()
      const duals = new Map<Unit, number>()
      const membersOf = isGlobal
        ? new Map(units.map((unit) => [unit, active]))
        : groupBy(active, ({ unit }) => unit)
      for (const [unit, members] of membersOf) {
        const unitSums = sumsOf(members, results, unit.options.averagedModel === true)
        if (!isFinite(unit.options, unitSums, loss)) {
          if (transformation.onNonFinite === 'throw') throw new OracleError('ERR_NON_FINITE')
          return skipped()
        }
        const dual = Math.max(0, unitSums.dual)
        const result = stepUnit(unit, { ...unitSums, dual }, loss ?? NaN, step)
        if (!result.good && badLossPolicy(unit.options) === 'throw') throw new OracleError('ERR_BAD_LOSS')
        if (!result.good && badLossPolicy(unit.options) === 'skip') return skipped()
        steps.set(unit, result)
        duals.set(unit, isPlain(unit.options) ? NaN : dual)
      }

      const changes = new Map<Parameter, readonly number[]>()
      for (const p of active)
        changes.set(p, move(p, results.get(p)!, steps.get(p.unit)!.scale, step, averagesModel))
      for (const [unit, { state: next }] of steps)
        unit.state = averagesModel ? afterMoves(next, changesOf(unit, membersOf.get(unit)!, changes)) : next
      for (const [profile, { sharedNext, count }] of sums)
        Object.assign(profile, { shared: sharedNext, count })
      taken = step
      const reports = units.map((unit) => reportOf(steps.get(unit), duals.get(unit)))
      const first = units.findIndex((unit) => steps.has(unit))
      const learningRate = valueAt(units[0]!.options.learningRate!, step)
      const { scale, dualNorm, metric, xi } = reports[first]!
      return {
        step,
        scale,
        dualNorm,
        metric,
        xi,
        learningRate,
        skipped: false,
        skippedSteps,
        units: reports,
      }
    },
  }
}

/** The report of a unit. One that has no step, as none of its parameters has a gradient, has no numbers. */
function reportOf(result: UnitStep | undefined, dualNorm: number | undefined): OracleUnitReport {
  if (result === undefined) return { ...nothing, scale: 0 }
  return { scale: result.scale, dualNorm: dualNorm!, metric: result.metric, xi: result.xi }
}

/** The members by what they have in common, in their order. */
function groupBy<K>(members: readonly Parameter[], keyOf: (p: Parameter) => K): Map<K, Parameter[]> {
  const groups = new Map<K, Parameter[]>()
  for (const p of members) {
    const group = groups.get(keyOf(p))
    if (group === undefined) groups.set(keyOf(p), [p])
    else group.push(p)
  }
  return groups
}

function inputOf(p: Parameter, g: Float64Array, step: number, sums: Sums): BaseInput {
  const { t, h, flag } = momentOf(p.base, p.t + 1, step)
  const { loss, count, totals, shared, sharedNext } = sums
  return {
    t,
    h,
    flag,
    loss,
    count,
    totals,
    shared,
    sharedNext,
    g,
    theta: p.theta,
    shape: p.shape,
    slots: p.slots,
    options: p.base,
    step,
    learningRate: valueAt(p.options.learningRate!, step),
    text: (name, otherwise) => (p.base[name] as string | undefined) ?? otherwise,
  }
}

/** The sums over each profile's parameters, and the new values of the scalars that these share. */
function sumProfiles(
  active: readonly Parameter[],
  gradientOf: (p: Parameter) => Float64Array,
  loss: number,
  step: number,
): Map<Profile, Sums> {
  const found = new Map<Profile, Sums>()
  for (const [profile, members] of groupBy(active, (p) => p.profile)) {
    const { shared } = profile
    const before: Sums = { loss, count: profile.count + 1, totals: [], shared, sharedNext: shared }
    const whole = wholes[members[0]!.base.name]
    if (whole === undefined) {
      found.set(profile, before)
      continue
    }
    const inputs = members.map((p) => inputOf(p, gradientOf(p), step, before))
    const totals = inputs
      .map((x) => whole.totals(x))
      .reduce((sum, values) => values.map((value, i) => value + sum[i]!))
    const after = { ...before, totals }
    found.set(profile, { ...after, sharedNext: whole.shared({ ...inputs[0]!, ...after }) })
  }
  return found
}

function sumsOf(
  active: readonly Parameter[],
  results: ReadonlyMap<Parameter, BaseResult>,
  averagesModel: boolean,
): UnitSums {
  let [dual, along] = [0, 0]
  for (const p of active) {
    const result = results.get(p)!
    dual += result.dual
    if (averagesModel) along += inner(result.average(), result.direction)
  }
  return { dual, along }
}

function isFinite(options: PlainOptions, { dual, along }: UnitSums, loss: number | undefined): boolean {
  const read = options.averagedModel === true ? [dual, along] : [dual]
  return read.every(Number.isFinite) && (!needsLoss(options) || Number.isFinite(loss))
}

/** For each base of a unit, the distance that its parameters moved along their momenta. */
function changesOf(
  { bases }: Unit,
  active: readonly Parameter[],
  changes: ReadonlyMap<Parameter, readonly number[]>,
): number[][] {
  return bases.map((base) => {
    const sums: number[] = []
    for (const p of active.filter((candidate) => isSame(candidate.base, base)))
      changes.get(p)!.forEach((change, k) => (sums[k] = (sums[k] ?? 0) + change))
    return sums
  })
}

/**
 * Applies the step to one parameter, and updates what is kept beside it.
 *
 * @returns ⟨m, Δθ⟩ for each stored array m of the average of gradients, where the model of the loss is averaged
 */
function move(
  p: Parameter,
  result: BaseResult,
  rho: number,
  step: number,
  averagesModel: boolean,
): readonly number[] {
  const learningRate = valueAt(p.options.learningRate!, step)
  const decay = decays(p) ? valueAt(p.options.weightDecay ?? 0, step) : 0
  const decayed = learningRate * decay * (scalesDecay(p.options) ? rho : 1)
  const own = result.apply?.(rho)
  p.slots = own?.slots ?? result.slots
  p.t++
  const { theta } = p
  const start = averagesModel ? theta.slice() : undefined
  for (let i = 0; i < theta.length; i++) {
    const before = theta[i]!
    const stepped = own?.parameter[i] ?? before - learningRate * rho * result.direction[i]!
    theta[i] = stepped - decayed * before
  }
  keep(p.kept, theta, p.options, p.t)
  if (start === undefined) return []
  const moved = theta.map((value, i) => value - start[i]!)
  return result.momenta.map((m) => inner(m, moved))
}

function decays(p: Parameter): boolean {
  const mask = p.options.decayMask ?? 'all'
  if (mask === 'all') return true
  if (mask === 'matrices') return p.shape.length >= 2
  return mask.includes(p.name)
}
