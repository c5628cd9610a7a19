/** The option by which a base takes its momentum. */
export type MomentumOption = 'momentum' | 'beta1' | 'beta'

/**
 * The core's bases that work on two numbers, each with the name of its momentum. Those that take matrices would show their
 * fallback here.
 */
export const bases = {
  adam: 'beta1',
  sgd: 'momentum',
  heavyBall: 'momentum',
  adabelief: 'beta1',
  adadelta: undefined,
  adafactor: 'momentum',
  adagrad: undefined,
  adamAtan2: 'beta1',
  adamax: 'beta1',
  adan: 'beta1',
  ademamix: 'beta1',
  adopt: 'beta1',
  asgd: undefined,
  dadaptation: 'beta1',
  dog: undefined,
  ftrl: undefined,
  lamb: 'beta1',
  lars: 'momentum',
  lion: 'beta1',
  madgrad: 'momentum',
  mars: 'beta1',
  momo: 'beta',
  nadam: 'beta1',
  novograd: 'beta1',
  polyak: undefined,
  prodigy: 'beta1',
  radam: 'beta1',
  rmsprop: 'momentum',
  rprop: undefined,
  signum: 'momentum',
  sm3: 'momentum',
  tiger: 'beta',
  yogi: 'beta1',
} as const satisfies Readonly<Record<string, MomentumOption | undefined>>

/** The name of a base, in the core as in addresses. */
export type BaseId = keyof typeof bases

/** The embeddings to choose; `own` is a formula of L. */
export const embeddings = ['identity', 'root', 'log', 'logDamped', 'own'] as const

/** The name of an embedding. */
export type EmbeddingId = (typeof embeddings)[number]
