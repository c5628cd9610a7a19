import { identity, type Embedding } from './embedding.js'
import { InducedMetricError, show } from './errors.js'
import { checkKeys, checkNumber, checkScheduled, type Range, type Scheduled } from './hyperparameter.js'
import { checkChoice } from './options.js'
import type { Preconditioner } from './preconditioner.js'
import { adam } from './preconditioners/index.js'
import { transformationToJSON, type TransformationJSON } from './toJSON.js'

/** What is known of a parameter before any step. */
export interface ParameterInfo {
  /** Unique among the parameters of an optimiser; slots are saved under it. */
  readonly name: string
  /** The sizes of its axes; `[]` for a scalar. */
  readonly shape: readonly number[]
  /** The label of its group, if it has one. */
  readonly group?: string
}

/** Which parameters are decayed: all, only those with two axes or more, those named, or those a function picks. */
export type DecayMask = 'all' | 'matrices' | readonly string[] | ((parameter: ParameterInfo) => boolean)

/** The options a parameter group may set for itself. */
export interface GroupOptions {
  /** The base preconditioner of this group. */
  readonly base?: Preconditioner
  /** Step size, ≥ 0; a number or a function of the step. */
  readonly learningRate?: Scheduled
  /**
   * ξ, ≥ 0: the weight of the loss axis in the metric; a number (the paper's ξ), a function of the step, or `'auto'`
   * (default) for 1/N with N the number of scalars whose dual norm is summed.
   */
  readonly xi?: Scheduled | 'auto'
  /** Rate β in [0, 1) of the running average of s. Default 0.8. */
  readonly beta?: number
  /** How the landscape is embedded. Default `identity()`. */
  readonly embedding?: Embedding
  /** Decoupled weight decay, ≥ 0: −learningRate · weightDecay · θ is added to the step, not scaled by ρ. Default 0. */
  readonly weightDecay?: Scheduled
  /** Which parameters are decayed. Default `'all'`. */
  readonly decayMask?: DecayMask
  /** The base for parameters that are no matrices, where the base takes only matrices (`muon`). Default `adam()`. */
  readonly fallback?: Preconditioner
  /**
   * What a loss outside the embedding's domain does (`log`: L ≤ floor): `'throw'` (default) ERR_BAD_LOSS, `'skip'` the
   * step, take the `'base'` step (ρ = 1), or stand still (`'zero'`: ρ = 0, the limit of the formula for L → floor;
   * weight decay and slots go on).
   */
  readonly onBadLoss?: 'throw' | 'skip' | 'base' | 'zero'
  /** Scales the gradient down to this norm, > 0, over all parameters (of the group that sets it) when it is larger. */
  readonly clipNorm?: number
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
  readonly xi: Scheduled | 'auto'
  readonly beta: number
  readonly embedding: Embedding
  readonly weightDecay: Scheduled
  readonly decayMask: DecayMask
  readonly fallback: Preconditioner
  readonly onBadLoss: 'throw' | 'skip' | 'base' | 'zero'
  readonly clipNorm: number | undefined
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
} as const satisfies Record<string, Range>

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
  'decayMask',
  'fallback',
  'onBadLoss',
  'clipNorm',
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
    decayMask: 'all',
    fallback: adam(),
    onBadLoss: 'throw',
    clipNorm: undefined,
  })
  const resolved = mapGroups(groups, (path, group) => resolveSettings(`${path}.`, group, settings))
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

function resolveSettings(path: string, options: GroupOptions, defaults: GroupSettings): GroupSettings {
  const given = Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined))
  const settings: GroupSettings = { ...defaults, ...given }
  checkPreconditioner(`${path}base`, settings.base)
  checkPreconditioner(`${path}fallback`, settings.fallback)
  checkEmbedding(`${path}embedding`, settings.embedding)
  if (settings.fallback.definition.matrix) {
    throw new InducedMetricError(
      'ERR_OPTION',
      `${path}fallback must take parameters of any shape, given ${settings.fallback.name}, which takes matrices only`,
    )
  }
  checkScheduled(`${path}learningRate`, settings.learningRate, optionRanges.learningRate)
  if (settings.xi !== 'auto') checkScheduled(`${path}xi`, settings.xi, optionRanges.xi, "'auto'")
  checkNumber(`${path}beta`, settings.beta, optionRanges.beta)
  checkScheduled(`${path}weightDecay`, settings.weightDecay, optionRanges.weightDecay)
  checkDecayMask(`${path}decayMask`, settings.decayMask)
  checkChoice(`${path}onBadLoss`, settings.onBadLoss, badLossChoices)
  if (settings.clipNorm !== undefined)
    checkNumber(`${path}clipNorm`, settings.clipNorm, optionRanges.clipNorm)
  return settings
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
