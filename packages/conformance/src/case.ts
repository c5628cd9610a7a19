import type { Dtype, Feature } from './manifest.js'
import type { PlainTransformation } from './plain.js'
import type { Problem } from './problem.js'

/** What happens to a step instead of being taken: it is skipped, or throws the code. */
export type Outcome = 'skipped' | 'ERR_LOSS_REQUIRED' | 'ERR_BAD_LOSS' | 'ERR_NON_FINITE' | 'ERR_SHAPE'

/** What a case asks, as data. `check` names the function that asks it. */
export type CaseBody =
  /** Every step as the oracle has it; the steps of `outcomes` change no bit. */
  | {
      readonly check: 'trajectory'
      readonly problem: Problem
      readonly outcomes?: Readonly<Record<number, Outcome>>
      /** `false` where s lies outside the type's range, so that only the parameters can be compared. */
      readonly reports?: boolean
    }
  /** Every step as the golden vector has it. */
  | { readonly check: 'golden'; readonly suite: string; readonly name: string }
  /** As many iterations, and the same final value, as published. */
  | { readonly check: 'plane'; readonly function: string; readonly optimiser: string }
  /** Two runs that must end in the same place. */
  | { readonly check: 'equal'; readonly problem: Problem; readonly other: Problem; readonly exact: boolean }
  /** The same numbers cut into other tensors: `layout` gives the tensors, `order` where their elements come from. */
  | {
      readonly check: 'layout'
      readonly problem: Problem
      readonly layout: readonly { readonly name: string; readonly shape: readonly number[] }[]
      readonly order: 'kept' | 'reversed'
    }
  | { readonly check: 'parallel'; readonly problem: Problem; readonly xi: number }
  | { readonly check: 'factorRange'; readonly problem: Problem }
  | {
      readonly check: 'falling'
      readonly problem: Problem
      readonly along: 'xi' | 'gradientScale'
      readonly values: readonly number[]
    }
  | { readonly check: 'redescends'; readonly problem: Problem }
  | { readonly check: 'denseSolve'; readonly problem: Problem }
  | { readonly check: 'stepBound'; readonly problem: Problem }
  | { readonly check: 'descends'; readonly problem: Problem }
  | { readonly check: 'decayAlone'; readonly problem: Problem }
  | { readonly check: 'nuclearNorm'; readonly problem: Problem }
  | { readonly check: 'repeatable'; readonly problem: Problem }
  | { readonly check: 'keepsGradient'; readonly problem: Problem }
  | { readonly check: 'independent'; readonly problem: Problem }
  | { readonly check: 'resume'; readonly problem: Problem; readonly after: number }
  | {
      readonly check: 'handover'
      readonly problem: Problem
      readonly after: number
      readonly from: 'target' | 'reference'
    }
  | { readonly check: 'badCheckpoint'; readonly problem: Problem; readonly damage: Damage }
  | { readonly check: 'badShape'; readonly problem: Problem; readonly mistake: 'length' | 'count' | 'data' }
  | { readonly check: 'badOption'; readonly option: string; readonly value: unknown; readonly base?: string }
  | { readonly check: 'disposed'; readonly problem: Problem }
  | { readonly check: 'customBase'; readonly problem: Problem }
  | { readonly check: 'customEmbedding'; readonly problem: Problem }
  | { readonly check: 'customSchedule'; readonly problem: Problem }
  | { readonly check: 'support'; readonly capability: Feature }
  | { readonly check: 'random'; readonly property: string; readonly runs: number }

/** What is done to a checkpoint before it is loaded. */
export type Damage =
  | 'empty'
  | 'truncated by a byte'
  | 'cut in half'
  | 'first byte changed'
  | 'other transformation'
  | 'other shape'
  | 'other name'
  | 'other dtype'

/** A case: what must hold, for which element type, and what an adapter must support for it. */
export type Case = CaseBody & {
  /** `family/name/f32/0001`: never given to another case, never changed. */
  readonly id: string
  /** What must hold, as a sentence. */
  readonly title: string
  readonly dtype: Dtype
  readonly requires: readonly Feature[]
}

/** The part of the id before the first slash. */
export function familyOf(id: string): string {
  return id.slice(0, id.indexOf('/'))
}

/** What a transformation needs of an adapter. */
export function capabilitiesOf(t: PlainTransformation, nonMatrices: boolean): Feature[] {
  const needs = new Set<Feature>()
  for (const options of [t, ...Object.values(t.groups ?? {})]) {
    if (options.base !== undefined) needs.add(`base/${options.base.name}` as Feature)
    const muon = (options.base ?? t.base).name === 'muon'
    if (muon && nonMatrices) needs.add(`base/${(options.fallback ?? t.fallback)?.name ?? 'adam'}` as Feature)
    if (options === t || options.embedding !== undefined) {
      needs.add(`embedding/${options.embedding?.name ?? 'identity'}` as Feature)
    }
    if (options.weightDecay !== undefined && options.weightDecay !== 0) needs.add('weightDecay')
    if (options.decayMask !== undefined && options.decayMask !== 'all') needs.add('decayMask')
    if ((options.onBadLoss ?? 'throw') !== 'throw') needs.add('badLossPolicies')
    if (JSON.stringify(options).includes('"schedule"')) needs.add('schedules')
  }
  if (t.groups !== undefined) needs.add('groups')
  if ((t.metricScope ?? 'global') !== 'global') needs.add('metricScope')
  if (t.clipNorm !== undefined) needs.add('clipNorm')
  if (t.onNonFinite === 'throw') needs.add('throwOnNonFinite')
  return [...needs]
}

/** What a problem needs of an adapter. */
export function needsOf(problem: Problem): Feature[] {
  const nonMatrices = problem.parameters.some(({ shape }) => shape.length !== 2)
  const needs = capabilitiesOf(problem.transformation, nonMatrices)
  if (problem.missing !== undefined) needs.push('missingGradients')
  return needs
}
