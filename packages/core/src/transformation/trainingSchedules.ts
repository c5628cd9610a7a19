import { optionError, show } from '../errors.js'
import { checkKeys } from '../validation/keys.js'
import { checkChoice } from '../validation/options.js'
import { builtin, check, progress, type BuiltinSchedule } from './schedule.js'

/** The shape of a part of a schedule, from the share of it that is done to the share of the way that is gone. */
const curves = {
  linear: (share: number) => share,
  cosine: (share: number) => 0.5 * (1 - Math.cos(Math.PI * share)),
  sqrt: (share: number) => Math.sqrt(share),
} as const satisfies Record<string, (share: number) => number>

/** Both weights are at least 0, so no value is outside of `from` and `to`. */
function along(curve: keyof typeof curves, from: number, to: number, share: number): number {
  const gone = curves[curve](share)
  return from * (1 - gone) + to * gone
}

function checkCount(name: string, value: unknown): asserts value is number {
  check(name, value)
  if (value < 0) throw optionError(`${name} must be a finite number ≥ 0, given ${show(value)}`)
}

/**
 * One cycle (Smith and Topin, arXiv:1708.07120): rises from `from` at step 1 to `peak` at step `warmup`, and falls to `to`,
 * which is reached at step `steps` and kept. These are the values of PyTorch's `OneCycleLR` with two phases, in float64:
 * `peak` is its `max_lr`, `steps` its `total_steps`, `warmup / steps` its `pct_start`, `peak / from` its `div_factor`,
 * `from / to` its `final_div_factor` and `curve` its `anneal_strategy`. The momentum stays: give it a schedule of its own to
 * cycle it too.
 *
 * @param options `peak` and `steps`, required; `warmup`, at most `steps`, default 0.3 · `steps`; `from`, default `peak` / 25;
 *   `to`, default `from` / 10 000; `curve`, `'cosine'` (default) or `'linear'`
 * @throws ERR_OPTION when an option is unknown or not a finite number, `steps` is not > 0, `warmup` is not from 0 to `steps`,
 *   or there is no such `curve`
 *
 * @example
 * ```ts
 * import { oneCycle } from '@induced-metric/core'
 *
 * oneCycle({ peak: 0.1, steps: 1000 })(300) // 0.1
 * ```
 */
export function oneCycle(options: {
  peak: number
  steps: number
  warmup?: number
  from?: number
  to?: number
  curve?: 'cosine' | 'linear'
}): BuiltinSchedule {
  checkKeys('oneCycle', options, ['peak', 'steps', 'warmup', 'from', 'to', 'curve'])
  const { peak, steps, curve = 'cosine' } = options
  check('oneCycle.peak', peak)
  check('oneCycle.steps', steps, true)
  const { warmup = 0.3 * steps, from = peak / 25 } = options
  const { to = from / 10_000 } = options
  check('oneCycle.from', from)
  check('oneCycle.to', to)
  checkCount('oneCycle.warmup', warmup)
  if (warmup > steps) {
    throw optionError(`oneCycle.warmup must be at most steps, which is ${steps}; given ${warmup}`)
  }
  checkChoice('oneCycle.curve', curve, ['cosine', 'linear'])
  return builtin({ schedule: 'oneCycle', peak, steps, warmup, from, to, curve }, (step) => {
    if (step > steps) return to
    // As in PyTorch, the first part ends at step `warmup`, not after it.
    if (step < warmup) return along(curve, from, peak, (step - 1) / (warmup - 1))
    return warmup === steps ? peak : along(curve, peak, to, (step - warmup) / (steps - warmup))
  })
}

/**
 * Warm-up, a constant rate, then decay (Hu et al., arXiv:2404.06395): rises in a straight line from `from` at step 1 to `peak`
 * over `warmup` steps, stays there for `stable` steps, and falls to `to` over `decay` steps, after which it is kept. A run
 * can be continued from any stable step. These are the values of `get_wsd_schedule` of Hugging Face's transformers, with
 * `curve` as its `decay_type` and `from` and `to` both at its `min_lr_ratio` of `peak`; `'sqrt'` is the decay by 1 − √ of
 * Hägele et al. (arXiv:2405.18392).
 *
 * @param options `peak`, `stable` and `decay`, required; `warmup`, `from` and `to`, default 0; `curve` of the decay,
 *   `'linear'` (default), `'cosine'` or `'sqrt'`
 * @throws ERR_OPTION when an option is unknown or not a finite number, `warmup` or `stable` is not ≥ 0, `decay` is not > 0, or
 *   there is no such `curve`
 *
 * @example
 * ```ts
 * import { warmupStableDecay } from '@induced-metric/core'
 *
 * warmupStableDecay({ peak: 0.1, warmup: 100, stable: 800, decay: 100 })(951) // 0.05
 * ```
 */
