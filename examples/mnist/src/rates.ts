import { adam, inducedMetric, lion, muon, root, type Preconditioner } from '@induced-metric/core'

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

/** One of a row of runs that differ only in the learning rate. */
export interface Rate {
  readonly base: RateBase
  /** Whether ξ is tied to the learning rate, under the square root; else ξ is 0. */
  readonly tied: boolean
  readonly learningRate: number
}

/** From a little too small to far too large. */
const rates = [0.01, 0.1, 1, 10, 100]

/** A base alone at every learning rate, and then its induced form. */
export function rateSettings(chosen: readonly RateBase[]): readonly Setting[] {
  return chosen.flatMap((base) =>
    [false, true].flatMap((tied) => rates.map((learningRate) => rateSetting({ base, tied, learningRate }))),
  )
}

/** A base at its defaults with this learning rate, and its name. */
export function rateSetting(rate: Rate): Setting {
  const { base, tied, learningRate } = rate
  const transformation = inducedMetric(
    bases[base].base,
    tied ? { learningRate, xi: 'rate', embedding: root() } : { learningRate, xi: 0 },
  )
  const name = `${bases[base].title}${tied ? ', root' : ''}`
  return {
    id: `${base}-${tied ? 'root-' : ''}${learningRate.toExponential().replace('e+', 'e')}`,
    title: `${name}, η ${String(learningRate).replace(/^0/, '')}`,
    description: tied
      ? `${bases[base].title} base, the square root of the loss as height, ξ equal to the learning rate ${learningRate}.`
      : `${bases[base].title} at its defaults and learning rate ${learningRate}; ξ is 0.`,
    transformation,
    ...(base === 'adam' && !tied && { stock: { learningRate, beta1: 0.9, beta2: 0.999, epsilon: 1e-8 } }),
    rate,
    published: { byEpoch: {} },
  }
}
