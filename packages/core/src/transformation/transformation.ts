import { followedFloor, identity, type Embedding } from './embedding.js'
import { InducedMetricError, show } from '../errors.js'
import {
  checkBoolean,
  checkInteger,
  checkKeys,
  checkNumber,
  checkScheduled,
  type MatrixRows,
  type Range,
  type Scheduled,
} from './hyperparameter.js'
import { checkChoice } from '../validation/options.js'
import type { Preconditioner } from './preconditioner.js'
import { adam } from './preconditioners/index.js'
import { isTied, type TiedXi } from './tiedXi.js'
import { transformationToJSON, type TransformationJSON } from './toJSON.js'

/** What is known of a parameter before any step. */
export interface ParameterInfo {
  /** Unique among the parameters of an optimiser; slots are saved under it. */
  readonly name: string
  /** The sizes of its axes; `[]` for a scalar. */
  readonly shape: readonly number[]
  /** The label of its group, if it has one. */
  readonly group?: string
  /**
   * What the rows of a matrix of weights are: `'outputs'` (default) for a shape of out × in, `'inputs'` for in × out.
   * Only bases that treat the two differently read it (`muon`).
   */
  readonly rowsAre?: MatrixRows
}

/** Which parameters are decayed: all, only those with two axes or more, those named, or those a function picks. */
export type DecayMask = 'all' | 'matrices' | readonly string[] | ((parameter: ParameterInfo) => boolean)

/**
 * A second axis of the embedding, on the landscape itself, whose weight is tied to the first loss: no step promises more than a
 * share of that loss. With L₁ the first loss above the floor or, where that is
 * larger, the largest running average (rate .9, bias-corrected) of the first ten losses, ℓ₀ = L₁ − floor, s̄ the running average of s and η as for `xi: 'rate'`, ρ becomes
 * ρ/(1 + ρ·η·c·s̄/ℓ₀), where c = `weight`, or with `steps` c = `weight`·(ℓ̄/ℓ₀)^`power`/(1 − u): u is the share of the steps
 * that are done and ℓ̄ the average (rate .9, bias-corrected) of the losses above the floor.
 */
export interface StartAxis {
  /** c > 0. */
  readonly weight: number
  /** The length of the run: the step then comes down to 0 over it. A whole number ≥ 1; default: no end is known. */
  readonly steps?: number
  /** How the axis is relieved as the loss falls, ≥ 0; where `steps` is given. Default 0.75. */
  readonly power?: number
}

/** The options a parameter group may set for itself. */
export interface GroupOptions {
  /** The base preconditioner of this group. */
  readonly base?: Preconditioner
  /** Step size, ≥ 0; a number or a function of the step. */
  readonly learningRate?: Scheduled
  /**
   * ξ, ≥ 0: the weight of the loss axis in the metric; a number (the paper's ξ), a function of the step, `'auto'`
   * (default) for 1/N with N the number of scalars whose dual norm is summed, or tied to the learning rate: `'rate'` for
   * ξ = η, `{ perRate: κ }` for ξ = κ·η. η is the group's learning rate; of a built-in schedule its largest value, so that the
   * schedule scales the step that the metric leaves; of a function of yours its value at each step.
   */
  readonly xi?: Scheduled | 'auto' | 'rate' | TiedXi
  /** Rate β in [0, 1) of the running average of s. Default 0.8. */
  readonly beta?: number
  /** How the landscape is embedded. Default `identity()`. */
  readonly embedding?: Embedding
  /** Decoupled weight decay, ≥ 0: −learningRate · weightDecay · θ is added to the step. Default 0. */
  readonly weightDecay?: Scheduled
  /**
   * Whether decay goes with the learning `'rate'` alone, or with the `'step'`: then it is scaled by ρ as well. Default:
   * `'step'` where ξ is tied to the learning rate, which is a mere cap there; else `'rate'`, as the paper has it.
   */
  readonly decayScaling?: 'rate' | 'step'
  /** Which parameters are decayed. Default `'all'`. */
  readonly decayMask?: DecayMask
  /** The base for parameters that are no matrices, where the base takes only matrices (`muon`). Default `adam()`. */
  readonly fallback?: Preconditioner
  /**
   * What a loss outside the embedding's domain does (`log`: L ≤ floor): `'throw'` ERR_BAD_LOSS, `'skip'` the
   * step, take the `'base'` step (ρ = 1), or stand still (`'zero'`: ρ = 0, the limit of the formula for L → floor;
   * slots go on, and so does decay that is not scaled by ρ). Default `'zero'` where ξ is tied to the learning rate, the floor
   * follows or the model is averaged, else `'throw'`.
   */
  readonly onBadLoss?: 'throw' | 'skip' | 'base' | 'zero'
  /** Scales the gradient down to this norm, > 0, over all parameters (of the group that sets it) when it is larger. */
  readonly clipNorm?: number
  /**
   * Momentum inside the metric: the embedding is given, in place of the loss, the value at θ of the model that averages the
   * linearisations of the loss so far, ψ = A[L − ⟨g, θ⟩] + ⟨x̂, θ⟩, and v̂ = ξ⟨x̂, d⟩ in place of that of s; A is the average
   * that the base takes of gradients, x̂ = A[g] and d its direction. After MoMo (Schaipp et al., arXiv:2305.07583), over any
   * base. It follows what the optimiser's own steps
   * change: weights that something else changes are seen by the linearisations from then on only. Best where the loss reaches its
   * floor. Default false.
   */
  readonly averagedModel?: boolean
  /** A second axis, tied to the first loss. Default: none. */
  readonly startAxis?: StartAxis
  /**
   * Keeps a polynomial average of the weights, to evaluate with: x̄ += (k+1)/(t+k)·(θ − x̄) after step t, k the number
   * given, ≥ 0 (a larger one forgets faster). One more slot per parameter. Default: none.
   */
  readonly averageWeights?: number
}

