import type { Embedding } from './embedding.js'
import type { HyperparameterJSON, MatrixRows, Scheduled } from './hyperparameter.js'
import type { Preconditioner } from './preconditioner.js'
import type { ScheduleJSON } from './schedules.js'

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

/** A preconditioner or embedding as data: its name beside its hyperparameters. */
export type ComponentJSON =
  | (HyperparameterJSON & { readonly name: never })
  | { readonly name: string; readonly [key: string]: unknown }

/** A group's options as data. */
export interface GroupJSON {
  readonly base?: ComponentJSON
  readonly learningRate?: number | ScheduleJSON
  readonly xi?: number | 'auto' | 'rate' | TiedXi | ScheduleJSON
  readonly beta?: number
  readonly embedding?: ComponentJSON
  readonly weightDecay?: number | ScheduleJSON
  readonly decayMask?: 'all' | 'matrices' | readonly string[]
  readonly fallback?: ComponentJSON
  readonly onBadLoss?: 'throw' | 'skip' | 'base' | 'zero'
  readonly clipNorm?: number
  readonly decayScaling?: 'rate' | 'step'
  readonly averagedModel?: boolean
  readonly startAxis?: StartAxis
  readonly averageWeights?: number
}

/** A transformation as data. Keys that are left out have their defaults. */
export interface TransformationJSON extends GroupJSON {
  readonly format: 'induced-metric'
  readonly version: 1
  readonly base: ComponentJSON
  readonly learningRate: number | ScheduleJSON
  readonly onNonFinite?: 'skip' | 'throw'
  readonly metricScope?: 'global' | 'group' | 'parameter'
  readonly groups?: Readonly<Record<string, GroupJSON>>
}

/** ξ tied to the learning rate: ξ = κ·η, with η the learning rate and κ = `perRate` > 0. */
export interface TiedXi {
  readonly perRate: number
}
