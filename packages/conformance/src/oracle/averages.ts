/** The inputs of a base's average: the step's count, from 1, and the hyperparameters at that step. */
export interface Moment {
  readonly t: number
  readonly h: (name: string, otherwise: number) => number
  readonly flag: (name: string, otherwise: boolean) => boolean
}

/**
 * One step of the average from which a base's direction is computed, on one number: the stored values, and the average
 * itself, whose weights sum to 1. Before the first step all stored values are 0.
 */
export type Average = (
  at: Moment,
) => (kept: readonly number[], value: number) => readonly [kept: readonly number[], average: number]

/** An average that begins at 0, without its bias. */
function exponential(beta: number, weight: number): ReturnType<Average> {
  return ([kept = 0], value) => {
    const m = beta * kept + (1 - beta) * value
    return [[m], m / weight]
  }
}

const sgd: Average = (at) => {
  const mu = at.h('momentum', 0)
  return exponential(mu, 1 - mu ** at.t)
}

/** The buffer's weights sum to μᵗ⁻¹, for the first gradient, which is not dampened, plus a geometric sum for the others. */
const heavyBall: Average = (at) => {
  const mu = at.h('momentum', 0.9)
  const dampening = at.h('dampening', 0)
  const ahead = at.flag('nesterov', false)
  const first = mu ** (at.t - 1)
  const weight = first + ((1 - dampening) * (1 - first)) / (1 - mu)
  if (mu === 0) return (_kept, value) => [[value], value]
  return ([kept = 0], value) => {
    const buffer = at.t === 1 ? value : mu * kept + (1 - dampening) * value
    return [[buffer], ahead ? (value + mu * buffer) / (1 + mu * weight) : buffer / weight]
  }
}

const adam: Average = (at) => {
  const beta = at.h('beta1', 0.9)
  const [now, next] = [1 - beta ** at.t, 1 - beta ** (at.t + 1)]
  if (!at.flag('nesterov', false)) return exponential(beta, now)
  return ([kept = 0], value) => {
    const m = beta * kept + (1 - beta) * value
    const mean = (beta * m) / next + ((1 - beta) * value) / now
    return [[m], mean / ((beta * now) / next + (1 - beta) / now)]
  }
}

/** The argument of the sign: β₁ times the value stored before this step, whose weights sum to 1 − β₂ᵗ⁻¹. */
const lion: Average = (at) => {
  const beta1 = at.h('beta1', 0.9)
  const beta2 = at.h('beta2', 0.99)
  const weight = 1 - beta1 * beta2 ** (at.t - 1)
  return ([kept = 0], value) => [
    [beta2 * kept + (1 - beta2) * value],
    (beta1 * kept + (1 - beta1) * value) / weight,
  ]
}

const muon: Average = (at) => {
  const mu = at.h('momentum', 0.95)
  if (!at.flag('nesterov', true)) return exponential(mu, 1 - mu ** at.t)
  const weight = 1 - mu ** (at.t + 1)
  return ([kept = 0], value) => {
    const m = mu * kept + (1 - mu) * value
    return [[m], (mu * m + (1 - mu) * value) / weight]
  }
}

/** Adan's first moment, and β₂ times the average of the differences, whose weights sum to 0. */
const adan: Average = (at) => {
  const [beta1, beta2] = [at.h('beta1', 0.98), at.h('beta2', 0.92)]
  const [ofMean, ofChange] = [1 - beta1 ** at.t, 1 - beta2 ** at.t]
  return ([m = 0, v = 0, previous = 0], value) => {
    const mean = beta1 * m + (1 - beta1) * value
    const change = beta2 * v + (1 - beta2) * (at.t === 1 ? 0 : value - previous)
    return [[mean, change, value], mean / ofMean + (beta2 * change) / ofChange]
  }
}

/** A fast average whose weights sum to 1, and α times a slow one whose weights sum to 1 − β₃ᵗ. */
const ademamix: Average = (at) => {
  const [beta1, beta3, alpha] = [at.h('beta1', 0.9), at.h('beta3', 0.9999), at.h('alpha', 5)]
  const [ofFast, ofMixed] = [1 - beta1 ** at.t, 1 + alpha * (1 - beta3 ** at.t)]
  return ([m = 0, slow = 0], value) => {
    const fast = beta1 * m + (1 - beta1) * value
    const long = beta3 * slow + (1 - beta3) * value
    return [[fast, long], (fast / ofFast + alpha * long) / ofMixed]
  }
}

/** NAdam's momentum at a step and at the next, and the product of all so far. */
export function nadamMomentum(at: Moment): { now: number; next: number; product: number } {
  const beta = at.h('beta1', 0.9)
  const decay = at.h('momentumDecay', 0.004)
  const of = (t: number): number => beta * (1 - 0.5 * 0.96 ** (t * decay))
  let product = 1
  for (let t = 1; t <= at.t; t++) product *= of(t)
  return { now: of(at.t), next: of(at.t + 1), product }
}

/** A weighted mean of the gradient and of Adam's average, whose own weights sum to 1 − β₁ᵗ. */
const nadam: Average = (at) => {
  const beta = at.h('beta1', 0.9)
  const { now, next, product } = nadamMomentum(at)
  const [ofValue, ofMean] = [(1 - now) / (1 - product), next / (1 - product * next)]
  const weight = ofValue + ofMean * (1 - beta ** at.t)
  return ([kept = 0], value) => {
    const m = beta * kept + (1 - beta) * value
    return [[m], (ofValue * value + ofMean * m) / weight]
  }
}

const tiger: Average = (at) => {
  const beta = at.h('beta', 0.965)
  return exponential(beta, 1 - beta ** at.t)
}

/** Without a bias correction the average begins at the first value. */
const momo: Average = (at) => {
  const beta = at.h('beta', 0.9)
  if (at.flag('biasCorrection', false)) return exponential(beta, 1 - beta ** at.t)
  return ([kept = 0], value) => {
    const m = at.t === 1 ? value : beta * kept + (1 - beta) * value
    return [[m], m]
  }
}

const signum: Average = (at) => {
  const mu = at.h('momentum', 0.9)
  return exponential(mu, 1 - mu ** at.t)
}

/** The first step takes its gradient; the average begins after it. */
const soap: Average = (at) => {
  const beta = at.h('beta1', 0.95)
  return at.t === 1 ? (_kept, value) => [[0], value] : exponential(beta, 1 - beta ** (at.t - 1))
}

/** Without momentum, the gradient itself. The momentum of rmsprop averages P g rather than gradients. */
const none: Average = () => (_kept, value) => [[], value]

/**
 * The averages by base. Those of rmsprop, lars, adafactor and sm3 count only without momentum; adopt, novograd, mars, prodigy and
 * dadaptation have none, nor have madgrad and ftrl, which compute the parameter themselves. That of scheduleFree is its base's.
 */
export const averages: Readonly<Record<string, Average>> = {
  sgd,
  heavyBall,
  rmsprop: none,
  adagrad: none,
  adam,
  lion,
  muon,
  adamax: adam,
  radam: adam,
  adadelta: none,
  rprop: none,
  adan,
  ademamix,
  adopt: none,
  lamb: adam,
  novograd: none,
  yogi: adam,
  adabelief: adam,
  signum,
  nadam,
  adamAtan2: adam,
  mars: none,
  lars: none,
  tiger,
  asgd: none,
  madgrad: none,
  ftrl: none,
  prodigy: none,
  dadaptation: none,
  dog: none,
  polyak: none,
  momo,
  adafactor: none,
  sm3: none,
  normuon: muon,
  shampoo: sgd,
  soap,
}