/** The options of {@link inducedMetric}. */
export interface InducedMetricOptions extends Omit<GroupOptions, 'base' | 'learningRate'> {
  /** Step size, ≥ 0; a number or a function of the step. */
  readonly learningRate: Scheduled
  /**
   * What a gradient or dual norm does that is not finite, or a loss, where the embedding reads it: `'skip'` (default) the
   * step, or `'throw'` ERR_NON_FINITE.
   */
  readonly onNonFinite?: 'skip' | 'throw'
  /** What s sums over: all parameters (`'global'`, default), each group, or each parameter for itself. */
  readonly metricScope?: 'global' | 'group' | 'parameter'
  /**
   * Options by group label; each overrides those above for the parameters with that label. A label that no parameter of the
   * optimiser has is ERR_OPTION, and so is such a name in `decayMask`.
   */
  readonly groups?: Readonly<Record<string, GroupOptions>>
}

/** The options that hold for one group, defaults filled in. */
export interface GroupSettings {
  readonly base: Preconditioner
  readonly learningRate: Scheduled
  /** The learning rate that a tied ξ goes by, where one was set while training runs; else it is `learningRate`. */
  readonly tiedRate?: number
  readonly xi: Scheduled | 'auto' | 'rate' | TiedXi
  readonly beta: number
  readonly embedding: Embedding
  readonly weightDecay: Scheduled
  readonly decayScaling: 'rate' | 'step'
  readonly decayMask: DecayMask
  readonly fallback: Preconditioner
  readonly onBadLoss: 'throw' | 'skip' | 'base' | 'zero'
  readonly clipNorm: number | undefined
  readonly averagedModel: boolean
  readonly startAxis: (Required<Omit<StartAxis, 'steps'>> & Pick<StartAxis, 'steps'>) | undefined
  readonly averageWeights: number | undefined
}

/** An induced-metric optimiser as data: what {@link inducedMetric} returns and every adapter takes. */
export interface Transformation {
  /** The options of parameters without a group, or whose group sets none. */
  readonly settings: GroupSettings
  /** The options of each group that sets some. */
  readonly groups: Readonly<Record<string, GroupSettings>>
  readonly onNonFinite: 'skip' | 'throw'
  readonly metricScope: 'global' | 'group' | 'parameter'
  /**
   * Plain data from which `fromJSON` rebuilds the transformation.
   *
   * @throws ERR_NOT_SUPPORTED when an option is a function of the caller's
   */
  toJSON(): TransformationJSON
}

/** The ranges of the numeric options. */
export const optionRanges = {
  learningRate: { min: 0 },
  xi: { min: 0 },
  beta: { min: 0, max: 1, below: true },
  weightDecay: { min: 0 },
  clipNorm: { min: 0, above: true },
  perRate: { min: 0, above: true },
  averageWeights: { min: 0 },
  startWeight: { min: 0, above: true },
  startPower: { min: 0 },
  startSteps: { min: 1 },
} as const satisfies Record<string, Range>

