import { average, divided, inner, roots, slot, unbiased, type Base } from './base.js'
import { nadamMomentum } from './averages.js'

/** torch.optim.NAdam: Adam whose momentum rises; g and m have weights of their own. */
export const nadam: Base = (x) => {
  const beta1 = x.h('beta1', 0.9)
  const beta2 = x.h('beta2', 0.999)
  const m = average(slot(x, 'm'), x.g, beta1)
  const v = average(
    slot(x, 'v'),
    x.g.map((g) => g * g),
    beta2,
  )
  const { now, next, product } = nadamMomentum(x)
  const mean = x.g.map((g, i) => ((1 - now) * g) / (1 - product) + (next * m[i]!) / (1 - product * next))
  const denominator = roots(v, beta2, x.t, x.h('epsilon', 1e-8))
  return { ...divided(x, mean, denominator), slots: { m, v } }
}

/** Adam with an arctangent in place of the quotient and its ε. */
export const adamAtan2: Base = (x) => {
  const beta1 = x.h('beta1', 0.9)
  const beta2 = x.h('beta2', 0.99)
  const m = average(slot(x, 'm'), x.g, beta1)
  const v = average(
    slot(x, 'v'),
    x.g.map((g) => g * g),
    beta2,
  )
  const [a, b] = [x.h('a', 1.27), x.h('b', 1)]
  const sizes = roots(v, beta2, x.t, 0)
  const direction = unbiased(m, beta1, x.t).map((value, i) => a * Math.atan2(value, b * sizes[i]!))
  return { direction, slots: { m, v } }
}

/** MARS-AdamW in its approximate form: the gradient before this one stands for this batch's at the point before. */
export const mars: Base = (x) => {
  const beta1 = x.h('beta1', 0.95)
  const beta2 = x.h('beta2', 0.99)
  const weight = (x.h('gamma', 0.025) * beta1) / (1 - beta1)
  const previous = slot(x, 'previous')
  const raised = x.g.map((g, i) => g + weight * (g - previous[i]!))
  const length = Math.max(1, Math.sqrt(inner(raised, raised)))
  const corrected = raised.map((value) => value / length)
  const m = average(slot(x, 'm'), corrected, beta1)
  const v = average(
    slot(x, 'v'),
    corrected.map((value) => value * value),
    beta2,
  )
  const denominator = roots(v, beta2, x.t, x.h('epsilon', 1e-8))
  const mean = unbiased(m, beta1, x.t)
  return { ...divided(x, mean, denominator), slots: { m, v, previous: x.g.slice() } }
}

/** optax.lars: a heavy ball over gradients of the tensor's length; 1 is the ratio where either length is 0. */
export const lars: Base = (x) => {
  const mu = x.h('momentum', 0.9)
  const decay = x.h('weightDecay', 0)
  const update = x.g.map((g, i) => g + decay * x.theta[i]!)
  const [size, length] = [x.theta, update].map((values) => Math.sqrt(inner(values, values))) as [
    number,
    number,
  ]
  const ratio = size === 0 || length === 0 ? 1 : (x.h('trustCoefficient', 0.001) * size) / length
  const buffer = slot(x, 'buffer').map((value, i) => mu * value + ratio * update[i]!)
  const direction = x.flag('nesterov', false)
    ? buffer.map((value, i) => ratio * update[i]! + mu * value)
    : buffer
  return { direction, dual: ratio * inner(x.g, x.g), slots: { buffer } }
}

/** Tiger: the sign of an average; its author's rate for weights is relative to their root mean square. */
export const tiger: Base = (x) => {
  const m = average(slot(x, 'm'), x.g, x.h('beta', 0.965))
  const scale = x.flag('relative', false) ? Math.sqrt(inner(x.theta, x.theta) / x.theta.length) : 1
  return { direction: m.map((value) => Math.sign(value) * scale), slots: { m } }
}

/** torch.optim.ASGD: SGD with decay, at a rate that falls; its average is no part of the step. */
export const asgd: Base = (x) => {
  const decay = x.h('decay', 1e-4)
  const fall = (1 + decay * x.learningRate * (x.t - 1)) ** -x.h('power', 0.75)
  const direction = x.g.map((g, i) => fall * (g + decay * x.theta[i]!))
  return { direction, dual: fall * inner(x.g, x.g), slots: {} }
}
