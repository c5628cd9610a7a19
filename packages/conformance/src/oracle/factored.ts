import { inner, slot, type Base, type BaseInput } from './base.js'
import { asMatrix, averaged, extentsOf } from './extents.js'
import { element, matrix } from './matrices.js'

/** The root of the mean square. */
function rms(x: Float64Array): number {
  return Math.sqrt(inner(x, x) / x.length)
}

/** A direction and gᵀPg of a P that scales each element, and momentum over P g. */
function withMomentum(
  x: BaseInput,
  scaled: Float64Array,
  slots: Readonly<Record<string, Float64Array>>,
  momentum: number,
): ReturnType<Base> {
  const dual = inner(x.g, scaled)
  if ((x.options['momentum'] ?? momentum) === 0) return { direction: scaled, dual, slots }
  const m = averaged(slot(x, 'm'), scaled, x.h('momentum', momentum))
  return { direction: m, dual, slots: { ...slots, m } }
}

/** Adafactor with the paper's ε within the squares; the learning rate is the paper's 0.01 in the relative step. */
export const adafactor: Base = (x) => {
  const beta = 1 - x.t ** -x.h('decay', 0.8)
  const squares = x.g.map((g) => g * g + x.h('epsilon', 1e-30))
  const extents = extentsOf(x)
  let slots: Record<string, Float64Array>
  let roots: Float64Array
  if (extents === undefined) {
    slots = { v: averaged(slot(x, 'v'), squares, beta) }
    roots = slots['v']!.map(Math.sqrt)
  } else {
    const [n, k] = extents
    const s = asMatrix(extents, squares)
    const rows = Float64Array.from(
      { length: n },
      (_, i) => matrix(1, k, (_, j) => element(s, i, j)).data.reduce((a, b) => a + b) / k,
    )
    const columns = Float64Array.from(
      { length: k },
      (_, j) => matrix(1, n, (_, i) => element(s, i, j)).data.reduce((a, b) => a + b) / n,
    )
    const r = averaged(x.slots['rows'] ?? new Float64Array(n), rows, beta)
    const c = averaged(x.slots['columns'] ?? new Float64Array(k), columns, beta)
    const mean = r.reduce((a, b) => a + b) / n
    roots = matrix(n, k, (i, j) => Math.sqrt(r[i]! / mean) * Math.sqrt(c[j]!)).data
    slots = { rows: r, columns: c }
  }
  const u = x.g.map((g, i) => g / roots[i]!)
  let factor = 1 / Math.max(1, rms(u) / x.h('clip', 1))
  if (x.flag('scaleParameter', true)) factor *= Math.max(x.h('scaleEpsilon', 1e-3), rms(x.theta))
  if (x.flag('relativeStep', true)) factor *= Math.min(1, 1 / (x.learningRate * Math.sqrt(x.t)))
  return withMomentum(
    x,
    u.map((value) => factor * value),
    slots,
    0,
  )
}

/** SM3-II: the covers of a matrix are its rows and its columns; ε within the root. */
export const sm3: Base = (x) => {
  const decay = x.h('decay', 1)
  const fresh = decay < 1 ? 1 - decay : 1
  const extents = extentsOf(x)
  const [n, k] = extents ?? [x.g.length, 1]
  const rows = x.slots['rows'] ?? new Float64Array(n)
  const columns = x.slots['columns'] ?? new Float64Array(k).fill(extents === undefined ? Infinity : 0)
  const v = matrix(n, k, (i, j) => decay * Math.min(rows[i]!, columns[j]!) + fresh * x.g[i * k + j]! ** 2)
  const largest = (count: number, at: (i: number) => number): number =>
    Math.max(...Array.from({ length: count }, (_, i) => at(i)))
  const after = {
    rows: rows.map((_, i) => largest(k, (j) => element(v, i, j))),
    ...(extents === undefined ? {} : { columns: columns.map((_, j) => largest(n, (i) => element(v, i, j))) }),
  }
  return withMomentum(
    x,
    x.g.map((g, i) => g / Math.sqrt(v.data[i]! + x.h('epsilon', 1e-8))),
    after,
    0.9,
  )
}
