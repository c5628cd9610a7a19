import {
  adam,
  inducedMetric,
  lion,
  muon,
  rateFree,
  root,
  type Preconditioner,
  type Transformation,
} from '@induced-metric/core'

import type { Setting } from './settings.js'

/** Bases that run at a row of learning rates. */
const bases = {
  adam: { title: 'Adam', base: adam() },
  muon: { title: 'Muon', base: muon() },
  lion: { title: 'Lion', base: lion() },
} satisfies Readonly<Record<string, { readonly title: string; readonly base: Preconditioner }>>

/** The name of such a base. */
export type RateBase = keyof typeof bases

/** All of them. */
export const rateBases = Object.keys(bases) as readonly RateBase[]

/** What stands on a base: nothing (ξ is 0), ξ tied to the learning rate under the square root, or `rateFree`. */
export type RateMetric = 'none' | 'root' | 'rateFree'

/** One of a row of runs that differ only in the learning rate. */
export interface Rate {
  readonly base: RateBase
  readonly metric: RateMetric
  readonly learningRate: number
}

/** From a little too small to far too large. */
const rates = [0.01, 0.1, 1, 10, 100]

/** A base alone at every learning rate, and then its induced forms, in runs of this many steps. */
export function rateSettings(chosen: readonly RateBase[], steps: number): readonly Setting[] {
  const metrics = Object.keys(words) as readonly RateMetric[]
  return chosen.flatMap((base) =>
    metrics.flatMap((metric) =>
      rates.map((learningRate) => rateSetting({ base, metric, learningRate }, steps)),
    ),
  )
}

/** What is before the learning rate in a setting's id, what is behind the base in its title, and what its description says. */
const words: Readonly<
  Record<RateMetric, { readonly id: string; readonly title: string; readonly how: string }>
> = {
  none: { id: '', title: '', how: 'at its defaults; ξ is 0' },
  root: {
    id: 'root-',
    title: ', root',
    how: 'as base, the square root of the loss as height, ξ equal to the learning rate',
  },
  rateFree: { id: 'rateFree-', title: ', rateFree', how: 'as base of rateFree, for the steps of this run' },
}

/**
 * A base at its defaults with this learning rate, and its name.
 *
 * @param steps the length of the run, which `rateFree` takes
 */
export function rateSetting(rate: Rate, steps?: number): Setting {
  const { base, metric, learningRate } = rate
  const { id, title, how } = words[metric]
  return {
    id: `${base}-${id}${learningRate.toExponential().replace('e+', 'e')}`,
    title: `${bases[base].title}${title}, η ${String(learningRate).replace(/^0/, '')}`,
    description: `${bases[base].title} ${how}. Learning rate ${learningRate}.`,
    transformation: transformationOf(rate, steps),
    ...(base === 'adam' &&
      metric === 'none' && { stock: { learningRate, beta1: 0.9, beta2: 0.999, epsilon: 1e-8 } }),
    rate,
    published: { byEpoch: {} },
  }
}

function transformationOf({ base, metric, learningRate }: Rate, steps: number | undefined): Transformation {
  const inner = bases[base].base
  if (metric === 'rateFree') return rateFree(inner, { learningRate, ...(steps !== undefined && { steps }) })
  if (metric === 'root') return inducedMetric(inner, { learningRate, xi: 'rate', embedding: root() })
  return inducedMetric(inner, { learningRate, xi: 0 })
}
