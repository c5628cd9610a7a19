import { average, cautiousMask, divided, inner, roots, slot, sum, unbiased, type Base } from './base.js'

/** Adam; P = 1/(√r̂ + ε). Nesterov as in optax: β₁m/(1−β₁ᵗ⁺¹) + (1−β₁)g/(1−β₁ᵗ). */
export const adam: Base = (x) => {
  const beta1 = x.h('beta1', 0.9)
  const beta2 = x.h('beta2', 0.999)
  const epsilon = x.h('epsilon', 1e-8)
  const nesterov = x.flag('nesterov', false)
  const amsgrad = x.flag('amsgrad', false)
  const m = slot(x, 'm')
  const r = slot(x, 'r')
  const largest = slot(x, 'largest')
  const direction = new Float64Array(m.length)
  const duals = new Float64Array(m.length)
  const [ofM, ofNext, ofR] = [1 - beta1 ** x.t, 1 - beta1 ** (x.t + 1), 1 - beta2 ** x.t]
  for (let i = 0; i < m.length; i++) {
    const g = x.g[i]!
    m[i] = beta1 * m[i]! + (1 - beta1) * g
    r[i] = beta2 * r[i]! + (1 - beta2) * g * g
    // torch takes the largest before the bias correction.
    if (amsgrad) largest[i] = Math.max(largest[i]!, r[i]!)
    const used = amsgrad ? largest[i]! : r[i]!
    const denominator = Math.sqrt(used / ofR) + epsilon
    const mHat = nesterov ? (beta1 * m[i]!) / ofNext + ((1 - beta1) * g) / ofM : m[i]! / ofM
    direction[i] = mHat / denominator
    duals[i] = (g * g) / denominator
  }
  const slots = { m, r, ...(amsgrad ? { largest } : {}) }
  if (!x.flag('cautious', false)) return { direction, dual: sum(duals), slots }
  const mask = cautiousMask(direction, x.g)
  return { direction: direction.map((d, i) => d * mask[i]!), dual: inner(duals, mask), slots }
}

/** torch.optim.Adamax: the ∞-norm of past gradients, ε added to |g|. */
export const adamax: Base = (x) => {
  const beta1 = x.h('beta1', 0.9)
  const m = average(slot(x, 'm'), x.g, beta1)
  const beta2 = x.h('beta2', 0.999)
  const epsilon = x.h('epsilon', 1e-8)
  const u = slot(x, 'u').map((value, i) => Math.max(beta2 * value, Math.abs(x.g[i]!) + epsilon))
  const mean = unbiased(m, beta1, x.t)
  return { ...divided(x, mean, u), slots: { m, u } }
}

/** torch.optim.RAdam: momentum alone until ρₜ > 5; ε beside √v before its bias is corrected. */
export const radam: Base = (x) => {
  const beta1 = x.h('beta1', 0.9)
  const beta2 = x.h('beta2', 0.999)
  const epsilon = x.h('epsilon', 1e-8)
  const m = average(slot(x, 'm'), x.g, beta1)
  const v = average(
    slot(x, 'v'),
    x.g.map((g) => g * g),
    beta2,
  )
  const weight = 1 - beta2 ** x.t
  const end = 2 / (1 - beta2) - 1
  const now = end - (2 * x.t * beta2 ** x.t) / weight
  let denominator = v.map(() => 1)
  if (now > 5) {
    const r = Math.sqrt(((now - 4) * (now - 2) * end) / ((end - 4) * (end - 2) * now))
    denominator = v.map((value) => (Math.sqrt(value) + epsilon) / (r * Math.sqrt(weight)))
  }
  const mean = unbiased(m, beta1, x.t)
  return { ...divided(x, mean, denominator), slots: { m, v } }
}

/** Adan, as its authors' code has it: the first difference is 0. */
export const adan: Base = (x) => {
  const beta1 = x.h('beta1', 0.98)
  const beta2 = x.h('beta2', 0.92)
  const beta3 = x.h('beta3', 0.99)
  const epsilon = x.h('epsilon', 1e-8)
  const before = x.slots['previous'] ?? x.g
  const change = x.g.map((g, i) => g - before[i]!)
  const m = average(slot(x, 'm'), x.g, beta1)
  const v = average(slot(x, 'v'), change, beta2)
  const n = average(
    slot(x, 'n'),
    x.g.map((g, i) => (g + beta2 * change[i]!) ** 2),
    beta3,
  )
  const denominator = roots(n, beta3, x.t, epsilon)
  const [ofM, ofV] = [1 - beta1 ** x.t, 1 - beta2 ** x.t]
  const mean = m.map((value, i) => value / ofM + (beta2 * v[i]!) / ofV)
  return { ...divided(x, mean, denominator), slots: { m, v, n, previous: x.g.slice() } }
}

