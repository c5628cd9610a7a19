import type { Parameter, TypedArray } from '@induced-metric/core'
import { joinRows, optionError } from '@induced-metric/core/adapter'
import type { Net, ParamsAndGrads, Vol } from './net.js'

/** The weights of one parameter, as a layer has them now, and their entry in the layer's list (of a matrix: its first row's). */
export type Weights = Parameter & { readonly gradient: TypedArray | null; readonly entry: ParamsAndGrads }

/**
 * The weights of a net. The filters of a layer become rows of one matrix, for the bases that work on matrices. From then on
 * they are views of it, on which the layer computes as before. Everything else stays where it is.
 *
 * @throws ERR_OPTION for a net without layers
 */
export function weightsOf({ layers = [] }: Net): Weights[] {
  if (layers.length === 0) throw optionError('the net has no layers yet: call makeLayers or fromJSON first')
  return layers.flatMap((layer, place) => {
    const { filters = [], biases } = layer
    const listed = layer.getParamsAndGrads()
    const rows = filters.every(({ w }, i) => w === listed[i]?.params) ? filters.length : 0
    const rest = listed.slice(rows).map((entry, i): Weights => {
      const { params: data, grads: gradient, shape = [data.length] } = entry
      const name = entry.name ?? `layers.${place}.${data === biases?.w ? 'biases' : i}`
      return { name, shape, data, gradient, entry }
    })
    if (rows === 0) return rest
    const [data, gradient] = [matrixOf(filters, 'w'), matrixOf(filters, 'dw')]
    const shape = [rows, data.length / rows]
    return [{ name: `layers.${place}.filters`, shape, data, gradient, entry: listed[0]! }, ...rest]
  })
}

/** Makes filters keep their numbers in the rows of one matrix. */
function matrixOf(filters: readonly Vol[], key: 'w' | 'dw'): TypedArray {
  const { data, rows } = joinRows<TypedArray>(filters.map((filter) => filter[key]))
  filters.forEach((filter, i) => (filter[key] = rows[i]!))
  return data
}

/**
 * Adds the gradients of l1·Σ|w| and l2·½Σw² to those of the weights, multiplied by each layer's share of them.
 *
 * @returns these two losses
 */
export function addDecay(weights: readonly Weights[], l1_decay: number, l2_decay: number): [number, number] {
  let [l1, l2] = [0, 0]
  for (const { data, gradient, entry } of weights) {
    const [a, b] = [l1_decay * (entry.l1_decay_mul ?? 1), l2_decay * (entry.l2_decay_mul ?? 1)]
    if (gradient === null || (a === 0 && b === 0)) continue
    data.forEach((w, i) => {
      l1 += a * Math.abs(w)
      l2 += (b * w * w) / 2
      gradient[i]! += a * Math.sign(w) + b * w
    })
  }
  return [l1, l2]
}
