import { inputNames, type Graph } from '../graph/graph.js'
import type { Scalars } from '../graph/hostScalars.js'
import { memoised } from '../memoised.js'
import { embeddingInput } from '../transformation/embedding.js'
import {
  followedBound,
  isFollowing,
  valueAt,
  type HyperparameterSpecs,
  type HyperparameterValues,
  type Scheduled,
} from '../transformation/hyperparameter.js'
import { hyperparameterInput } from '../transformation/recordUpdate.js'
import { isTied, perRateOf, tiedTo } from '../transformation/tiedXi.js'
import { optionRanges } from '../transformation/transformation.js'
import { adaptiveClipOf, wrapperRanges } from '../transformation/wrappers.js'
import type { GroupSettings } from '../transformation/types.js'
import type { Range } from '../validation/range.js'
import type { MetricUnit, Profile } from './planned.js'
import { modelInput } from './baseAverage.js'

/** A scalar input of a graph: its name there (`input`) and in errors (`label`), and its value, which may depend on the step. */
export interface ScalarEntry {
  readonly input: string
  readonly label: string
  readonly value: Scheduled
  readonly range: Range
}

/** The scalar inputs of a group with one base. */
export const profileEntries = memoised(
  ({ base, settings }: Pick<Profile, 'settings' | 'base'>): readonly ScalarEntry[] => {
    const { learningRate, weightDecay } = settings
    return [
      entry('learningRate', learningRate, optionRanges.learningRate),
      entry('weightDecay', weightDecay, optionRanges.weightDecay),
      ...wrapperEntries(settings),
      ...declaredEntries(
        base.name,
        base.definition.hyperparameters ?? {},
        base.hyperparameters,
        hyperparameterInput,
      ),
    ]
  },
)

/** The scalar inputs of the options that wrap a base. */
function wrapperEntries({
  clipValue,
  adaptiveClip,
  averageWeights,
  lookahead,
}: GroupSettings): readonly ScalarEntry[] {
  const given: Record<string, number | undefined> = { clipValue }
  if (adaptiveClip !== undefined) {
    const { factor, epsilon } = adaptiveClipOf(adaptiveClip)
    Object.assign(given, { clipFactor: factor, clipEpsilon: epsilon })
  }
  if (typeof averageWeights === 'number') given['averageWeights'] = averageWeights
  else if (averageWeights !== undefined && 'ema' in averageWeights) given['averageDecay'] = averageWeights.ema
  else if (averageWeights !== undefined) {
    const { start = 1, every = 1 } = averageWeights.swa
    Object.assign(given, { averageStart: start, averageEvery: every })
  }
  if (lookahead !== undefined) {
    const { syncPeriod = 5, slowStepSize = 0.5 } = lookahead
    Object.assign(given, { syncPeriod, slowStepSize })
  }
  return Object.entries(given).flatMap(([name, value]) =>
    value === undefined ? [] : [entry(name, value, wrapperRanges[name as keyof typeof wrapperRanges])],
  )
}

/** The scalar inputs of a metric unit. */
export function unitEntries({ settings, size, bases }: MetricUnit): ScalarEntry[] {
  const { embedding, xi, beta, startAxis, growthRate, risingCap } = settings
  const rate = settings.tiedRate ?? settings.learningRate
  const specs = embedding.definition.hyperparameters ?? {}
  const value = xi === 'auto' ? 1 / Math.max(size, 1) : isTied(xi) ? tiedTo(rate, perRateOf(xi)) : xi
  return [
    entry('xi', value, optionRanges.xi),
    entry('beta', beta, optionRanges.beta),
    ...declaredEntries(embedding.name, specs, embedding.hyperparameters, embeddingInput),
    ...(startAxis === undefined ? [] : startAxisEntries(startAxis, rate)),
    ...(growthRate === undefined ? [] : [entry('growthRate', growthRate, optionRanges.growthRate)]),
    ...(risingCap === undefined ? [] : risingCapEntries(risingCap, rate)),
    ...bases.flatMap(({ name, definition, hyperparameters }, model) =>
      declaredEntries(name, definition.hyperparameters ?? {}, hyperparameters, (key) =>
        modelInput(model, key),
      ),
    ),
  ]
}

