import { slot, type Base, type BaseInput } from './base.js'
import { averaged, extentsOf } from './extents.js'
import { newtonSchulz } from './newtonSchulz.js'

/** The momentum of Muon, and the average in Nesterov's form. */
function orthogonalised(
  x: BaseInput,
  extents: readonly [number, number],
): { m: Float64Array; update: Float64Array } {
  const mu = x.h('momentum', 0.95)
  const m = averaged(slot(x, 'm'), x.g, mu)
  const ahead = x.flag('nesterov', true) ? averaged(m, x.g, mu) : m
  return { m, update: newtonSchulz(ahead, extents[0], extents[1], x.h('iterations', 5)) }
}

/**
 * Muon on a matrix: the momentum orthogonalised, times √max(1, outputs/inputs); the rows are the outputs unless
 * `rows` says that they are the inputs.
 */
export const muon: Base = (x) => {
  const extents = extentsOf(x)!
  const { m, update } = orthogonalised(x, extents)
  const scale = shapeScale(x, extents)
  return { direction: update.map((value) => scale * value), slots: { m } }
}

function shapeScale(x: BaseInput, [rows, columns]: readonly [number, number]): number {
  return Math.sqrt(Math.max(1, x.text('rows', 'outputs') === 'inputs' ? columns / rows : rows / columns))
}

/** NorMuon: each output's part of Muon's update over its running root mean square; then as long as before. */
export const normuon: Base = (x) => {
  const extents = extentsOf(x)!
  const [rows, columns] = extents
  const { m, update } = orthogonalised(x, extents)
  const byRow = x.text('rows', 'outputs') === 'outputs'
  const outputs = byRow ? rows : columns
  const ofOutput = (i: number): number => (byRow ? Math.floor(i / columns) : i % columns)
  const squares = new Float64Array(outputs)
  update.forEach((value, i) => (squares[ofOutput(i)]! += (value * value * outputs) / update.length))
  const v = averaged(x.slots['v'] ?? new Float64Array(outputs), squares, x.h('beta2', 0.95))
  const epsilon = x.h('epsilon', 1e-10)
  const normed = update.map((value, i) => value / (Math.sqrt(v[ofOutput(i)]!) + epsilon))
  const length = Math.hypot(...normed)
  const factor = x.flag('matchRms', false)
    ? (0.2 * Math.sqrt(update.length)) / length
    : (Math.hypot(...update) / (length + epsilon)) * shapeScale(x, extents)
  return { direction: normed.map((value) => factor * value), slots: { m, v } }
}
