import { describe, expect, it } from 'vitest'
import { dataType } from '../../src/proto/index.js'
import { checkGradients, drawn, gradientModel, single } from './harness.js'

const float = dataType.float

/** The bilinear sample of an image at a point, 0 outside. */
function sample(
  image: (y: number, x: number) => number,
  height: number,
  width: number,
  y: number,
  x: number,
): number {
  const [top, left] = [Math.floor(y), Math.floor(x)]
  let sum = 0
  for (const [i, wy] of [
    [top, top + 1 - y],
    [top + 1, y - top],
  ] as const) {
    for (const [j, wx] of [
      [left, left + 1 - x],
      [left + 1, x - left],
    ] as const) {
      if (i >= 0 && i < height && j >= 0 && j < width) sum += wy * wx * image(i, j)
    }
  }
  return sum
}

/** A coordinate that is mirrored at the edges of an image until it is within. */
function folded(at: number, size: number, isAligned: boolean): number {
  const [low, high] = isAligned ? [0, size - 1] : [-0.5, size - 0.5]
  let inner = at
  while (inner < low || inner > high) inner = inner < low ? 2 * low - inner : 2 * high - inner
  return inner
}

describe('GridSample', () => {
  const [height, width] = [4, 5]
  const dims = [2, 3, height, width]

  it.each([
    ['zeros', 0, 16],
    ['zeros', 1, 20],
    ['border', 0, 20],
    ['border', 1, 16],
    ['reflection', 0, 16],
    ['reflection', 1, 20],
  ])(
    'bilinear, padded with %s, align_corners %d, in version %d',
    async (padding_mode, align_corners, opset) => {
      const model = single(
        'GridSample',
        { x: { dims: [2, 3, 'h', 'w'], type: float }, grid: { dims: [2, 3, 2, 2], type: float } },
        { padding_mode, align_corners },
        { opset },
      )
      const scaled = (at: number, size: number): number => {
        const pixel = align_corners === 1 ? ((at + 1) / 2) * (size - 1) : ((at + 1) * size - 1) / 2
        if (padding_mode === 'zeros') return pixel
        const inner = padding_mode === 'border' ? pixel : folded(pixel, size, align_corners === 1)
        return Math.min(Math.max(inner, 0), size - 1)
      }
      const reference = ({ x, grid }: Readonly<Record<string, Float64Array>>) => {
        const y: number[] = []
        for (let n = 0; n < 2; n++) {
          for (let c = 0; c < 3; c++) {
            for (let p = 0; p < 6; p++) {
              const [gx, gy] = [0, 1].map((i) => grid![(n * 6 + p) * 2 + i])
              const image = (i: number, j: number): number => x![((n * 3 + c) * height + i) * width + j]!
              y.push(sample(image, height, width, scaled(gy!, height), scaled(gx!, width)))
            }
          }
        }
        return [y]
      }
      const reach = padding_mode === 'reflection' ? 4 : 1.3
      const grid = drawn([2, 3, 2, 2], 7, { low: -reach, high: reach, type: float })
      await checkGradients(
        model,
        { x: drawn(dims, 6, { type: float }), grid },
        { precision: 'float', reference },
      )
    },
  )

  it('of the nearest pixels: the grid has no gradient', async () => {
    const grid = drawn([2, 3, 2, 2], 8, { low: -1.2, high: 1.2, type: float })
    const model = single(
      'GridSample',
      {
        x: { dims, type: float },
        grid: { dims: [2, 3, 2, 2], type: float, data: Array.from(grid.data as Float32Array) },
      },
      { mode: 'nearest' },
    )
    await checkGradients(model, { x: drawn(dims, 9, { type: float }) }, { precision: 'float', step: 1 })
  })

  it('with a single pixel between its own centres is padded with that', async () => {
    const model = single(
      'GridSample',
      { x: { dims: [1, 1, 1, 1], type: float }, grid: { dims: [1, 1, 3, 2], type: float } },
      { padding_mode: 'reflection', align_corners: 1 },
    )
    const grid = drawn([1, 1, 3, 2], 4, { type: float })
    const reference = ({ x }: Readonly<Record<string, Float64Array>>) => [[x![0]!, x![0]!, x![0]!]]
    await checkGradients(
      model,
      { x: drawn([1, 1, 1, 1], 5, { type: float }), grid },
      { precision: 'float', reference },
    )
  })

  it('of cubic interpolation is refused', async () => {
    const model = single(
      'GridSample',
      { x: { dims, type: float }, grid: { dims: [2, 3, 2, 2], type: float } },
      { mode: 'bicubic' },
    )
    await expect(gradientModel(model, { y: drawn([2, 3, 3, 2], 1, { type: float }) }, ['x'])).rejects.toThrow(
      /cubic/,
    )
  })
})

