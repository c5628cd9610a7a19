import {
  createOptimizer,
  inducedMetric,
  InducedMetricError,
  linear,
  rateFree,
  root,
  type Transformation,
} from '@induced-metric/core'

import { bases, type Base } from './bases.js'

/** The forms in which a base takes part. */
export const variants = ['plain', 'root', 'rateFree'] as const
export type Variant = (typeof variants)[number]

/** The cap on the step of induced optimisers that are not tuned. */
const CAP = 1

/** The rates that trials try: the base's own rate times a factor of this range. */
export const factors = { low: 1, high: 100 } as const

/**
 * A tuned optimiser, plain or with the metric: `root` with ξ tied to the learning rate. Nothing but the metric differs.
 *
 * @param factor - on the base's own learning rate
 */
export function tuned(
  base: string,
  variant: 'plain' | 'root',
  factor: number,
  steps: number,
): Transformation {
  const entry = baseOf(base)
  return variantOf(entry, variant, entry.rate * factor, steps)
}

/**
 * An optimiser that nobody tunes: a plain base at its own rate, `root` with the cap 1, or `rateFree`.
 *
 * @throws ERR_OPTION for `rateFree` over a base that it refuses
 */
export function selfTuning(base: string, variant: Variant, steps: number): Transformation {
  const entry = baseOf(base)
  if (variant === 'rateFree') {
    // It averages weights itself, or decays the step.
    const { averageWeights: _, ...options } = entry.options ?? {}
    return rateFree(entry.create(), { ...options, steps })
  }
  return variantOf(entry, variant, variant === 'plain' ? entry.rate : CAP, steps)
}

/** The bases that `rateFree` takes: those with an average of gradients behind their steps. */
export function rateFreeBases(): string[] {
  return Object.keys(bases).filter((base) => {
    const probe = { name: 'probe', shape: [2, 2], data: new Float32Array(4) }
    try {
      createOptimizer(selfTuning(base, 'rateFree', 100), [probe]).dispose()
      return true
    } catch (error) {
      if (error instanceof InducedMetricError && error.code === 'ERR_NOT_SUPPORTED') return false
      throw error
    }
  })
}

function variantOf(
  { create, isConstant = false, options = {} }: Base,
  variant: 'plain' | 'root',
  rate: number,
  steps: number,
): Transformation {
  const learningRate = isConstant ? rate : linear({ from: rate, to: 0, steps })
  return inducedMetric(create(), {
    ...options,
    learningRate,
    ...(variant === 'plain' ? { xi: 0 } : { xi: 'rate' as const, embedding: root() }),
  })
}

function baseOf(base: string): Base {
  const entry = bases[base]
  if (entry === undefined)
    throw new Error(`There is no base ${JSON.stringify(base)}; there are ${Object.keys(bases).join(', ')}.`)
  return entry
}
