import type { Embedding } from './embedding.js'
import type { HyperparameterJSON, MatrixRows, Scheduled } from './hyperparameter.js'
import type { Preconditioner } from './preconditioner.js'
import type { ScheduleJSON } from './schedule.js'
import type { AdaptiveClip, ClipNorm, Lookahead, WeightAverage, WrapperOptions } from './wrappers.js'

/** A parameter, apart from its values. */
export interface ParameterInfo {
  /** Unique among the parameters of an optimiser; slots are saved under it. */
  readonly name: string
  /** The sizes of its axes; `[]` for a scalar. */
  readonly shape: readonly number[]
  /** The label of its group, if it has one. */
  readonly group?: string
  /**
   * The meaning of the rows of a matrix of weights: `'outputs'` (default) for a shape of out × in, `'inputs'` for in × out.
   * Only bases that treat the two differently read it (`muon`).
   */
  readonly rowsAre?: MatrixRows
}

/** The parameters that are decayed: all, those with two axes or more, those with the given names, or those a function selects. */
export type DecayMask = 'all' | 'matrices' | readonly string[] | ((parameter: ParameterInfo) => boolean)

/**
 * A second axis of the embedding, on the landscape itself, whose weight is tied to the first loss: no step promises more than a
 * share of that loss. ρ becomes ρ/(1 + ρ·η·c·s̄/ℓ₀), where
 *
 * - η is as for `xi: 'rate'`, and s̄ is the running average of s;
 * - ℓ₀ = L₁ − floor, with L₁ the first loss above the floor or, if that is larger, the largest running average (rate .9,
 *   bias-corrected) of the first ten losses;
 * - c = `weight`, or with `steps` c = `weight`·(ℓ̄/ℓ₀)^`power`/(1 − u): u is the share of the steps that are done, and ℓ̄ the
 *   average (rate .9, bias-corrected) of the losses above the floor.
 */
export interface StartAxis {
  /** c > 0. */
  readonly weight: number
  /** The length of the run, over which the step then decreases to 0. A whole number ≥ 1; default: the end is not known. */
  readonly steps?: number
  /** The exponent by which the axis is relieved as the loss falls, ≥ 0, where `steps` is given. Default 0.75. */
  readonly power?: number
}

/**
 * A learning rate that is a cap which rises: instead of η, the k-th step has the cap η·c with c = min(`growth`ᵏ⁻¹, max(1, `to`/η)).
 * With ξ tied to the rate, 1/t = 1/(η·c) + κ·s/ℓ is the size t of a step under `root`. So a rate that is too small limits only the
 * first steps, where a schedule would scale all of them.
 */
export interface RisingCap {
  /** The growth of the cap in one step, ≥ 1. Default 1.02. */
  readonly growth?: number
  /** The height to which the cap rises, > 0. Default 1. */
  readonly to?: number
}

