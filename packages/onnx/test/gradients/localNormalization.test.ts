import { describe, it } from 'vitest'
import { dataType } from '../../src/proto/index.js'
import { checkGradients, drawn, single } from './harness.js'

const float = dataType.float

/** The formula of the operator, in plain loops. */
function normalized(
  values: Float64Array,
  [batch, channels, ...rest]: readonly [number, number, ...number[]],
  { size, alpha, beta, bias }: Readonly<Record<'size' | 'alpha' | 'beta' | 'bias', number>>,
): number[] {
  const inner = rest.reduce((a, b) => a * b, 1)
  const y: number[] = []
  for (let n = 0; n < batch; n++) {
    for (let c = 0; c < channels; c++) {
      for (let i = 0; i < inner; i++) {
        const at = (channel: number): number => values[(n * channels + channel) * inner + i]!
        let sum = 0
        const [from, to] = [c - Math.floor((size - 1) / 2), c + Math.ceil((size - 1) / 2)]
        for (let k = Math.max(0, from); k <= Math.min(channels - 1, to); k++) sum += at(k) ** 2
        y.push(at(c) / (bias + (alpha / size) * sum) ** beta)
      }
    }
  }
  return y
}

describe('LRN', () => {
  it.each([
    [1, 0.5, 0.75, 1],
    [3, 0.9, 0.75, 1.5],
    [5, 0.4, 1.25, 1],
    [9, 0.2, 0.75, 1],
  ])('over %d channels', async (size, alpha, beta, bias) => {
    for (const [dims, declared] of [
      [
        [2, 5, 2, 3],
        ['n', 5, 'h', 'w'],
      ],
      [
        [1, 4, 3, 1],
        [1, 4, 3, 1],
      ],
    ] as const) {
      const x = drawn(dims, size, { type: float })
      const attributes = {
        size,
        alpha: { float: alpha },
        beta: { float: beta },
        bias: { float: bias },
      }
      await checkGradients(
        single('LRN', { x: { dims: declared, type: float } }, attributes),
        { x },
        {
          precision: 'float',
          reference: ({ x: given }) => [normalized(given!, dims, { size, alpha, beta, bias })],
        },
      )
    }
  })
})

describe('MeanVarianceNormalization', () => {
  it.each([
    [undefined, [2, 3, 2, 2]],
    [
      [1, -1],
      [2, 3, 4],
    ],
    [[0], [5, 2]],
  ])('over axes %j', async (axes, dims) => {
    for (const opset of [13, 18]) {
      const model = single('MeanVarianceNormalization', { x: { dims, type: float } }, axes ? { axes } : {}, {
        opset,
      })
      const kept = axes?.map((axis) => (axis < 0 ? axis + dims.length : axis)) ?? [0, 2, 3]
      await checkGradients(
        model,
        { x: drawn(dims, 3, { type: float }) },
        {
          precision: 'float',
          reference: ({ x }) => [standardized(x!, dims, kept)],
        },
      )
    }
  })
})

function standardized(values: Float64Array, dims: readonly number[], axes: readonly number[]): number[] {
  const strides = dims.map((_, axis) => dims.slice(axis + 1).reduce((a, b) => a * b, 1))
  const groupOf = (i: number): string =>
    dims.map((extent, axis) => (axes.includes(axis) ? 0 : Math.floor(i / strides[axis]!) % extent)).join()
  const groups = new Map<string, number[]>()
  values.forEach((value, i) => groups.set(groupOf(i), [...(groups.get(groupOf(i)) ?? []), value]))
  return Array.from(values, (value, i) => {
    const group = groups.get(groupOf(i))!
    const mean = group.reduce((a, b) => a + b, 0) / group.length
    const variance = group.reduce((sum, one) => sum + (one - mean) ** 2, 0) / group.length
    return (value - mean) / (Math.sqrt(variance) + 1e-9)
  })
}
