import type { Dtype, Feature } from './manifest.js'
import { follows, isTied, type PlainBase, type PlainTransformation } from './plain.js'
import type { CaseNumber, Problem } from './problem.js'
import type {
  Damage,
  DefinitionMistake,
  GradientMistake,
  ParameterMistake,
  TransformationMistake,
} from './mistakes.js'

export type {
  Damage,
  DefinitionMistake,
  GradientMistake,
  ParameterMistake,
  TransformationMistake,
} from './mistakes.js'

/** The convex losses of `approach`. */
export type ConvexKind = 'quadratic' | 'powers' | 'maximum' | 'logSumExp'

/** The options of the core's `rateFree` that cases use. */
export interface RateFreeOptions {
  readonly steps?: number
  readonly floor?: number
  readonly learningRate?: number
  readonly weightDecay?: number
  readonly growthRate?: number
}

/** The outcome of a step that is not taken: it is skipped, or it throws the code. */
export type Outcome =
  | 'skipped'
  | 'ERR_LOSS_REQUIRED'
  | 'ERR_BAD_LOSS'
  | 'ERR_NON_FINITE'
  | 'ERR_SHAPE'
  | 'ERR_OPTION'

/** The question of a case, as data. `check` names the function that asks it. */
export type CaseBody =
  /** Every step equals the oracle's; the steps of `outcomes` change no bit. */
  | {
      readonly check: 'trajectory'
      readonly problem: Problem
      readonly outcomes?: Readonly<Record<number, Outcome>>
      /** `false` where s lies outside the type's range, so that only the parameters can be compared. */
      readonly reports?: boolean
    }
  /** Every step equals the golden vector's. */
  | { readonly check: 'golden'; readonly suite: string; readonly name: string }
  /** Every step equals the one computed from the whole history, in a vector of a rate's own metric. */
  | { readonly check: 'goldenTied'; readonly name: string }
  /** The number of iterations and the final value are as published. */
  | { readonly check: 'plane'; readonly function: string; readonly optimiser: string }
  /** Two runs must end in the same place. */
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
  | {
      readonly check: 'resume'
      readonly problem: Problem
      readonly after: number
      /** Whether the final states must be the same as well: slots, averages and everything else. */
      readonly state?: boolean
    }
  /** After a reset, a run goes on from where the parameters are as in a new session. */
  | { readonly check: 'reset'; readonly problem: Problem; readonly after: number }
  | {
      readonly check: 'handover'
      readonly problem: Problem
      readonly after: number
      readonly from: 'target' | 'reference'
    }
  /** A checkpoint of an earlier release, in Base64, continues after that many of the problem's steps. */
  | {
      readonly check: 'oldCheckpoint'
      readonly problem: Problem
      readonly after: number
      readonly bytes: string
    }
  | {
      readonly check: 'badCheckpoint'
      readonly problem: Problem
      readonly damage: Damage
      /** What the message must contain. */
      readonly names?: string
    }
  | { readonly check: 'badShape'; readonly problem: Problem; readonly mistake: 'length' | 'count' | 'data' }
  | { readonly check: 'badOption'; readonly option: string; readonly value: unknown; readonly base?: string }
  | { readonly check: 'disposed'; readonly problem: Problem }
  | { readonly check: 'customBase'; readonly problem: Problem }
  | { readonly check: 'customFactored'; readonly problem: Problem }
  | { readonly check: 'customIdentity'; readonly problem: Problem }
  | { readonly check: 'customFunctions'; readonly problem: Problem }
  | { readonly check: 'customNoise'; readonly problem: Problem; readonly baseSeed: number }
  | {
      readonly check: 'customSums'
      readonly problem: Problem
      readonly by: 'rowMax' | 'rowSums' | 'sum' | 'total' | 'loss'
    }
  | {
      readonly check: 'ownSlopes'
      readonly problem: Problem
      readonly embedding: 'root' | 'log' | 'logDamped'
    }
  | { readonly check: 'namesNonFinite'; readonly problem: Problem; readonly names: 'loss' | 'gradient' }
  | { readonly check: 'noTransformation'; readonly problem: Problem; readonly given: TransformationMistake }
  | { readonly check: 'rateSet'; readonly problem: Problem; readonly after: number }
  | { readonly check: 'lackingValues'; readonly problem: Problem; readonly after: number }
  | { readonly check: 'ownData' }
  | { readonly check: 'unsaved'; readonly within: 'learningRate' | 'warmup' | 'group' }
  | { readonly check: 'customEmbedding'; readonly problem: Problem }
  | { readonly check: 'customSchedule'; readonly problem: Problem }
  /** A base defined by the kit that returns its average x̂ and steps along x̂, or along the gradient, which may oppose x̂. */
  | { readonly check: 'customAverage'; readonly problem: Problem; readonly along: 'average' | 'gradient' }
  /** A combination that has no definition is refused with ERR_NOT_SUPPORTED when the optimiser is created. */
  | { readonly check: 'refused'; readonly problem: Problem; readonly base: 'given' | 'own' }
  /** The core's `rateFree` of the problem's base equals the problem's transformation. */
  | { readonly check: 'rateFree'; readonly problem: Problem; readonly options: RateFreeOptions }
  /** A transformation that is written as JSON and read again stays the same. */
  | { readonly check: 'roundTrip'; readonly problem: Problem }
  /** On convex losses the distance to a minimum never grows. */
  | {
      readonly check: 'approach'
      readonly kind: ConvexKind
      readonly problems: number
      readonly learningRate: number
      readonly perRate: number
      /** The distance from the given floor up to the minimum. */
      readonly tooLow: number
      readonly seed: number
    }
  /** With ξ = κη*, each step is η/(1 + κη*s/ℓ) times the gradient; `peaks` holds η*, one for all steps or one per step. */
  | { readonly check: 'cappedStep'; readonly problem: Problem; readonly peaks: readonly number[] }
  /** ρ is in [0, 1], and no step promises more than is left: ρ·v̂ ≤ ℓ. */
  | { readonly check: 'promise'; readonly problem: Problem }
  /** A run leaves the weights with at least half of their length. */
  | { readonly check: 'keepsWeights'; readonly problem: Problem }
  /** Every field of every report is compared; `keys` are those of the units. */
  | { readonly check: 'reports'; readonly problem: Problem; readonly keys: readonly string[] }
  | {
      readonly check: 'badParameters'
      readonly problem: Problem
      readonly mistake: ParameterMistake
      readonly code: 'ERR_SHAPE' | 'ERR_OPTION'
    }
  | { readonly check: 'badNames'; readonly problem: Problem; readonly names: readonly string[] }
  | { readonly check: 'badGradients'; readonly problem: Problem; readonly mistake: GradientMistake }
  | {
      readonly check: 'badStep'
      readonly problem: Problem
      readonly options: unknown
      readonly code: 'ERR_OPTION'
    }
  | { readonly check: 'badSchedule'; readonly schedule: unknown; readonly names: string }
  | { readonly check: 'badTransformation'; readonly change: unknown; readonly names: string }
  | {
      readonly check: 'badFunction'
      readonly problem: Problem
      readonly option: 'learningRate' | 'xi' | 'weightDecay' | 'momentum' | 'floor'
      readonly value: CaseNumber
    }
  | { readonly check: 'badDefinition'; readonly problem: Problem; readonly mistake: DefinitionMistake }
  | { readonly check: 'oneTransformation'; readonly problem: Problem; readonly other: Problem }
  /** The arrays that are given are views at an offset, or each other. */
  | {
      readonly check: 'memory'
      readonly problem: Problem
      readonly given:
        | 'parameters at an offset'
        | 'gradients at an offset'
        | 'the parameters themselves'
        | 'neighbours in one buffer'
    }
  | { readonly check: 'living'; readonly problem: Problem }
  | { readonly check: 'usedCheckpoint'; readonly problem: Problem; readonly after: number }
  | { readonly check: 'checkpointBytes'; readonly problem: Problem; readonly after: number }
  | { readonly check: 'permutedCheckpoint'; readonly problem: Problem; readonly after: number }
  /** A checkpoint of this release, in Base64, written after that many of the problem's steps. */
  | {
      readonly check: 'goldenCheckpoint'
      readonly problem: Problem
      readonly after: number
      readonly bytes: string
    }
  /** The state holds a learning rate, a number as that of the transformation is. */
  | { readonly check: 'fixedRate'; readonly problem: Problem; readonly after: number; readonly rate: number }
  | { readonly check: 'disposedState'; readonly problem: Problem }
  | { readonly check: 'maskFunction'; readonly problem: Problem; readonly names: readonly string[] }
  | { readonly check: 'customOperations'; readonly problem: Problem }
  | { readonly check: 'customMatrices'; readonly problem: Problem }
  | {
      readonly check: 'factorBelowZero'
      readonly problem: Problem
      readonly policy: 'throw' | 'skip' | 'base' | 'zero'
      readonly domain: boolean
    }
  | { readonly check: 'support'; readonly capability: Feature }
  | { readonly check: 'random'; readonly property: string; readonly runs: number }

