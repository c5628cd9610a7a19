import { averages, type Moment } from './averages.js'
import { newtonSchulz } from './newtonSchulz.js'

/** The result of a base for one parameter's gradient. Nothing is written; the new slots are returned. */
export interface BaseResult {
  /** P m̂, which the step subtracts after the learning rate and the metric's factor scale it. */
  readonly direction: Float64Array
  /** This parameter's part of s. A negative sum over all parameters counts as 0. */
  readonly dual: number
  /** x̂, the average of gradients from which the direction is computed. */
  readonly average: Float64Array
  /** The new value of the slot from which x̂ is computed, if there is one. */
  readonly momentum: Float64Array | undefined
  readonly slots: Readonly<Record<string, Float64Array>>
}

/** One step of one base on one parameter, in float64; `t` is the parameter's own step count, from 1. */
export interface BaseInput extends Moment {
  readonly g: Float64Array
  readonly shape: readonly number[]
  readonly slots: Readonly<Record<string, Float64Array>>
  text(name: string, otherwise: string): string
}

/** A base's direction and slots, and gᵀPg if its preconditioner P is a linear map. */
type Base = (x: BaseInput) => Pick<BaseResult, 'direction' | 'slots'> & { readonly dual?: number }

function slot(x: BaseInput, name: string, initial = 0): Float64Array {
  return x.slots[name]?.slice() ?? new Float64Array(x.g.length).fill(initial)
}

/** Momentum as an average with bias correction; P = 1. */
const sgd: Base = (x) => {
  const mu = x.h('momentum', 0)
  const m = slot(x, 'm')
  const direction = new Float64Array(m.length)
  let dual = 0
  for (let i = 0; i < m.length; i++) {
    m[i] = mu * m[i]! + (1 - mu) * x.g[i]!
    direction[i] = m[i]! / (1 - mu ** x.t)
    dual += x.g[i]! * x.g[i]!
  }
  return { direction, dual, slots: { m } }
}

/** torch.optim.SGD: the first buffer is the gradient, dampening from the second on, neither at momentum 0; P = 1. */
const heavyBall: Base = (x) => {
  const mu = x.h('momentum', 0.9)
  const dampening = x.h('dampening', 0)
  const nesterov = x.flag('nesterov', false)
  const buffer = slot(x, 'buffer')
  const direction = new Float64Array(buffer.length)
  let dual = 0
  for (let i = 0; i < buffer.length; i++) {
    const g = x.g[i]!
    buffer[i] = x.t === 1 || mu === 0 ? g : mu * buffer[i]! + (1 - dampening) * g
    direction[i] = nesterov ? g + mu * buffer[i]! : buffer[i]!
    dual += g * g
  }
  return { direction, dual, slots: { buffer } }
}

/** torch.optim.RMSprop: no bias correction, epsilon outside the root. */
const rmsprop: Base = (x) => {
  const decay = x.h('decay', 0.99)
  const epsilon = x.h('epsilon', 1e-8)
  const momentum = x.h('momentum', 0)
  const centered = x.flag('centered', false)
  const square = slot(x, 'square')
  const mean = slot(x, 'mean')
  const buffer = slot(x, 'buffer')
  const direction = new Float64Array(square.length)
  let dual = 0
  for (let i = 0; i < square.length; i++) {
    const g = x.g[i]!
    square[i] = decay * square[i]! + (1 - decay) * g * g
    mean[i] = decay * mean[i]! + (1 - decay) * g
    const variance = centered ? square[i]! - mean[i]! * mean[i]! : square[i]!
    const scaled = g / (Math.sqrt(variance) + epsilon)
    buffer[i] = momentum * buffer[i]! + scaled
    direction[i] = buffer[i]!
    dual += g * scaled
  }
  return { direction, dual, slots: { square, mean, buffer } }
}

/** torch.optim.Adagrad without its learning-rate decay. */
const adagrad: Base = (x) => {
  const epsilon = x.h('epsilon', 1e-10)
  const sum = slot(x, 'sum', x.h('initialAccumulator', 0))
  const direction = new Float64Array(sum.length)
  let dual = 0
  for (let i = 0; i < sum.length; i++) {
    const g = x.g[i]!
    sum[i] = sum[i]! + g * g
    direction[i] = g / (Math.sqrt(sum[i]!) + epsilon)
    dual += g * direction[i]!
  }
  return { direction, dual, slots: { sum } }
}