const decayChoices = ['rate', 'step'] as const
const badLossChoices = ['throw', 'skip', 'base', 'zero'] as const
const nonFiniteChoices = ['skip', 'throw'] as const
const scopeChoices = ['global', 'group', 'parameter'] as const
/** The options a group may set, but for `base`. */
export const groupKeys = [
  'learningRate',
  'xi',
  'beta',
  'embedding',
  'weightDecay',
  'decayScaling',
  'decayMask',
  'fallback',
  'onBadLoss',
  'clipNorm',
  'averagedModel',
  'startAxis',
  'averageWeights',
]

/**
 * Turns a base preconditioner into its induced-metric version: every step of the base is scaled by one factor ρ that
 * follows from the metric diag(γ, ξ) pulled back to the loss landscape (T. R. Harvey, arXiv:2509.03594):
 * Δθ = −η · h′ · P g/(1 + ξ f′² s), s = gᵀPg. With ξ = 0 and `identity()` it is the base, bit for bit.
 *
 * @param base what to transform: `sgd()`, `adam()`, `muon()`, …, or one of your own
 * @returns plain data, to be given to `createOptimizer` or an adapter
 * @throws ERR_OPTION when an option is unknown, of the wrong type or out of its range
 *
 * @example
 * ```ts
 * import { adam, cosine, inducedMetric, log } from '@induced-metric/core'
 *
 * const transformation = inducedMetric(adam(), {
 *   learningRate: cosine({ from: 0.01, steps: 1000 }),
 *   embedding: log(),
 *   weightDecay: 0.01,
 *   decayMask: 'matrices',
 * })
 * ```
 */
export function inducedMetric(base: Preconditioner, options: InducedMetricOptions): Transformation {
  const owner = 'inducedMetric'
  checkPreconditioner(`${owner}: base`, base)
  checkKeys(owner, options, [...groupKeys, 'onNonFinite', 'metricScope', 'groups'])
  const { onNonFinite = 'skip', metricScope = 'global', groups = {}, ...rest } = options
  checkChoice('onNonFinite', onNonFinite, nonFiniteChoices)
  checkChoice('metricScope', metricScope, scopeChoices)
  if (options.learningRate === undefined) {
    throw new InducedMetricError(
      'ERR_OPTION',
      'learningRate is required: a number ≥ 0 or a function of the step',
    )
  }
  const settings = resolveSettings('', rest, {
    base,
    learningRate: options.learningRate,
    xi: 'auto',
    beta: 0.8,
    embedding: identity(),
    weightDecay: 0,
    decayScaling: undefined,
    decayMask: 'all',
    fallback: adam(),
    onBadLoss: undefined,
    clipNorm: undefined,
    averagedModel: false,
    startAxis: undefined,
    averageWeights: undefined,
  })
  // What depends on other options is found anew for a group, unless it was said.
  const inherited = { ...settings, decayScaling: rest.decayScaling, onBadLoss: rest.onBadLoss }
  const resolved = mapGroups(groups, (path, group) => resolveSettings(`${path}.`, group, inherited))
  return {
    settings,
    groups: resolved,
    onNonFinite,
    metricScope,
    toJSON: () => transformationToJSON({ settings, groups: resolved, onNonFinite, metricScope }),
  }
}

/**
 * Checks that a value is what {@link inducedMetric} returns; adapters check their argument with it.
 *
 * @throws ERR_OPTION when it is not
 */
export function checkTransformation(value: unknown): asserts value is Transformation {
  const candidate = value as Partial<Transformation> | null | undefined
  if (typeof candidate?.toJSON === 'function' && candidate.settings !== undefined) return
  throw new InducedMetricError(
    'ERR_OPTION',
    `expected a transformation, as inducedMetric(base, options) returns; given ${show(value)}`,
  )
}

/** Settings of which some have no default but what the others make it. */
type Defaults = Omit<GroupSettings, 'decayScaling' | 'onBadLoss'> & {
  readonly decayScaling: GroupSettings['decayScaling'] | undefined
  readonly onBadLoss: GroupSettings['onBadLoss'] | undefined
}

