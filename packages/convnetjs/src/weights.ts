import { InducedMetricError, type Parameter, type TypedArray } from '@induced-metric/core'
import type { Net, ParamsAndGrads, Vol } from './net.js'
import type { InducedTrainerOptions } from './options.js'

/** Weights that make one parameter. */
export interface Weights extends Parameter {
  /** What the net lists of them (of a matrix: of its first row), and where in its list. */
  readonly entry: ParamsAndGrads
  readonly at: number
  /** The gradients of a matrix, which no entry has as a whole. */
  readonly gradients?: TypedArray
}

/**
 * The weights of a net. The filters of a layer become rows of one matrix, so that a base that works on matrices finds
 * one: they are views of it from now on, on which the layer computes as before. All else stays where it is.
 */
export function weightsOf({ layers = [] }: Net, groupOf: InducedTrainerOptions['groupOf']): Weights[] {
  if (layers.length === 0)
    throw new InducedMetricError('ERR_OPTION', 'the net has no layers yet: call makeLayers or fromJSON first')
  let count = 0
  const weights = layers.flatMap((layer, place): Weights[] => {
    const listed = layer.getParamsAndGrads()
    const start = (count += listed.length) - listed.length
    const { filters = [], biases } = layer
    const rows = filters.every(({ w }, i) => listed[i]?.params === w) ? filters.length : 0
    const rest = listed.slice(rows).map((entry, i): Weights => {
      const { params: data, shape = [data.length], name = data === biases?.w ? 'biases' : String(i) } = entry
      return { name: entry.name ?? `layers.${place}.${name}`, shape, data, entry, at: start + rows + i }
    })
    if (rows === 0) return rest
    const [data, gradients] = [matrixOf(filters, 'w'), matrixOf(filters, 'dw')]
    const matrix = { name: `layers.${place}.filters`, shape: [rows, data.length / rows], data, gradients }
    return [{ ...matrix, entry: listed[0]!, at: start }, ...rest]
  })
  return weights.map((own) => {
    const group = groupOf?.({ name: own.name, shape: own.shape })
    return group === undefined ? own : { ...own, group }
  })
}

/** Has filters keep their numbers in the rows of one matrix. */
function matrixOf(filters: readonly Vol[], key: 'w' | 'dw'): TypedArray {
  const { length } = filters[0]![key]
  const size = filters.length * length
  const matrix = filters[0]![key] instanceof Float32Array ? new Float32Array(size) : new Float64Array(size)
  filters.forEach((filter, row) => {
    matrix.set(filter[key], row * length)
    filter[key] = matrix.subarray(row * length, (row + 1) * length)
  })
  return matrix
}

/** Adds the gradients of l1·Σ|w| and l2·½Σw², each times the weights' share of it, to theirs; answers these losses. */
export function addDecay(
  { data, entry }: Weights,
  gradient: TypedArray | null,
  l1_decay: number,
  l2_decay: number,
): readonly [l1: number, l2: number] {
  const [a, b] = [l1_decay * (entry.l1_decay_mul ?? 1), l2_decay * (entry.l2_decay_mul ?? 1)]
  let [l1, l2] = [0, 0]
  if (gradient === null || (a === 0 && b === 0)) return [l1, l2]
  data.forEach((w, i) => {
    l1 += a * Math.abs(w)
    l2 += (b * w * w) / 2
    gradient[i]! += a * Math.sign(w) + b * w
  })
  return [l1, l2]
}
