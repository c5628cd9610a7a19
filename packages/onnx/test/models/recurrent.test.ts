import { describe, expect, it } from 'vitest'
import { recurrent } from '../../src/models/index.js'
import { opsetOf, type Model } from '../../src/proto/index.js'
import { lowerModel } from '../../src/lowering/index.js'
import { relativeError, runModel } from '../run.js'
import { parametersOf } from './reference.js'

const sigmoid = (x: number): number => 1 / (1 + Math.exp(-x))
const kinds = ['lstm', 'gru', 'rnn'] as const
type Kind = (typeof kinds)[number]

/** Rows of a matrix times a vector, plus biases. */
function affine(
  matrix: ArrayLike<number>,
  rows: number,
  x: readonly number[],
  bias: ArrayLike<number>,
): number[] {
  return Array.from({ length: rows }, (_, row) =>
    x.reduce((sum, value, i) => sum + matrix[row * x.length + i]! * value, bias[row]!),
  )
}

/** The states after a step: [h] or [h, c]. */
function stepByHand(
  kind: Kind,
  input: readonly number[],
  recurrence: readonly number[],
  states: readonly number[][],
): number[][] {
  const [h, c] = states
  const n = h!.length
  const gate = (index: number, unit: number): number =>
    input[index * n + unit]! + recurrence[index * n + unit]!
  const each = (f: (unit: number) => number): number[] => h!.map((_, unit) => f(unit))
  if (kind === 'rnn') return [each((u) => Math.tanh(gate(0, u)))]
  if (kind === 'gru') {
    return [
      each((u) => {
        const [z, r] = [sigmoid(gate(0, u)), sigmoid(gate(1, u))]
        return (1 - z) * Math.tanh(input[2 * n + u]! + r * recurrence[2 * n + u]!) + z * h![u]!
      }),
    ]
  }
  const memory = each((u) => sigmoid(gate(2, u)) * c![u]! + sigmoid(gate(0, u)) * Math.tanh(gate(3, u)))
  return [each((u) => sigmoid(gate(1, u)) * Math.tanh(memory[u]!)), memory]
}

/** The logits of a sequence, in plain loops. */
function byHand(
  model: Model,
  kind: Kind,
  layers: number,
  hidden: number,
  directions: number,
  tokens: readonly number[],
) {
  const p = parametersOf(model)
  const { data: embedding, dims } = p('embedding.weight')
  let x = tokens.map((token) => Array.from({ length: dims[1]! }, (_, i) => embedding[token * dims[1]! + i]!))
  for (let layer = 0; layer < layers; layer++) {
    const [w, r, b] = ['W', 'R', 'B'].map((name) => p(`layers.${layer}.${name}`))
    const rows = w!.dims[1]!
    const outputs = Array.from({ length: directions }, (_, direction) => {
      const part = (values: { data: ArrayLike<number> }, size: number): ArrayLike<number> =>
        Array.from(values.data).slice(direction * size, (direction + 1) * size)
      const [inner, outer] = [part(w!, rows * x[0]!.length), part(r!, rows * hidden)]
      const bias = Array.from(part(b!, 2 * rows))
      let states = Array.from({ length: kind === 'lstm' ? 2 : 1 }, () => new Array<number>(hidden).fill(0))
      const all: number[][] = []
      const order = [...x.keys()]
      for (const at of direction === 1 ? order.reverse() : order) {
        const input = affine(inner, rows, x[at]!, bias.slice(0, rows))
        states = stepByHand(kind, input, affine(outer, rows, states[0]!, bias.slice(rows)), states)
        all[at] = states[0]!
      }
      return all
    })
    x = x.map((_, at) => outputs.flatMap((all) => all[at]!))
  }
  const [weight, bias] = [p('head.weight'), p('head.bias')]
  return x.flatMap((row) => affine(weight.data, weight.dims[0]!, row, bias.data))
}

describe('recurrent', () => {
  const sequences = [
    [0, 3, 1, 4],
    [2, 2, 0, 1],
  ]
  const feeds = { input_ids: { type: 'int64', dims: [2, 4], data: sequences.flat() } }

  it.each(kinds.flatMap((kind) => [13, 17, 22].map((opset) => [kind, opset] as const)))(
    '%s in opset %d gives what plain loops give',
    async (kind, opset) => {
      for (const [layers, directions] of [
        [1, 1],
        [2, 2],
      ] as const) {
        const options = {
          kind,
          opset,
          layers,
          bidirectional: directions === 2,
          vocabulary: 5,
          width: 3,
          hidden: 4,
        }
        const model = recurrent({ ...options, seed: 1 })
        expect(opsetOf(model)).toBe(opset)
        const expected = sequences.flatMap((tokens) => byHand(model, kind, layers, 4, directions, tokens))
        const { logits } = await runModel(model, feeds)
        expect(logits!.dims).toEqual([8, 5])
        expect(relativeError(logits!.data, expected)).toBeLessThan(1e-6)
        const double = recurrent({ ...options, seed: 1, dtype: 'float64' })
        const written = await runModel(lowerModel(double), feeds)
        const exact = sequences.flatMap((tokens) => byHand(double, kind, layers, 4, directions, tokens))
        expect(relativeError(written['logits']!.data, exact)).toBeLessThan(1e-14)
      }
    },
  )

  it('of the wrong kind or size is refused', () => {
    expect(() => recurrent({ kind: 'qrnn' as 'rnn' })).toThrow(
      /ERR_OPTION: kind is "qrnn"; give 'lstm', 'gru' or 'rnn'/,
    )
    expect(() => recurrent({ hidden: 0 })).toThrow(/ERR_OPTION: hidden is 0/)
  })
})
