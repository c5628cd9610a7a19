import { adabelief, adam, adamax, adan, ademamix, adopt, lamb, novograd, radam, yogi } from './adamFamily.js'
import { innermost } from '../plain.js'
import { averages } from './averages.js'
import { cautiousMask, inner, slot, type Base, type BaseInput, type BaseStep, type Whole } from './base.js'
import { adamAtan2, asgd, lars, mars, nadam, tiger } from './elementwise.js'
import { shampoo, soap } from './eigenbases.js'
import { adafactor, sm3 } from './factored.js'
import { muon, normuon } from './orthogonalised.js'
import { ftrl, madgrad, scheduleFree } from './sequences.js'
import { momentOf } from './unit.js'
import {
  dadaptation,
  dadaptationWhole,
  dog,
  dogWhole,
  momo,
  momoWhole,
  polyak,
  polyakWhole,
  prodigy,
  prodigyWhole,
} from './wholes.js'

/** The result of a base for one parameter's gradient. Nothing is written; the new slots are returned. */
export interface BaseResult {
  /** P m̂, which the step subtracts after the learning rate and the metric's factor scale it. */
  readonly direction: Float64Array
  /** This parameter's part of s. A negative sum over all parameters counts as 0. */
  readonly dual: number
  /** Computes x̂, the average of gradients from which the direction is computed. */
  readonly average: () => Float64Array
  /** The new values of the slots from which x̂ is computed, in the order in which its average stores them. */
  readonly momenta: readonly Float64Array[]
  readonly slots: Readonly<Record<string, Float64Array>>
  readonly apply: BaseStep['apply']
}

/** Momentum as an average with bias correction; P = 1. */
const sgd: Base = (x) => {
  const mu = x.h('momentum', 0)
  const m = slot(x, 'm')
  const direction = new Float64Array(m.length)
  const weight = 1 - mu ** x.t
  let dual = 0
  for (let i = 0; i < m.length; i++) {
    m[i] = mu * m[i]! + (1 - mu) * x.g[i]!
    direction[i] = m[i]! / weight
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
  if (!x.flag('cautious', false)) return { direction, slots: { m } }
  const mask = cautiousMask(direction, x.g)
  return { direction: direction.map((d, i) => d * mask[i]!), slots: { m } }
}

/** The sign of an average. */
const signum: Base = (x) => {
  const mu = x.h('momentum', 0.9)
  const m = slot(x, 'm').map((value, i) => mu * value + (1 - mu) * x.g[i]!)
  return { direction: m.map(Math.sign), slots: { m } }
}

/** torch.optim.Adadelta: P g is averaged after it is used; ε inside both roots. */
const adadelta: Base = (x) => {
  const rho = x.h('decay', 0.9)
  const epsilon = x.h('epsilon', 1e-6)
  const squares = slot(x, 'squares').map((value, i) => rho * value + (1 - rho) * x.g[i]! ** 2)
  const deltas = slot(x, 'deltas')
  const direction = x.g.map(
    (g, i) => (Math.sqrt(deltas[i]! + epsilon) / Math.sqrt(squares[i]! + epsilon)) * g,
  )
  const after = deltas.map((value, i) => rho * value + (1 - rho) * direction[i]! ** 2)
  return { direction, dual: inner(x.g, direction), slots: { squares, deltas: after } }
}

/** torch.optim.Rprop; after a change of sign an element rests, and what it is compared with is 0. */
const rprop: Base = (x) => {
  const [low, high] = [x.h('minStep', 1e-4), x.h('maxStep', 5000)]
  const before = slot(x, 'before')
  const length = slot(x, 'length', x.h('initialStep', 1))
  const direction = new Float64Array(length.length)
  for (let i = 0; i < length.length; i++) {
    const g = x.g[i]!
    const product = g * before[i]!
    const factor = product > 0 ? x.h('increase', 1.2) : product < 0 ? x.h('decrease', 0.5) : 1
    length[i] = Math.min(high, Math.max(low, length[i]! * factor))
    before[i] = product < 0 ? 0 : g
    direction[i] = Math.sign(before[i]!) * length[i]!
  }
  return { direction, slots: { before, length } }
}

/** The bases of the kit by their names in the plain form, with the slots that store their averages. */
const bases: Readonly<Record<string, readonly [run: Base, ...kept: readonly string[]]>> = {
  sgd: [sgd, 'm'],
  heavyBall: [heavyBall, 'buffer'],
  rmsprop: [rmsprop],
  adagrad: [adagrad],
  adam: [adam, 'm'],
  lion: [lion, 'm'],
  muon: [muon, 'm'],
  adamax: [adamax, 'm'],
  radam: [radam, 'm'],
  adadelta: [adadelta],
  rprop: [rprop],
  adan: [adan, 'm', 'v', 'previous'],
  ademamix: [ademamix, 'm', 'slow'],
  adopt: [adopt],
  lamb: [lamb, 'm'],
  novograd: [novograd],
  yogi: [yogi, 'm'],
  adabelief: [adabelief, 'm'],
  signum: [signum, 'm'],
  nadam: [nadam, 'm'],
  adamAtan2: [adamAtan2, 'm'],
  mars: [mars],
  lars: [lars],
  tiger: [tiger, 'm'],
  asgd: [asgd],
  madgrad: [madgrad],
  ftrl: [ftrl],
  scheduleFree: [scheduleFree((name) => bases[name]![0])],
  prodigy: [prodigy],
  dadaptation: [dadaptation],
  dog: [dog],
  polyak: [polyak],
  momo: [momo, 'm'],
  adafactor: [adafactor],
  sm3: [sm3],
  normuon: [normuon, 'm'],
  shampoo: [shampoo, 'm'],
  soap: [soap, 'm'],
}

/** The bases that look at all of their parameters at once. */
export const wholes: Readonly<Record<string, Whole | undefined>> = {
  prodigy: prodigyWhole,
  dadaptation: dadaptationWhole,
  dog: dogWhole,
  polyak: polyakWhole,
  momo: momoWhole,
}

/**
 * Runs a base. If P is not linear, s is ⟨x̂,d⟩⟨g,g⟩/⟨x̂,x̂⟩, which equals gᵀPg for a linear P; it is 0 without an average.
 */
export function runBase(name: string, x: BaseInput): BaseResult {
  const base = bases[name]
  if (base === undefined) throw new Error(`oracle: unknown base ${name}`)
  const innerBase = innermost(x.options)
  const names = bases[innerBase.name]!.slice(1) as string[]
  const kept = innerBase === x.options ? names : names.map((slot) => `base.${slot}`)
  const { direction, slots, dual: own, apply } = base[0](x)
  const average = (): Float64Array => {
    const ofElement = averages[innerBase.name]!(momentOf(innerBase, x.t, x.step))
    const before = kept.map((slot) => x.slots[slot])
    return x.g.map((g, i) => {
      const values = before.map((values) => values?.[i] ?? 0)
      return ofElement(values, g)[1]
    })
  }
  const dual = own ?? dualOf(x.g, average(), direction)
  const momenta = kept.map((slot) => slots[slot]!)
  return { direction, dual, average, momenta, slots, apply }
}

function dualOf(g: Float64Array, average: Float64Array, direction: Float64Array): number {
  const square = inner(average, average)
  return square === 0 ? 0 : (inner(average, direction) * inner(g, g)) / square
}