/** The options that a parameter group may set for itself. */
export interface GroupOptions {
  /** The base preconditioner of this group. */
  readonly base?: Preconditioner
  /** Step size, ≥ 0; a number or a function of the step. */
  readonly learningRate?: Scheduled
  /**
   * ξ, ≥ 0: the weight of the loss axis in the metric. It is a number (the paper's ξ), a function of the step, `'auto'`
   * (default) for 1/N with N the number of elements whose dual norm is summed, or tied to the learning rate: `'rate'` for
   * ξ = η, `{ perRate: κ }` for ξ = κ·η. η is the group's learning rate. For a built-in schedule it is the largest value, so
   * that the schedule scales the step that the metric leaves; for a function of your own it is the value at each step.
   */
  readonly xi?: Scheduled | 'auto' | 'rate' | TiedXi
  /** Rate β in [0, 1) of the running average of s. Default 0.8. */
  readonly beta?: number
  /** The embedding of the landscape. Default `identity()`. */
  readonly embedding?: Embedding
  /** Decoupled weight decay, ≥ 0: −learningRate · weightDecay · θ is added to the step. Default 0. */
  readonly weightDecay?: Scheduled
  /**
   * Whether decay is scaled by the learning `'rate'` alone, or by the `'step'`, that is, by ρ as well. The default is
   * `'step'` where ξ is tied to the learning rate, which is a mere cap there; else `'rate'`, as in the paper.
   */
  readonly decayScaling?: 'rate' | 'step'
  /** The parameters that are decayed. Default `'all'`. */
  readonly decayMask?: DecayMask
  /** The base for parameters that are not matrices, where the base takes only matrices (`muon`). Default `adam()`. */
  readonly fallback?: Preconditioner
  /**
   * The reaction to a loss outside the embedding's domain (`log`: L ≤ floor): `'throw'` ERR_BAD_LOSS, `'skip'` the step,
   * take the `'base'` step (ρ = 1), or do not move (`'zero'`: ρ = 0, the limit of the formula for L → floor; slots are
   * updated all the same, and decay that ρ does not scale is applied). Default `'zero'` where ξ is tied to the learning
   * rate, the floor follows or the model is averaged, else `'throw'`.
   */
  readonly onBadLoss?: 'throw' | 'skip' | 'base' | 'zero'
  /**
   * The largest norm of the gradient, > 0, over all parameters (of the group that sets it). A larger gradient is scaled down.
   * `{ per: 'parameter', norm }` limits the norm of each parameter's gradient by itself. It comes after the other two limits.
   */
  readonly clipNorm?: number | ClipNorm
  /** The largest size of an element of the gradient, > 0: larger ones are set to it, with their sign. It comes first. */
  readonly clipValue?: number
  /**
   * Adaptive gradient clipping (A. Brock et al., arXiv:2102.06171): λ, or `{ factor: λ, epsilon: ε, rows }`. The gradient of a unit, an
   * output of a matrix of weights, is scaled down to the norm λ·max(‖w‖, ε) with w the unit's weights. Where a parameter has
   * fewer than two axes, it is one unit. Default ε = 1e-3. It comes after `clipValue`.
   */
  readonly adaptiveClip?: number | AdaptiveClip
  /**
   * Momentum inside the metric. The embedding reads, instead of the loss, the value at θ of the model that averages the
   * linearisations of the loss so far, ψ = A[L − ⟨g, θ⟩] + ⟨x̂, θ⟩; and v̂ = ξ⟨x̂, d⟩ replaces that of s. A is the base's average
   * of gradients, x̂ = A[g], and d the base's direction. This is MoMo (Schaipp et al., arXiv:2305.07583) over any base. The
   * model follows the changes made by the optimiser's own steps: if something else changes the weights, only later
   * linearisations see it. It works best where the loss reaches its floor. Default false.
   */
  readonly averagedModel?: boolean
  /** A second axis, tied to the first loss. Default: none. */
  readonly startAxis?: StartAxis
  /**
   * The largest growth of ρ in one step, ≥ 1: ρ ≤ growthRate · r, where r is the largest of the ρ so far, each less by a
   * hundredth for every step since. Where gradients become small, as on a plateau, a metric lets go within a few steps, and they may be
   * too large before it can know; a limit gives it time. The reference r passes over single steps that were small by chance.
   * D-Adaptation limits its estimate in this way (Defazio and Mishchenko, arXiv:2301.07733). The first step above 0 is free;
   * ρ = 0, skipped steps and bad losses do not count. Where the factor is always 1 it has no effect. Default: none.
   */
  readonly growthRate?: number
  /**
   * Lets the learning rate rise as a cap on the step. η, ξ and `report.learningRate` stay as they are, and ρ is
   * c·h′/(1 + c·v̂·f′²), which may be above 1; the start axis is c times as heavy. `growthRate` limits the growth of this ρ. Where the
   * factor is always 1 it has no effect. Default: none.
   */
  readonly risingCap?: RisingCap
  /**
   * Keeps an average of the weights for evaluation (`withEvaluationWeights`): a polynomial average x̄ += (k+1)/(t+k)·(θ − x̄)
   * after step t for a number k ≥ 0 (a larger one forgets faster), an exponential one for `{ ema: decay }`, stochastic weight
   * averaging for `{ swa: { start, every } }`. It takes one more slot per parameter. Default: none.
   */
  readonly averageWeights?: WeightAverage
  /**
   * Lookahead (M. R. Zhang et al., arXiv:1907.08610): slow weights φ, which start from the weights, move after every
   * `syncPeriod` steps by φ += slowStepSize·(θ − φ), and the weights go on from there, θ = φ. `withEvaluationWeights` evaluates
   * with φ, unless an average is kept as well. `{}` takes the defaults, 5 and 0.5. It takes one more slot per parameter.
   */
  readonly lookahead?: Lookahead
}