/** A case: a statement that must hold, its element type, and the features an adapter must support for it. */
export type Case = CaseBody & {
  /** `family/name/f32/0001`. It never changes and is never reused. */
  readonly id: string
  /** The statement that must hold, as a sentence. */
  readonly title: string
  readonly dtype: Dtype
  readonly requires: readonly Feature[]
}

/** The element types of a case's parameters, its own first. */
export function dtypesOf(oneCase: Case): readonly Dtype[] {
  const own = 'problem' in oneCase ? oneCase.problem.parameters.flatMap(({ dtype }) => dtype ?? []) : []
  return [...new Set([oneCase.dtype, ...own])]
}

/** The part of the id before the first slash. */
export function familyOf(id: string): string {
  return id.slice(0, id.indexOf('/'))
}

/** The features of an adapter that a transformation needs. */
export function capabilitiesOf(t: PlainTransformation, nonMatrices: boolean): Feature[] {
  const needs = new Set<Feature>()
  for (const options of [t, ...Object.values(t.groups ?? {})]) {
    if (options.base !== undefined) needs.add(`base/${options.base.name}` as Feature)
    const inner = options.base?.['base'] as PlainBase | undefined
    if (inner !== undefined) needs.add(`base/${inner.name}` as Feature)
    const { name } = options.base ?? t.base
    if ((name === 'muon' || name === 'normuon') && nonMatrices)
      needs.add(`base/${(options.fallback ?? t.fallback)?.name ?? 'adam'}` as Feature)
    if (options === t || options.embedding !== undefined) {
      needs.add(`embedding/${options.embedding?.name ?? 'identity'}` as Feature)
    }
    if (options.weightDecay !== undefined && options.weightDecay !== 0) needs.add('weightDecay')
    if (options.decayMask !== undefined && options.decayMask !== 'all') needs.add('decayMask')
    if (options.decayScaling !== undefined) needs.add('decayScaling')
    if (typeof options.clipNorm === 'number') needs.add('clipNorm')
    else if (options.clipNorm !== undefined) needs.add('clipNorm/parameter')
    if (isTied(options)) needs.add('tiedXi')
    if (follows(options)) needs.add('followingFloor')
    for (const name of [
      'averagedModel',
      'startAxis',
      'growthRate',
      'risingCap',
      'lookahead',
      'clipValue',
      'adaptiveClip',
    ] as const) {
      if (options[name] !== undefined && options[name] !== false) needs.add(name)
    }
    const { averageWeights } = options
    if (typeof averageWeights === 'number') needs.add('averageWeights')
    else if (averageWeights !== undefined)
      needs.add('ema' in averageWeights ? 'averageWeights/ema' : 'averageWeights/swa')
    if ((options.onBadLoss ?? 'throw') !== 'throw') needs.add('badLossPolicies')
    if (JSON.stringify(options).includes('"schedule"')) needs.add('schedules')
  }
  if (t.groups !== undefined) needs.add('groups')
  if ((t.metricScope ?? 'global') !== 'global') needs.add('metricScope')
  if ((t.accumulate ?? 1) > 1) needs.add('accumulate')
  if (t.onNonFinite === 'throw') needs.add('throwOnNonFinite')
  return [...needs]
}

/** The features of an adapter that a problem needs. */
export function needsOf(problem: Problem): Feature[] {
  const nonMatrices = problem.parameters.some(({ shape }) => shape.length !== 2)
  const needs = capabilitiesOf(problem.transformation, nonMatrices)
  if (problem.missing !== undefined) needs.push('missingGradients')
  return needs
}