/** The inputs of a metric's graph that are the rate to which ξ is tied, with κ = 1. */
export const tiedRateInputs: ReadonlySet<string> = new Set(['startAxis.rate', 'risingCap.rate'])

function startAxisEntries(
  { weight, power, steps }: NonNullable<GroupSettings['startAxis']>,
  learningRate: Scheduled,
): ScalarEntry[] {
  const { startWeight, startPower, startSteps } = optionRanges
  return [
    tiedRateEntry('startAxis.rate', learningRate),
    entry('startAxis.weight', weight, startWeight),
    ...(steps === undefined
      ? []
      : [entry('startAxis.power', power, startPower), entry('startAxis.steps', steps, startSteps)]),
  ]
}

function risingCapEntries(
  { growth, to }: NonNullable<GroupSettings['risingCap']>,
  learningRate: Scheduled,
): ScalarEntry[] {
  return [
    tiedRateEntry('risingCap.rate', learningRate),
    entry('risingCap.growth', growth, optionRanges.capGrowth),
    entry('risingCap.to', to, optionRanges.capEnd),
  ]
}

function tiedRateEntry(input: string, learningRate: Scheduled): ScalarEntry {
  return { ...entry(input, tiedTo(learningRate, 1), optionRanges.learningRate), label: 'learningRate' }
}

function entry(name: string, value: Scheduled, range: Range): ScalarEntry {
  return { input: name, label: name, value, range }
}

function declaredEntries(
  owner: string,
  specs: HyperparameterSpecs,
  values: HyperparameterValues,
  inputName: (name: string) => string,
): ScalarEntry[] {
  return Object.entries(specs).flatMap(([key, spec]) => {
    if (spec.kind !== 'number') return []
    const given = values[key]
    const value = isFollowing(given) ? followedBound(given) : (given as Scheduled)
    return [{ input: inputName(key), label: `${owner}.${key}`, value, range: spec }]
  })
}

/** Writes the values at a step into `scalars`. Throws ERR_OPTION when a schedule leaves its range. */
export function writeScalars(scalars: Scalars, entries: readonly ScalarEntry[], step: number): Scalars {
  for (const { input, label, value, range } of entries) scalars[input] = valueAt(label, value, range, step)
  return scalars
}

/** Scalars of which some are on a schedule. */
export interface PreparedScalars {
  /** All of them. Those on a schedule have to be written at every step. */
  readonly scalars: Scalars
  readonly scheduled: readonly ScalarEntry[]
}

/** Writes the values that do not depend on the step, and keeps the others to be written at each step. */
export function prepareScalars(entries: readonly ScalarEntry[]): PreparedScalars {
  const scheduled = entries.filter(({ value }) => typeof value === 'function')
  const constant = entries.filter(({ value }) => typeof value !== 'function')
  return { scalars: writeScalars({}, constant, 1), scheduled }
}

/** Writes a profile's values at a step into `scalars`. Throws ERR_OPTION when a schedule leaves its range. */
export function profileScalars(
  scalars: Scalars,
  profile: Pick<Profile, 'settings' | 'base'>,
  step: number,
): Scalars {
  return writeScalars(scalars, profileEntries(profile), step)
}

/** Writes a unit's values at a step into `scalars`. Throws ERR_OPTION when a schedule leaves its range. */
export function unitScalars(scalars: Scalars, unit: MetricUnit, step: number): Scalars {
  return writeScalars(scalars, unitEntries(unit), step)
}

const extentInputs = ['rows', 'columns', 'size'] as const

/** Whether a graph's scalars depend on the extents of its parameter. */
export function readsExtents(graph: Graph): boolean {
  const names = inputNames(graph)
  return extentInputs.some((name) => names.has(name))
}

/** Writes the extents of a parameter into `scalars`. `rows` and `columns` are read only where it is a matrix. */
export function extentScalars(
  scalars: Scalars,
  extents: { readonly [name in (typeof extentInputs)[number]]: number },
): Scalars {
  for (const name of extentInputs) scalars[name] = extents[name]
  return scalars
}
