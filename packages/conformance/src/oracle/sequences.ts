import type { PlainBase } from '../plain.js'
import { inner, slot, type Base } from './base.js'
import { momentOf } from './unit.js'

// Bases that compute the parameter from sequences of their own. In their step ηρ takes the place of η.

/** MADGRAD: dual averaging from the start, with a cube root; the rate in the sum of squares is η itself. */
export const madgrad: Base = (x) => {
  const momentum = x.h('momentum', 0.9)
  const epsilon = x.h('epsilon', 1e-6)
  const start = slot(x, 'start', x.theta)
  const weight = (rate: number): number => (rate === 0 ? 0 : rate + epsilon) * Math.sqrt(x.t)
  const squares = slot(x, 'squares')
  const before = squares.map((value) => Math.cbrt(value) + epsilon)
  for (let i = 0; i < squares.length; i++) squares[i] = squares[i]! + weight(x.learningRate) * x.g[i]! ** 2
  const root = squares.map((value) => Math.cbrt(value) + epsilon)
  const direction = x.g.map((g, i) => ((1 - momentum) * Math.sqrt(x.t) * g) / root[i]!)
  const sums = slot(x, 'sums')
  return {
    direction,
    dual: inner(x.g, direction),
    slots: {},
    apply: (rho) => {
      const after = sums.map((sum, i) => sum + rho * weight(x.learningRate) * x.g[i]!)
      const parameter = x.theta.map((theta, i) => {
        // Without momentum the start follows from the parameter, and from what has been added to it since.
        const from = momentum === 0 ? theta + sums[i]! / before[i]! : start[i]!
        return momentum * theta + (1 - momentum) * (from - after[i]! / root[i]!)
      })
      return { parameter, slots: { start, squares, sums: after } }
    },
  }
}

/** keras.optimizers.Ftrl with the power −1/2: the parameter follows from z and n. */
export const ftrl: Base = (x) => {
  const rate = x.learningRate
  const [l1, l2] = [x.h('l1', 0), x.h('l2', 0) + x.h('beta', 0) / (2 * rate)]
  const before = slot(x, 'n', x.h('initialAccumulator', 0.1))
  const n = before.map((value, i) => value + x.g[i]! ** 2)
  const quadratic = n.map((value) => Math.sqrt(value) / rate + 2 * l2)
  const direction = x.g.map((g, i) => g / (rate * quadratic[i]!))
  return {
    direction,
    dual: inner(x.g, direction),
    slots: {},
    apply: (rho) => {
      const z = slot(x, 'z').map((value, i) => {
        const theta = x.theta[i]!
        const pull = (Math.sqrt(n[i]!) - Math.sqrt(before[i]!)) / rate
        return value + rho * (x.g[i]! + 2 * x.h('l2Shrinkage', 0) * theta) - pull * theta
      })
      const parameter = z.map((value, i) => (Math.min(l1, Math.max(-l1, value)) - value) / quadratic[i]!)
      return { parameter, slots: { n, z } }
    },
  }
}

/** Schedule-Free over another base: the steps of z, at gradients of y; x is their average. */
export function scheduleFree(find: (name: string) => Base): Base {
  return (x) => {
    const plain = x.options['base'] as PlainBase
    const own = Object.entries(x.slots).flatMap(([key, value]): [string, Float64Array][] =>
      key.startsWith('base.') ? [[key.slice('base.'.length), value]] : [],
    )
    const below = find(plain.name)({
      ...x,
      ...momentOf(plain, x.t, x.step),
      options: plain,
      slots: Object.fromEntries(own),
    })
    const beta = x.h('beta', 0.9)
    const decay = x.h('weightDecay', 0)
    const z = slot(x, 'z', x.theta)
    const peak = Math.max(x.learningRate, x.slots['peak']?.[0] ?? 0)
    const weight = x.t ** x.h('power', 0) * peak ** x.h('ratePower', 2)
    const total = (x.slots['weights']?.[0] ?? 0) + weight
    const share = total === 0 ? 0 : weight / total
    const kept = Object.entries(below.slots).map(([key, value]) => [`base.${key}`, value])
    const direction = below.direction.map((value, i) => value + decay * x.theta[i]!)
    return {
      direction,
      ...(below.dual !== undefined && { dual: below.dual }),
      slots: Object.fromEntries(kept) as Readonly<Record<string, Float64Array>>,
      apply: (rho) => {
        const moved = z.map((value, i) => value - x.learningRate * rho * direction[i]!)
        // x of before this step, and of after it; y lies between it and z.
        const parameter = x.theta.map((y, i) => {
          const average = (y - (1 - beta) * z[i]!) / beta
          return beta * ((1 - share) * average + share * moved[i]!) + (1 - beta) * moved[i]!
        })
        const slots = {
          ...Object.fromEntries(kept),
          z: moved,
          peak: Float64Array.of(peak),
          weights: Float64Array.of(total),
        } as Readonly<Record<string, Float64Array>>
        return { parameter, slots }
      },
    }
  }
}