/** The options of {@link inducedMetric}. */
export interface InducedMetricOptions extends Omit<GroupOptions, 'base' | 'learningRate'> {
  /** Step size, ≥ 0; a number or a function of the step. */
  readonly learningRate: Scheduled
  /**
   * The reaction to a gradient or dual norm that is not finite, or to such a loss where the embedding reads it: `'skip'`
   * (default) the step, or `'throw'` ERR_NON_FINITE.
   */
  readonly onNonFinite?: 'skip' | 'throw'
  /** The parameters that s sums over: all (`'global'`, default), those of each group, or each one by itself. */
  readonly metricScope?: 'global' | 'group' | 'parameter'
  /**
   * Gradient accumulation: so many calls of `step` make one update, with the mean of their gradients and of their losses. A
   * parameter without a gradient in some of the calls counts as 0 there. A whole number ≥ 1; default 1.
   */
  readonly accumulate?: number
  /**
   * Options by group label. They override those above for the parameters with that label. A label that no parameter of the
   * optimiser has is an ERR_OPTION, and so is such a name in `decayMask`.
   */
  readonly groups?: Readonly<Record<string, GroupOptions>>
}

/** The options of one group, with defaults filled in. */
export interface GroupSettings extends WrapperOptions {
  readonly base: Preconditioner
  readonly learningRate: Scheduled
  /** The learning rate to which a tied ξ is tied, if one was set during training; else it is `learningRate`. */
  readonly tiedRate?: number
  readonly xi: Scheduled | 'auto' | 'rate' | TiedXi
  readonly beta: number
  readonly embedding: Embedding
  readonly weightDecay: Scheduled
  readonly decayScaling: 'rate' | 'step'
  readonly decayMask: DecayMask
  readonly fallback: Preconditioner
  readonly onBadLoss: 'throw' | 'skip' | 'base' | 'zero'
  readonly averagedModel: boolean
  readonly startAxis: (Required<Omit<StartAxis, 'steps'>> & Pick<StartAxis, 'steps'>) | undefined
  readonly growthRate: number | undefined
  readonly risingCap: Required<RisingCap> | undefined
}

/** An induced-metric optimiser as data, as `inducedMetric` returns it and every adapter takes it. */
export interface Transformation {
  /** The options of parameters without a group, or in a group without options. */
  readonly settings: GroupSettings
  /** The options of each group that has any. */
  readonly groups: Readonly<Record<string, GroupSettings>>
  readonly onNonFinite: 'skip' | 'throw'
  readonly metricScope: 'global' | 'group' | 'parameter'
  /** The number of calls of `step` that make an update. */
  readonly accumulate: number
  /**
   * Plain data from which `fromJSON` rebuilds the transformation.
   *
   * @throws ERR_NOT_SUPPORTED when an option is a function of the caller
   */
  toJSON(): TransformationJSON
}

/** A preconditioner or embedding as data: its name, beside its hyperparameters. */
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
  readonly clipNorm?: number | ClipNorm
  readonly clipValue?: number
  readonly adaptiveClip?: number | AdaptiveClip
  readonly decayScaling?: 'rate' | 'step'
  readonly averagedModel?: boolean
  readonly startAxis?: StartAxis
  readonly growthRate?: number
  readonly risingCap?: RisingCap
  readonly averageWeights?: WeightAverage
  readonly lookahead?: Lookahead
}

/** A transformation as data. Absent keys have their defaults. */
export interface TransformationJSON extends GroupJSON {
  readonly format: 'induced-metric'
  readonly version: 1
  readonly base: ComponentJSON
  readonly learningRate: number | ScheduleJSON
  readonly onNonFinite?: 'skip' | 'throw'
  readonly metricScope?: 'global' | 'group' | 'parameter'
  readonly accumulate?: number
  readonly groups?: Readonly<Record<string, GroupJSON>>
}

/** ξ tied to the learning rate: ξ = κ·η, with η the learning rate and κ = `perRate` > 0. */
export interface TiedXi {
  readonly perRate: number
}
