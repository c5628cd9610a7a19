import { checkKeys } from '../validation/keys.js'
import type { HyperparameterOptions } from './hyperparameter.js'
import { adam } from './preconditioners/index.js'
import { inducedMetric, transformationKeys } from './transformation.js'
import type { InducedMetricOptions, Transformation } from './types.js'

/** The options of {@link adamw}: those of `adam` and those of {@link inducedMetric}. */
export interface AdamWOptions
  extends
    InducedMetricOptions,
    HyperparameterOptions<NonNullable<(typeof adam)['definition']['hyperparameters']>> {}

/**
 * AdamW (Loshchilov and Hutter, arXiv:1711.05101): {@link inducedMetric} of `adam`, with decoupled weight decay of 0.01 and
 * without a metric (ξ = 0) by default. With these defaults it takes the steps of `torch.optim.AdamW`, within rounding:
 * θ ← θ − η·(m̂/(√v̂ + ε) + λθ), with λ not multiplied by ρ. Optax's `adamw` has λ = 1e-4 by default, and Keras's 0.004. Give
 * `xi`, `embedding` and so on for its induced-metric version. State: two slots per parameter, 8 bytes in float32.
 *
 * @param options `learningRate`, required; `beta1`, `beta2`, `epsilon` and `nesterov` of `adam`; `weightDecay` ≥ 0, default
 *   0.01; `xi`, default 0; and the remaining options of `inducedMetric`
 * @returns plain data, for `createOptimizer` or an adapter: the same as that of `inducedMetric`
 * @throws ERR_OPTION when an option is unknown, of the wrong type or out of its range
 *
 * @example
 * ```ts
 * import { adamw, cosine, createOptimizer, warmup } from '@induced-metric/core'
 *
 * const transformation = adamw({
 *   learningRate: warmup(cosine({ from: 0.001, steps: 900 }), { steps: 100 }),
 *   weightDecay: 0.05,
 *   decayMask: 'matrices',
 * })
 * const weights = { name: 'w', shape: [2, 2], data: new Float32Array([1, -2, 3, -4]) }
 * createOptimizer(transformation, [weights]).step([new Float32Array([2, -4, 6, -8])])
 * ```
 */
export function adamw(options: AdamWOptions): Transformation {
  const ownKeys = Object.keys(adam.definition.hyperparameters ?? {})
  checkKeys('adamw', options, [...ownKeys, ...transformationKeys])
  const entries = Object.entries(options).filter(([, value]) => value !== undefined)
  const isOwn = ([key]: readonly [string, unknown]): boolean => ownKeys.includes(key)
  const settings = Object.fromEntries(entries.filter((entry) => !isOwn(entry)))
  return inducedMetric(adam(Object.fromEntries(entries.filter(isOwn))), {
    weightDecay: 0.01,
    xi: 0,
    ...(settings as unknown as InducedMetricOptions),
  })
}
