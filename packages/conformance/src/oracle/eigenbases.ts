import { inner, slot, unbiased, type Base } from './base.js'
import { asMatrix, averaged, extentsOf } from './extents.js'
import {
  descending,
  eigen,
  element,
  matrix,
  ordered,
  orthogonal,
  product,
  symmetricFunction,
  transposed,
  type Matrix,
} from './matrices.js'

/** Shampoo: powers −1/4 of the sums of GGᵀ and GᵀG, taken every k steps from the first on. A vector has their diagonal. */
export const shampoo: Base = (x) => {
  const [epsilon, decay, mu] = [x.h('epsilon', 1e-4), x.h('decay', 1), x.h('momentum', 0)]
  const sum = (name: string, values: Float64Array): Float64Array => {
    const before = x.slots[name] ?? new Float64Array(values.length)
    return before.map((value, i) => decay * value + (decay < 1 ? 1 - decay : 1) * values[i]!)
  }
  const m = averaged(slot(x, 'm'), x.g, mu)
  const mean = unbiased(m, mu, x.t)
  const extents = extentsOf(x)
  if (extents === undefined) {
    const a = sum(
      'a',
      x.g.map((g) => g * g),
    )
    const denominator = a.map((value) => Math.sqrt(value + epsilon))
    return {
      direction: mean.map((value, i) => value / denominator[i]!),
      dual: x.g.reduce((total, g, i) => total + (g * g) / denominator[i]!, 0),
      slots: { m, a },
    }
  }
  const [n, k] = extents
  const g = asMatrix(extents, x.g)
  const left = asMatrix([n, n], sum('L', product(g, transposed(g)).data))
  const right = asMatrix([k, k], sum('R', product(transposed(g), g).data))
  const isFresh = (x.t - 1) % x.h('every', 10) === 0
  const rootOf = (name: string, of: Matrix): Matrix =>
    isFresh
      ? symmetricFunction(
          matrix(of.rows, of.rows, (i, j) => element(of, i, j) + (i === j ? epsilon : 0)),
          (value) => value ** -0.25,
        )
      : { ...of, data: x.slots[name]! }
  const [l, r] = [rootOf('rootL', left), rootOf('rootR', right)]
  let update = product(l, asMatrix(extents, mean), r).data
  let plain = product(l, g, r).data
  const slots: Record<string, Float64Array> = { m, L: left.data, R: right.data, rootL: l.data, rootR: r.data }
  if (x.flag('graft', false)) {
    // As long as AdaGrad's step.
    const a = slot(x, 'a').map((value, i) => value + x.g[i]! ** 2)
    const length = Math.hypot(...x.g.map((value, i) => (value === 0 ? 0 : value / Math.sqrt(a[i]!))))
    const factor = length / Math.hypot(...update)
    update = update.map((value) => factor * value)
    plain = plain.map((value) => factor * value)
    slots['a'] = a
  }
  return { direction: update, dual: inner(x.g, plain), slots }
}

/** SOAP: Adam in the eigenvectors of GGᵀ and GᵀG as they were before this step. The first step only finds them. */
export const soap: Base = (x) => {
  const [beta1, beta2, epsilon] = [x.h('beta1', 0.95), x.h('beta2', 0.95), x.h('epsilon', 1e-8)]
  const t = x.t - 1
  const extents = extentsOf(x)
  const g = asMatrix(extents ?? [x.g.length, 1], x.g)
  const fresh = t === 0
  const bias = fresh ? 0 : Math.sqrt(1 - beta2 ** t) / (1 - beta1 ** t)
  const m = fresh ? slot(x, 'm') : averaged(slot(x, 'm'), x.g, beta1)
  const sideOf = (name: string, value: Matrix) => {
    const sum = averaged(x.slots[name] ?? new Float64Array(value.data.length), value.data, beta2)
    return { sum: { ...value, data: sum }, basis: { ...value, data: x.slots[`Q${name}`] ?? sum } }
  }
  const sides =
    extents === undefined
      ? []
      : [sideOf('L', product(g, transposed(g))), sideOf('R', product(transposed(g), g))]
  const [left, right] = sides
  const into = (a: Matrix): Matrix =>
    left && right && !fresh ? product(transposed(left.basis), a, right.basis) : a
  const back = (a: Matrix): Matrix =>
    left && right && !fresh ? product(left.basis, a, transposed(right.basis)) : a
  const rotated = into(g).data
  let v = fresh
    ? slot(x, 'v')
    : averaged(
        slot(x, 'v'),
        rotated.map((value) => value * value),
        beta2,
      )
  const inverse = v.map((value) => (fresh ? 0 : bias / (Math.sqrt(value) + epsilon)))
  const inBasis = into({ ...g, data: m }).data.map((value, i) => inverse[i]! * value)
  const root = fresh ? 0 : 1 - beta1 ** t
  const result = {
    direction: back({ ...g, data: inBasis }).data,
    // bias contains that of m, which P does not.
    dual: rotated.reduce((sum, value, i) => sum + value * value * inverse[i]! * root, 0),
  }
  if (!left || !right) return { ...result, slots: { m, v } }
  const turns = fresh || t % x.h('every', 10) === 0
  const turn = ({ sum, basis }: (typeof sides)[number]): { order: number[]; basis: Matrix } => {
    if (fresh) {
      const { values, vectors } = eigen(sum)
      return { order: Array.from(values, (_, i) => i), basis: ordered(vectors, descending(values)) }
    }
    const power = product(sum, basis)
    const values = Array.from({ length: sum.rows }, (_, j) => {
      let along = 0
      for (let i = 0; i < sum.rows; i++) along += element(basis, i, j) * element(power, i, j)
      return along
    })
    const order = descending(values)
    return { order, basis: orthogonal(ordered(power, order)) }
  }
  const slots: Record<string, Float64Array> = { m, L: left.sum.data, R: right.sum.data }
  if (!turns) return { ...result, slots: { ...slots, v, QL: left.basis.data, QR: right.basis.data } }
  const [l, r] = [turn(left), turn(right)]
  const table = { ...g, data: v }
  v = matrix(g.rows, g.columns, (i, j) => element(table, l.order[i]!, r.order[j]!)).data
  return { ...result, slots: { ...slots, v, QL: l.basis.data, QR: r.basis.data } }
}
