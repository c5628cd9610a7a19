import { describe, it } from 'vitest'
import { dataType } from '../../src/proto/index.js'
import { checkGradients, drawn, single, tensor } from './harness.js'

const { bool, int64, float } = dataType
const linear = { precision: 'float', step: 1 } as const

describe('operators that move elements', () => {
  it.each([
    [0, 1],
    [1, 0],
  ])('ReverseSequence with batch axis %d and time axis %d', async (batch_axis, time_axis) => {
    const dims = [4, 4, 2]
    const model = single(
      'ReverseSequence',
      { x: { dims }, lengths: { dims: [4], type: int64, data: [1, 3, 4, 2] } },
      { batch_axis, time_axis },
    )
    await checkGradients(model, { x: drawn(dims, 1) })
  })

  it.each([
    [undefined, 6],
    [0, 2],
    [-1, 3],
  ])('Compress along axis %s', async (axis, count) => {
    const kept = Array.from({ length: count }, (_, i) => (i + 1) % 2)
    for (const data of [kept, undefined]) {
      const condition = { dims: [count], type: bool, ...(data && { data }) }
      const model = single(
        'Compress',
        { x: { dims: [2, 'n'] }, condition },
        axis === undefined ? {} : { axis },
      )
      const inputs = { x: drawn([2, 3], 2), ...(data ? {} : { condition: tensor([count], kept, bool) }) }
      await checkGradients(model, inputs)
    }
  })

  it('MaxUnpool', async () => {
    const indices = { dims: [1, 2, 2, 2], type: int64, data: [0, 3, 9, 10, 16, 19, 28, 31] }
    const attributes = { kernel_shape: [2, 2], strides: [2, 2] }
    const model = single('MaxUnpool', { x: { dims: [1, 2, 2, 2], type: float }, indices }, attributes)
    await checkGradients(model, { x: drawn([1, 2, 2, 2], 3, { type: float }) }, linear)
  })

  it.each([
    [undefined, [2, 7, 3]],
    [
      [1, -1],
      [7, 3],
    ],
    [[0], [5]],
  ])('CenterCropPad along axes %j', async (axes, shape) => {
    const dims = [3, 4, 5]
    const model = single(
      'CenterCropPad',
      { x: { dims }, shape: { dims: [shape.length], type: int64, data: shape } },
      axes ? { axes } : {},
      { opset: 18 },
    )
    await checkGradients(model, { x: drawn(dims, 4) })
  })

  it.each([
    [[2, 3, 4, 5], 0],
    [[2, 3, 2, 3], 1],
    [[2, 3, 2, 3, 2], 0],
  ])('AffineGrid of size %j, align_corners %d', async (size, align_corners) => {
    const axes = size.length - 2
    const dims = [2, axes, axes + 1]
    const model = single(
      'AffineGrid',
      { theta: { dims }, size: { dims: [size.length], type: int64, data: size } },
      { align_corners },
      { opset: 20 },
    )
    await checkGradients(model, { theta: drawn(dims, 5) })
  })
})
