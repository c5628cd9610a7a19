import * as core from '@induced-metric/core'
import type { InducedMetricOptions, Preconditioner } from '@induced-metric/core'

/** A base of the core, as it takes part. */
export interface Base {
  readonly create: () => Preconditioner
  /** The learning rate of the example in the base's doc comment. */
  readonly rate: number
  /** Where the authors say that the rate stays constant; otherwise it decreases linearly to 0. */
  readonly isConstant?: boolean
  /** Options that belong to it. */
  readonly options?: InducedMetricOptionsPart
}

type InducedMetricOptionsPart = Pick<InducedMetricOptions, 'averageWeights' | 'fallback'>

const of = (create: () => Preconditioner, rate: number, rest: Omit<Base, 'create' | 'rate'> = {}): Base => ({
  create,
  rate,
  ...rest,
})

/** For parameters that are not matrices. */
const besideAdam = { options: { fallback: core.adam() } }

/** All bases of the core with their default hyperparameters, except momentum .9 for SGD and Shampoo. */
export const bases: Readonly<Record<string, Base>> = {
  adabelief: of(() => core.adabelief(), 0.001),
  adadelta: of(() => core.adadelta(), 1),
  adafactor: of(() => core.adafactor(), 0.01),
  adagrad: of(() => core.adagrad(), 0.01),
  adam: of(() => core.adam(), 0.001),
  adamAtan2: of(() => core.adamAtan2(), 0.001),
  adamax: of(() => core.adamax(), 0.002),
  adan: of(() => core.adan(), 0.001),
  ademamix: of(() => core.ademamix(), 0.001),
  adopt: of(() => core.adopt(), 0.001),
  asgd: of(() => core.asgd(), 0.01, { isConstant: true }),
  dadaptation: of(() => core.dadaptation(), 1),
  dog: of(() => core.dog(), 1, { isConstant: true, options: { averageWeights: 8 } }),
  ftrl: of(() => core.ftrl(), 0.1),
  heavyBall: of(() => core.heavyBall(), 0.01),
  lamb: of(() => core.lamb(), 0.001),
  lars: of(() => core.lars(), 4),
  lion: of(() => core.lion(), 1e-4),
  madgrad: of(() => core.madgrad(), 0.01),
  mars: of(() => core.mars(), 0.003),
  momo: of(() => core.momo(), 1, { isConstant: true }),
  muon: of(() => core.muon(), 0.02, besideAdam),
  nadam: of(() => core.nadam(), 0.002),
  normuon: of(() => core.normuon(), 0.02, besideAdam),
  novograd: of(() => core.novograd(), 0.01),
  polyak: of(() => core.polyak(), 1, { isConstant: true }),
  prodigy: of(() => core.prodigy(), 1),
  radam: of(() => core.radam(), 0.001),
  rmsprop: of(() => core.rmsprop(), 0.001),
  rprop: of(() => core.rprop(), 0.01),
  scheduleFree: of(() => core.scheduleFree(core.adam({ beta1: 0 })), 0.0025, { isConstant: true }),
  sgd: of(() => core.sgd({ momentum: 0.9 }), 0.1),
  shampoo: of(() => core.shampoo({ momentum: 0.9, graft: true }), 0.01),
  signum: of(() => core.signum(), 1e-4),
  sm3: of(() => core.sm3(), 0.1),
  soap: of(() => core.soap(), 0.003),
  tiger: of(() => core.tiger(), 0.001),
  yogi: of(() => core.yogi(), 0.01),
}
