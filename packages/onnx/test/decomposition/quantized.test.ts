import { describe, expect, it } from 'vitest'
import { decomposeModel } from '../../src/decomposition/decompose.js'
import { dataType } from '../../src/proto/index.js'
import { node } from '../builder.js'
import { composed, drawn, type Operand } from '../gradients/harness.js'
import { gradientsOf } from '../gradients/arbitraries.js'
import { relativeError, runModel } from '../run.js'

const { float, uint8, int8, int32 } = dataType
const whole = (dims: readonly number[], seed: number, low: number, high: number): number[] =>
  Array.from(drawn(dims, seed, { low, high }).data as Float64Array, Math.floor)
const constant = (type: number, dims: readonly number[], data: readonly number[]): Operand => ({
  dims,
  type,
  data,
})
const scalar = (type: number, value: number): Operand => constant(type, [], [value])

/** Quantises `x`, applies a node to the numbers, and dequantises its output. */
function between(
  opType: string,
  inputs: readonly string[],
  constants: Record<string, Operand>,
  dims: readonly number[],
) {
  return composed(
    [
      node('QuantizeLinear', ['x', 'xs', 'xz'], ['q']),
      node(opType, inputs, ['p']),
      node('DequantizeLinear', ['p', 'ys', 'yz'], ['y']),
    ],
    {
      x: { dims, type: float },
      xs: scalar(float, 0.03125),
      xz: scalar(uint8, 128),
      ys: scalar(float, 0.25),
      yz: scalar(uint8, 100),
      ...constants,
    },
    ['y'],
    // The oldest with axes of scales.
    13,
  )
}