function resolveSettings(path: string, options: GroupOptions, defaults: Defaults): GroupSettings {
  const given = Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined))
  const { decayScaling, onBadLoss, ...chosen }: Defaults = { ...defaults, ...given }
  checkEmbedding(`${path}embedding`, chosen.embedding)
  const tied = isTied(chosen.xi)
  const settings: GroupSettings = {
    ...chosen,
    decayScaling: decayScaling ?? (tied ? 'step' : 'rate'),
    onBadLoss:
      onBadLoss ??
      (tied || chosen.averagedModel || followedFloor(chosen.embedding) !== undefined ? 'zero' : 'throw'),
    startAxis: resolveStartAxis(`${path}startAxis`, chosen.startAxis),
  }
  checkPreconditioner(`${path}base`, settings.base)
  checkPreconditioner(`${path}fallback`, settings.fallback)
  if (settings.fallback.definition.matrix) {
    throw new InducedMetricError(
      'ERR_OPTION',
      `${path}fallback must take parameters of any shape, given ${settings.fallback.name}, which takes matrices only`,
    )
  }
  checkScheduled(`${path}learningRate`, settings.learningRate, optionRanges.learningRate)
  checkXi(`${path}xi`, settings.xi)
  checkNumber(`${path}beta`, settings.beta, optionRanges.beta)
  checkScheduled(`${path}weightDecay`, settings.weightDecay, optionRanges.weightDecay)
  checkDecayMask(`${path}decayMask`, settings.decayMask)
  checkChoice(`${path}decayScaling`, settings.decayScaling, decayChoices)
  checkChoice(`${path}onBadLoss`, settings.onBadLoss, badLossChoices)
  if (settings.clipNorm !== undefined)
    checkNumber(`${path}clipNorm`, settings.clipNorm, optionRanges.clipNorm)
  checkBoolean(`${path}averagedModel`, settings.averagedModel)
  if (settings.averageWeights !== undefined)
    checkNumber(`${path}averageWeights`, settings.averageWeights, optionRanges.averageWeights)
  return settings
}

function checkXi(name: string, xi: unknown): void {
  if (xi === 'auto' || xi === 'rate') return
  if (typeof xi === 'object' && xi !== null) {
    checkKeys(name, xi, ['perRate'])
    checkNumber(`${name}.perRate`, (xi as Partial<TiedXi>).perRate, optionRanges.perRate)
  } else {
    checkScheduled(name, xi, optionRanges.xi, "'auto', 'rate' or { perRate }")
  }
}

function resolveStartAxis(name: string, given: StartAxis | undefined): GroupSettings['startAxis'] {
  if (given === undefined) return undefined
  checkKeys(name, given, ['weight', 'steps', 'power'])
  const { weight, steps, power = 0.75 } = given
  checkNumber(`${name}.weight`, weight, optionRanges.startWeight)
  checkNumber(`${name}.power`, power, optionRanges.startPower)
  if (steps !== undefined) checkInteger(`${name}.steps`, steps, optionRanges.startSteps)
  return { weight, power, ...(steps !== undefined && { steps }) }
}

function isComponent<T>(value: unknown): value is Partial<T> {
  return typeof value === 'object' && value !== null
}

function checkPreconditioner(name: string, value: unknown): asserts value is Preconditioner {
  // A factory carries its definition too.
  if (isComponent<Preconditioner>(value) && typeof value.definition?.update === 'function') return
  const hint = typeof value === 'function' ? 'a function: call it, as in adam()' : show(value)
  throw new InducedMetricError(
    'ERR_OPTION',
    `${name} must be a preconditioner such as sgd() or adam(), given ${hint}`,
  )
}

function checkEmbedding(name: string, value: unknown): asserts value is Embedding {
  if (isComponent<Embedding>(value) && typeof value.definition?.slope === 'function') return
  const hint = typeof value === 'function' ? 'a function: call it, as in log()' : show(value)
  throw new InducedMetricError(
    'ERR_OPTION',
    `${name} must be an embedding such as identity() or log(), given ${hint}`,
  )
}

function checkDecayMask(name: string, value: unknown): asserts value is DecayMask {
  if (value === 'all' || value === 'matrices' || typeof value === 'function') return
  if (Array.isArray(value) && value.every((entry) => typeof entry === 'string')) return
  throw new InducedMetricError(
    'ERR_OPTION',
    `${name} must be 'all', 'matrices', an array of parameter names or a function of the parameter, given ${show(value)}`,
  )
}

/** Applies a function to the options of each group, which may come from anyone. */
export function mapGroups<T>(groups: unknown, read: (path: string, group: object) => T): Record<string, T> {
  const labels = typeof groups === 'object' && groups !== null ? Object.keys(groups) : []
  checkKeys('groups', groups, labels)
  return Object.fromEntries(
    Object.entries(groups).map(([label, group]: [string, unknown]) => {
      checkKeys(`groups.${label}`, group, ['base', ...groupKeys])
      return [label, read(`groups.${label}`, group)]
    }),
  )
}
