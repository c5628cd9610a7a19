import { optionError, show } from '../errors.js'
import { checkKeys } from '../validation/keys.js'
import { checkChoice } from '../validation/options.js'
import { checkBoolean, checkInteger, checkNumber, type Range } from '../validation/range.js'
import { followedFloor, identity, type Embedding } from './embedding.js'
import { checkScheduled } from './hyperparameter.js'
import { checkPreconditioner, type Preconditioner } from './preconditioner.js'
import { adam } from './preconditioners/index.js'
import { isTied } from './tiedXi.js'
import { transformationToJSON } from './toJSON.js'
import type {
  DecayMask,
  GroupOptions,
  GroupSettings,
  InducedMetricOptions,
  RisingCap,
  StartAxis,
  TiedXi,
  Transformation,
} from './types.js'
import { checkWrappers, wrapperRanges } from './wrappers.js'

/** The ranges of the numeric options. */
export const optionRanges = {
  learningRate: { min: 0 },
  xi: { min: 0 },
  beta: { min: 0, max: 1, below: true },
  weightDecay: { min: 0 },
  perRate: { min: 0, above: true },
  growthRate: { min: 1 },
  capGrowth: { min: 1 },
  capEnd: { min: 0, above: true },
  startWeight: { min: 0, above: true },
  startPower: { min: 0 },
  startSteps: { min: 1 },
  accumulate: { min: 1 },
  ...wrapperRanges,
} as const satisfies Record<string, Range>

/** The defaults of options that are components. */
const [defaultEmbedding, defaultFallback] = [identity(), adam()]

const decayChoices = ['rate', 'step'] as const
const badLossChoices = ['throw', 'skip', 'base', 'zero'] as const
const nonFiniteChoices = ['skip', 'throw'] as const
const scopeChoices = ['global', 'group', 'parameter'] as const
/** The options that a group may set, apart from `base`. */
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
  'clipValue',
  'adaptiveClip',
  'averagedModel',
  'startAxis',
  'growthRate',
  'risingCap',
  'averageWeights',
  'lookahead',
]
/** The options of {@link inducedMetric}. */
export const transformationKeys = [...groupKeys, 'onNonFinite', 'metricScope', 'accumulate', 'groups']

/**
 * Turns a base preconditioner into its induced-metric version. One factor ρ scales every step of the base. It follows from
 * the metric diag(γ, ξ) pulled back to the loss landscape (T. R. Harvey, arXiv:2509.03594):
 * Δθ = −η · h′ · P g/(1 + ξ f′² s), s = gᵀPg. With ξ = 0 and `identity()` the result is the base, bit for bit.
 *
 * @param base `sgd()`, `adam()`, `muon()`, …, or one of your own
 * @returns plain data, for `createOptimizer` or an adapter
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
  checkKeys(owner, options, transformationKeys)
  const { onNonFinite = 'skip', metricScope = 'global', accumulate = 1, groups = {}, ...rest } = options
  checkChoice('onNonFinite', onNonFinite, nonFiniteChoices)
  checkChoice('metricScope', metricScope, scopeChoices)
  checkInteger('accumulate', accumulate, optionRanges.accumulate)
  if (options.learningRate === undefined) {
    throw optionError('learningRate is required: a number ≥ 0 or a function of the step')
  }
  const settings = resolveSettings('', rest, {
    base,
    learningRate: options.learningRate,
    xi: 'auto',
    beta: 0.8,
    embedding: defaultEmbedding,
    weightDecay: 0,
    decayScaling: undefined,
    decayMask: 'all',
    fallback: defaultFallback,
    onBadLoss: undefined,
    clipNorm: undefined,
    clipValue: undefined,
    adaptiveClip: undefined,
    averagedModel: false,
    startAxis: undefined,
    growthRate: undefined,
    risingCap: undefined,
    averageWeights: undefined,
    lookahead: undefined,
  })
  // Defaults that depend on other options are determined again for each group, unless they were given.
  const inherited = { ...settings, decayScaling: rest.decayScaling, onBadLoss: rest.onBadLoss }
  const resolved = mapGroups(groups, (path, group) => resolveSettings(`${path}.`, group, inherited))
  return {
    settings,
    groups: resolved,
    onNonFinite,
    metricScope,
    accumulate,
    toJSON: () => transformationToJSON({ settings, groups: resolved, onNonFinite, metricScope, accumulate }),
  }
}

/**
 * Checks that a value is a transformation, as {@link inducedMetric} returns it. Adapters check their argument with it.
 *
 * @throws ERR_OPTION when it is not
 */