export function warmupStableDecay(options: {
  peak: number
  warmup?: number
  stable: number
  decay: number
  from?: number
  to?: number
  curve?: 'linear' | 'cosine' | 'sqrt'
}): BuiltinSchedule {
  const owner = 'warmupStableDecay'
  checkKeys(owner, options, ['peak', 'warmup', 'stable', 'decay', 'from', 'to', 'curve'])
  const { peak, warmup = 0, stable, decay, from = 0, to = 0, curve = 'linear' } = options
  for (const [key, value] of Object.entries({ peak, from, to })) check(`${owner}.${key}`, value)
  for (const [key, value] of Object.entries({ warmup, stable })) checkCount(`${owner}.${key}`, value)
  check(`${owner}.decay`, decay, true)
  checkChoice(`${owner}.curve`, curve, Object.keys(curves))
  return builtin({ schedule: owner, peak, warmup, stable, decay, from, to, curve }, (step) => {
    if (step - 1 < warmup) return along('linear', from, peak, progress(step, warmup))
    return along(curve, peak, to, progress(step - warmup - stable, decay))
  })
}

/**
 * Falls with the square root of time (Vaswani et al., arXiv:1706.03762), from `from` at step 1:
 * from · √(steps / (steps + t − 1)) at step t, a half of it after 3 · `steps` steps. After a warm-up of as many steps it is the
 * schedule of the Transformer, with the values of `get_inverse_sqrt_schedule` of Hugging Face's transformers, whose `timescale`
 * is `steps`.
 *
 * @param options `from` and `steps`, required
 * @throws ERR_OPTION when an option is unknown or not a finite number, or `steps` is not > 0
 *
 * @example
 * ```ts
 * import { inverseSqrt, warmup } from '@induced-metric/core'
 *
 * warmup(inverseSqrt({ from: 0.001, steps: 4000 }), { steps: 4000 })(16_001) // 0.0005
 * ```
 */
export function inverseSqrt(options: { from: number; steps: number }): BuiltinSchedule {
  checkKeys('inverseSqrt', options, ['from', 'steps'])
  const { from, steps } = options
  check('inverseSqrt.from', from)
  check('inverseSqrt.steps', steps, true)
  return builtin(
    { schedule: 'inverseSqrt', from, steps },
    (step) => from * Math.sqrt(steps / (steps + step - 1)),
  )
}

/**
 * Cosine with warm restarts (SGDR: Loshchilov and Hutter, arXiv:1608.03983): half a cosine wave from `from` at step 1 down to
 * `to` over `steps` steps, then again from the start. Each cycle is `stepsFactor` times as long as the one before, and begins
 * at `peakFactor` times its height above `to`. With `peakFactor` 1 these are the values of PyTorch's
 * `CosineAnnealingWarmRestarts`, where `steps` is `T_0`, `stepsFactor` is `T_mult` and `to` is `eta_min`. Keras's
 * `CosineDecayRestarts` is this schedule with its `t_mul` and `m_mul` as the factors; there, `t_mul` is 2 by default.
 *
 * @param options `from` and `steps`, required; `to`, default 0; `stepsFactor` ≥ 1, default 1; `peakFactor` > 0, default 1
 * @throws ERR_OPTION when an option is unknown or not a finite number, `steps` or `peakFactor` is not > 0, or `stepsFactor` is
 *   not ≥ 1
 *
 * @example
 * ```ts
 * import { cosineRestarts } from '@induced-metric/core'
 *
 * cosineRestarts({ from: 0.1, steps: 100, stepsFactor: 2 })(101) // 0.1
 * ```
 */
export function cosineRestarts(options: {
  from: number
  to?: number
  steps: number
  stepsFactor?: number
  peakFactor?: number
}): BuiltinSchedule {
  checkKeys('cosineRestarts', options, ['from', 'to', 'steps', 'stepsFactor', 'peakFactor'])
  const { from, to = 0, steps, stepsFactor = 1, peakFactor = 1 } = options
  check('cosineRestarts.from', from)
  check('cosineRestarts.to', to)
  check('cosineRestarts.steps', steps, true)
  check('cosineRestarts.stepsFactor', stepsFactor)
  if (stepsFactor < 1) {
    throw optionError(`cosineRestarts.stepsFactor must be a finite number ≥ 1, given ${stepsFactor}`)
  }
  check('cosineRestarts.peakFactor', peakFactor, true)
  const json = { schedule: 'cosineRestarts', from, to, steps, stepsFactor, peakFactor }
  return builtin(json, (step) => {
    const { cycle, share } = cycleAt(step, steps, stepsFactor)
    return along('cosine', along('linear', to, from, peakFactor ** cycle), to, share)
  })
}

/** The cycle that a step is in, counted from 0, and the share of it that is done. */
function cycleAt(step: number, steps: number, factor: number): { cycle: number; share: number } {
  if (factor === 1) {
    const done = (step - 1) / steps
    const cycle = Math.floor(done)
    return { cycle, share: done - cycle }
  }
  // By subtraction: a logarithm is rounded, and would begin some cycles a step too late.
  let [cycle, done, length] = [0, step - 1, steps]
  for (; done >= length; cycle++) {
    done -= length
    length *= factor
  }
  return { cycle, share: done / length }
}