describe('operators of quantised values', () => {
  it.each([
    ['one scale', [0.02], [3]],
    ['a scale for each column', [0.02, 0.05, 0.01], [3, 0, -4]],
  ])('QLinearMatMul with %s', async (_, scales, zeros) => {
    const w = whole([4, 3], 3, -100, 100)
    const extents = scales.length === 1 ? [] : [3]
    const model = between(
      'QLinearMatMul',
      ['q', 'xs', 'xz', 'w', 'ws', 'wz', 'ys', 'yz'],
      {
        w: constant(int8, [4, 3], w),
        ws: constant(float, extents, scales),
        wz: constant(int8, extents, zeros),
      },
      [2, 4],
    )
    const x = drawn([2, 4], 1, { type: float })
    const feeds = { x: { dims: [2, 4], data: Array.from(x.data as Float32Array) } }
    const written = decomposeModel(withTypes(model, [2, 3]))
    const [kernel, ours] = [
      await runModel(model, feeds, 'disabled'),
      await runModel(written, feeds, 'disabled'),
    ]
    // Whole numbers may round to either side of a half.
    ours['y']!.data.forEach((value, i) =>
      expect(Math.abs(value - kernel['y']!.data[i]!)).toBeLessThanOrEqual(0.25),
    )
    expect(relativeError(ours['y']!.data, kernel['y']!.data)).toBeLessThan(0.05)
    const dY = drawn([2, 3], 2, { type: float })
    const gradients = await gradientsOf(written, { x }, { y: dY })
    const expected = Array.from({ length: 8 }, (_unused, i) => {
      const [row, k] = [Math.floor(i / 4), i % 4]
      return [0, 1, 2].reduce((sum, column) => {
        const at = scales.length === 1 ? 0 : column
        return (
          sum + (dY.data as Float32Array)[row * 3 + column]! * (w[k * 3 + column]! - zeros[at]!) * scales[at]!
        )
      }, 0)
    })
    expect(relativeError(gradients['x']!, expected)).toBeLessThan(1e-5)
  })

  it('QLinearConv with a bias', async () => {
    const w = whole([3, 2, 3], 3, -40, 40)
    const scales = [0.02, 0.05, 0.01]
    const model = between(
      'QLinearConv',
      ['q', 'xs', 'xz', 'w', 'ws', 'wz', 'ys', 'yz', 'b'],
      {
        w: constant(int8, [3, 2, 3], w),
        ws: constant(float, [3], scales),
        wz: constant(int8, [3], [0, 0, 0]),
        b: constant(int32, [3], [100, -200, 300]),
      },
      [2, 2, 5],
    )
    const x = drawn([2, 2, 5], 1, { type: float })
    const feeds = { x: { dims: [2, 2, 5], data: Array.from(x.data as Float32Array) } }
    const written = decomposeModel(withTypes(model, [2, 3, 3]))
    const [kernel, ours] = [
      await runModel(model, feeds, 'disabled'),
      await runModel(written, feeds, 'disabled'),
    ]
    ours['y']!.data.forEach((value, i) =>
      expect(Math.abs(value - kernel['y']!.data[i]!)).toBeLessThanOrEqual(0.25),
    )
    const dY = drawn([2, 3, 3], 2, { type: float })
    const real = composed(
      [node('Conv', ['x', 'w'], ['y'])],
      {
        x: { dims: [2, 2, 5], type: float },
        w: constant(
          float,
          [3, 2, 3],
          w.map((q, i) => q * scales[Math.floor(i / 6)]!),
        ),
      },
      ['y'],
    )
    const [found, expected] = [
      await gradientsOf(written, { x }, { y: dY }),
      await gradientsOf(real, { x }, { y: dY }),
    ]
    expect(relativeError(found['x']!, expected['x']!)).toBeLessThan(1e-5)
  })

  it('QAttention is Attention over what the numbers stand for', async () => {
    const [width, heads] = [4, 2]
    const w = whole([width, 3 * width], 3, -100, 100)
    const bias = Array.from(drawn([3 * width], 4).data as Float64Array)
    const mask = constant(int32, [2, 3], [1, 1, 0, 1, 1, 1])
    const shared = { x: { dims: [2, 3, width], type: float }, mask, b: constant(float, [3 * width], bias) }
    const model = composed(
      [
        node('DynamicQuantizeLinear', ['x'], ['q', 'qs', 'qz']),
        node('com.microsoft:QAttention', ['q', 'w', 'b', 'qs', 'ws', 'mask', 'qz', 'wz'], ['y'], {
          num_heads: heads,
        }),
      ],
      { ...shared, w: constant(int8, [width, 3 * width], w), ws: scalar(float, 0.01), wz: scalar(int8, 2) },
      ['y'],
    )
    const real = composed(
      [node('com.microsoft:Attention', ['x', 'w', 'b', 'mask'], ['y'], { num_heads: heads })],
      {
        ...shared,
        w: constant(
          float,
          [width, 3 * width],
          w.map((q) => (q - 2) * Math.fround(0.01)),
        ),
      },
      ['y'],
    )
    const x = drawn([2, 3, width], 1, { type: float })
    const feeds = { x: { dims: [2, 3, width], data: Array.from(x.data as Float32Array) } }
    const written = decomposeModel(model)
    const [kernel, ours] = [
      await runModel(model, feeds, 'disabled'),
      await runModel(written, feeds, 'disabled'),
    ]
    expect(relativeError(ours['y']!.data, kernel['y']!.data)).toBeLessThan(1e-5)
    const dY = drawn([2, 3, width], 2, { type: float })
    const [found, expected] = [
      await gradientsOf(written, { x }, { y: dY }),
      await gradientsOf(decomposeModel(real), { x }, { y: dY }),
    ]
    // The activations were quantised to eight bits on the way.
    expect(relativeError(found['x']!, expected['x']!)).toBeLessThan(0.03)
  })
})

/** A model whose output has its shape declared. */
function withTypes(model: ReturnType<typeof composed>, dims: readonly number[]): ReturnType<typeof composed> {
  const { type } = composed([], { y: { dims, type: float } }, []).graph.input[0]!
  model.graph.output[0]!.type = type!
  return model
}