export function checkTransformation(value: unknown): asserts value is Transformation {
  const candidate = value as Partial<Transformation> | null | undefined
  if (typeof candidate?.toJSON === 'function' && candidate.settings !== undefined) return
  throw optionError(
    `expected a transformation, as inducedMetric(base, options) returns; given ${showOther(value)}`,
  )
}

/** Describes what was given in place of a transformation, and how it becomes one. */
function showOther(value: unknown): string {
  if (typeof value === 'function')
    return 'a function: call it, as in adamw({ learningRate: 0.001 }) or inducedMetric(adam(), { learningRate: 0.001 })'
  if (!isComponent<Preconditioner & { readonly format: unknown }>(value)) return show(value)
  const { name, definition, format } = value
  if (typeof definition?.update === 'function')
    return `the base ${name}: give it a learning rate, as in inducedMetric(${name}(), { learningRate: 0.001 })`
  if (format === 'induced-metric') return 'a transformation as data: fromJSON makes one of it'
  return show(value)
}

/** Settings of which some have defaults that depend on the others. */
type Defaults = Omit<GroupSettings, 'decayScaling' | 'onBadLoss'> & {
  readonly decayScaling: GroupSettings['decayScaling'] | undefined
  readonly onBadLoss: GroupSettings['onBadLoss'] | undefined
}

function resolveSettings(path: string, options: GroupOptions, defaults: Defaults): GroupSettings {
  const chosen: Defaults & Record<string, unknown> = { ...defaults }
  for (const [key, value] of Object.entries(options)) if (value !== undefined) chosen[key] = value
  const { decayScaling, onBadLoss } = chosen
  checkEmbedding(`${path}embedding`, chosen.embedding)
  const tied = isTied(chosen.xi)
  const settings: GroupSettings = {
    ...chosen,
    decayScaling: decayScaling ?? (tied ? 'step' : 'rate'),
    onBadLoss:
      onBadLoss ??
      (tied || chosen.averagedModel || followedFloor(chosen.embedding) !== undefined ? 'zero' : 'throw'),
    startAxis: resolveStartAxis(`${path}startAxis`, chosen.startAxis),
    risingCap: resolveRisingCap(`${path}risingCap`, chosen.risingCap),
  }
  checkPreconditioner(`${path}base`, settings.base)
  checkPreconditioner(`${path}fallback`, settings.fallback)
  if (settings.fallback.definition.matrix === true) {
    throw optionError(
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
  checkWrappers(path, settings)
  checkBoolean(`${path}averagedModel`, settings.averagedModel)
  if (settings.growthRate !== undefined)
    checkNumber(`${path}growthRate`, settings.growthRate, optionRanges.growthRate)
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

function resolveRisingCap(name: string, given: RisingCap | undefined): GroupSettings['risingCap'] {
  if (given === undefined) return undefined
  checkKeys(name, given, ['growth', 'to'])
  const { growth = 1.02, to = 1 } = given
  checkNumber(`${name}.growth`, growth, optionRanges.capGrowth)
  checkNumber(`${name}.to`, to, optionRanges.capEnd)
  return { growth, to }
}

function isComponent<T>(value: unknown): value is Partial<T> {
  return typeof value === 'object' && value !== null
}

function checkEmbedding(name: string, value: unknown): asserts value is Embedding {
  if (isComponent<Embedding>(value) && typeof value.definition?.slope === 'function') return
  const hint = typeof value === 'function' ? 'a function: call it, as in log()' : show(value)
  throw optionError(`${name} must be an embedding such as identity() or log(), given ${hint}`)
}

function checkDecayMask(name: string, value: unknown): asserts value is DecayMask {
  if (value === 'all' || value === 'matrices' || typeof value === 'function') return
  if (Array.isArray(value) && value.every((entry) => typeof entry === 'string')) return
  throw optionError(
    `${name} must be 'all', 'matrices', an array of parameter names or a function of the parameter, given ${show(value)}`,
  )
}

/** Applies a function to the options of each group. They may come from anyone, so they are checked first. */
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