describe('DeformConv', () => {
  it.each([
    { groups: 1, offsetGroups: 1, isMasked: false, strides: [1, 1], pads: [0, 0, 0, 0], dilations: [1, 1] },
    { groups: 2, offsetGroups: 2, isMasked: true, strides: [2, 1], pads: [1, 0, 1, 1], dilations: [1, 2] },
    { groups: 1, offsetGroups: 2, isMasked: true, strides: [1, 2], pads: [0, 1, 0, 1], dilations: [2, 1] },
  ])('%j', async ({ groups, offsetGroups, isMasked, strides, pads, dilations }) => {
    const [batch, channels, outputs, height, width] = [2, 4, 2, 5, 6]
    const kernel = [2, 2]
    const reach = kernel.map((k, i) => dilations[i]! * (k - 1) + 1)
    const rows = Math.floor((height + pads[0]! + pads[2]! - reach[0]!) / strides[0]!) + 1
    const columns = Math.floor((width + pads[1]! + pads[3]! - reach[1]!) / strides[1]!) + 1
    const shapes = {
      x: [batch, channels, height, width],
      w: [outputs, channels / groups, ...kernel],
      offset: [batch, offsetGroups * 4 * 2, rows, columns],
      b: [outputs],
      ...(isMasked && { mask: [batch, offsetGroups * 4, rows, columns] }),
    }
    const model = single(
      'DeformConv',
      Object.fromEntries(
        Object.entries(shapes).map(([name, extents]) => [name, { dims: extents, type: float }]),
      ),
      { group: groups, offset_group: offsetGroups, strides, pads, dilations, kernel_shape: kernel },
      { opset: 19 },
    )
    const reference = ({ x, w, offset, b, mask }: Readonly<Record<string, Float64Array>>) => {
      const y: number[] = []
      const [inner, outer] = [channels / groups, outputs / groups]
      for (let n = 0; n < batch; n++) {
        for (let o = 0; o < outputs; o++) {
          for (let r = 0; r < rows; r++) {
            for (let c = 0; c < columns; c++) {
              let sum = b![o]!
              for (let i = 0; i < inner; i++) {
                const channel = Math.floor(o / outer) * inner + i
                const group = Math.floor(channel / (channels / offsetGroups))
                for (let k = 0; k < 4; k++) {
                  const moved = (part: number): number =>
                    Number(
                      offset![
                        (((n * offsetGroups + group) * 4 + k) * 2 + part) * rows * columns + r * columns + c
                      ],
                    )
                  const row = r * strides[0]! - pads[0]! + Math.floor(k / 2) * dilations[0]! + moved(0)
                  const column = c * strides[1]! - pads[1]! + (k % 2) * dilations[1]! + moved(1)
                  const image = (p: number, q: number): number =>
                    x![((n * channels + channel) * height + p) * width + q]!
                  const factor = mask
                    ? Number(mask[((n * offsetGroups + group) * 4 + k) * rows * columns + r * columns + c])
                    : 1
                  sum += w![(o * inner + i) * 4 + k]! * factor * sample(image, height, width, row, column)
                }
              }
              y.push(sum)
            }
          }
        }
      }
      return [y]
    }
    const inputs = Object.fromEntries(
      Object.entries(shapes).map(([name, extents], i) => [
        name,
        drawn(extents, 10 + i, { low: -1, high: 1, type: float }),
      ]),
    )
    await checkGradients(model, inputs, { precision: 'float', reference })
  })
})