/** Adam; P = 1/(√r̂ + ε). Nesterov as in optax: β₁m/(1−β₁ᵗ⁺¹) + (1−β₁)g/(1−β₁ᵗ). */
const adam: Base = (x) => {
  const beta1 = x.h('beta1', 0.9)
  const beta2 = x.h('beta2', 0.999)
  const epsilon = x.h('epsilon', 1e-8)
  const nesterov = x.flag('nesterov', false)
  const m = slot(x, 'm')
  const r = slot(x, 'r')
  const direction = new Float64Array(m.length)
  let dual = 0
  for (let i = 0; i < m.length; i++) {
    const g = x.g[i]!
    m[i] = beta1 * m[i]! + (1 - beta1) * g
    r[i] = beta2 * r[i]! + (1 - beta2) * g * g
    const denominator = Math.sqrt(r[i]! / (1 - beta2 ** x.t)) + epsilon
    const mHat = nesterov
      ? (beta1 * m[i]!) / (1 - beta1 ** (x.t + 1)) + ((1 - beta1) * g) / (1 - beta1 ** x.t)
      : m[i]! / (1 - beta1 ** x.t)
    direction[i] = mHat / denominator
    dual += (g * g) / denominator
  }
  return { direction, dual, slots: { m, r } }
}

/** Lion: the sign of a shorter average than the stored one. */
const lion: Base = (x) => {
  const beta1 = x.h('beta1', 0.9)
  const beta2 = x.h('beta2', 0.99)
  const m = slot(x, 'm')
  const direction = new Float64Array(m.length)
  for (let i = 0; i < m.length; i++) {
    const g = x.g[i]!
    direction[i] = Math.sign(beta1 * m[i]! + (1 - beta1) * g)
    m[i] = beta2 * m[i]! + (1 - beta2) * g
  }
  return { direction, slots: { m } }
}

/**
 * Muon on a matrix: the momentum orthogonalised, times √max(1, outputs/inputs); the rows are the outputs unless
 * `rows` says that they are the inputs.
 */
const muon: Base = (x) => {
  const mu = x.h('momentum', 0.95)
  const nesterov = x.flag('nesterov', true)
  const [rows, columns] = x.shape as readonly [number, number]
  const m = slot(x, 'm')
  const before = new Float64Array(m.length)
  for (let i = 0; i < m.length; i++) {
    m[i] = mu * m[i]! + (1 - mu) * x.g[i]!
    before[i] = nesterov ? mu * m[i]! + (1 - mu) * x.g[i]! : m[i]!
  }
  const direction = newtonSchulz(before, rows, columns, x.h('iterations', 5))
  const ratio = x.text('rows', 'outputs') === 'inputs' ? columns / rows : rows / columns
  for (let i = 0; i < direction.length; i++) direction[i] = direction[i]! * Math.sqrt(Math.max(1, ratio))
  return { direction, slots: { m } }
}

/** The bases of the kit by their names in the plain form, with the slot that stores their average. */
const bases: Readonly<Record<string, readonly [run: Base, kept?: string]>> = {
  sgd: [sgd, 'm'],
  heavyBall: [heavyBall, 'buffer'],
  rmsprop: [rmsprop],
  adagrad: [adagrad],
  adam: [adam, 'm'],
  lion: [lion, 'm'],
  muon: [muon, 'm'],
}

/**
 * Runs a base. If P is not linear, s is ⟨x̂,d⟩⟨g,g⟩/⟨x̂,x̂⟩, which equals gᵀPg for a linear P; it is 0 without an average.
 */
export function runBase(name: string, x: BaseInput): BaseResult {
  const [run, kept] = bases[name] ?? []
  if (run === undefined) throw new Error(`oracle: unknown base ${name}`)
  const { direction, slots, dual: own } = run(x)
  const before = kept === undefined ? undefined : x.slots[kept]
  const average = x.g.map((g, i) => averages[name]!(x, before?.[i] ?? 0, g)[1])
  const square = inner(average, average)
  const dual = own ?? (square === 0 ? 0 : (inner(average, direction) * inner(x.g, x.g)) / square)
  return { direction, dual, average, momentum: kept === undefined ? undefined : slots[kept], slots }
}

/** ⟨a, b⟩ */
export function inner(a: Float64Array, b: Float64Array): number {
  let sum = 0
  for (let i = 0; i < a.length; i++) sum += a[i]! * b[i]!
  return sum
}