/** AdEMAMix: the slow average is added as it is, without a bias correction. */
export const ademamix: Base = (x) => {
  const beta1 = x.h('beta1', 0.9)
  const beta2 = x.h('beta2', 0.999)
  const m = average(slot(x, 'm'), x.g, beta1)
  const slow = average(slot(x, 'slow'), x.g, x.h('beta3', 0.9999))
  const v = average(
    slot(x, 'v'),
    x.g.map((g) => g * g),
    beta2,
  )
  const denominator = roots(v, beta2, x.t, x.h('epsilon', 1e-8))
  const alpha = x.h('alpha', 5)
  const mean = unbiased(m, beta1, x.t).map((value, i) => value + alpha * slow[i]!)
  return { ...divided(x, mean, denominator), slots: { m, slow, v } }
}

/** ADOPT with clipping: divides by the second moment of before; the first step takes only that. */
export const adopt: Base = (x) => {
  const beta2 = x.h('beta2', 0.9999)
  const squares = x.g.map((g) => g * g)
  const before = x.slots['v']
  if (before === undefined) {
    return { direction: x.g.map(() => 0), dual: 0, slots: { m: slot(x, 'm'), v: squares } }
  }
  const bound = (x.t - 1) ** 0.25
  const epsilon = x.h('epsilon', 1e-6)
  const normed = x.g.map((g, i) => {
    const value = g / Math.max(Math.sqrt(before[i]!), epsilon)
    return Math.max(-bound, Math.min(bound, value))
  })
  const m = average(slot(x, 'm'), normed, x.h('beta1', 0.9))
  return { direction: m, dual: inner(x.g, normed), slots: { m, v: average(before.slice(), squares, beta2) } }
}

/** LAMB: Adam's step with the decay λθ, as long as the tensor itself. */
export const lamb: Base = (x) => {
  const plain = { ...x, h: (name: string, other: number) => x.h(name, name === 'epsilon' ? 1e-6 : other) }
  const { direction: step, dual = 0, slots } = adam(plain)
  const decay = x.h('weightDecay', 0)
  const update = step.map((value, i) => value + decay * x.theta[i]!)
  const [size, length] = [Math.hypot(...x.theta), Math.hypot(...update)]
  const trust = size === 0 || length === 0 ? 1 : size / length
  return { direction: update.map((value) => trust * value), dual: trust * dual, slots }
}

/** NovoGrad: a second moment per tensor, and a heavy ball over the normalised gradients. */
export const novograd: Base = (x) => {
  const beta2 = x.h('beta2', 0.98)
  const square = inner(x.g, x.g)
  const v = slot(x, 'v', square).map((value) => beta2 * value + (1 - beta2) * square)
  const { direction: scaled, dual } = divided(
    x,
    x.g,
    v.map((value) => Math.sqrt(value) + x.h('epsilon', 1e-8)),
  )
  const m = slot(x, 'm').map((value, i) => x.h('beta1', 0.95) * value + scaled[i]!)
  return { direction: m, dual, slots: { m, v } }
}

/** Yogi: v moves towards g² by (1−β₂)g². */
export const yogi: Base = (x) => {
  const beta1 = x.h('beta1', 0.9)
  const beta2 = x.h('beta2', 0.999)
  const m = average(slot(x, 'm'), x.g, beta1)
  const v = slot(x, 'v', x.h('initialAccumulator', 1e-6)).map((value, i) => {
    const square = x.g[i]! ** 2
    return value - (1 - beta2) * Math.sign(value - square) * square
  })
  const denominator = roots(v, beta2, x.t, x.h('epsilon', 1e-3))
  const mean = unbiased(m, beta1, x.t)
  return { ...divided(x, mean, denominator), slots: { m, v } }
}

/** AdaBelief: the variance about the new average; ε is kept in v, and added to its root again. */
export const adabelief: Base = (x) => {
  const beta1 = x.h('beta1', 0.9)
  const beta2 = x.h('beta2', 0.999)
  const epsilon = x.h('epsilon', 1e-16)
  const m = average(slot(x, 'm'), x.g, beta1)
  const deviations = x.g.map((g, i) => (g - m[i]!) ** 2)
  const v = average(slot(x, 'v'), deviations, beta2).map((value) => value + epsilon)
  const denominator = roots(v, beta2, x.t, epsilon)
  const mean = unbiased(m, beta1, x.t)
  return { ...divided(x, mean, denominator), slots: { m, v } }
}
