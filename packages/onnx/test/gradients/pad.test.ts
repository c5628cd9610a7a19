import fc from 'fast-check'
import { describe, it } from 'vitest'
import { dataType } from '../../src/proto/index.js'
import { isInstalled } from '../genuine/runtime.js'
import { opsets, runs } from './arbitraries.js'
import { declared, hidings, list, shapes } from './extents.js'
import { checkGradients, drawn, single, tensor } from './harness.js'

/** A shape, and pads of some of its axes that leave something of each. */
const padded = shapes(1, 4).chain((dims) =>
  fc.record({
    dims: fc.constant(dims),
    hidden: hidings(dims.length),
    begins: fc.tuple(...dims.map((extent) => fc.integer({ min: -Math.floor((extent - 1) / 2), max: 3 }))),
    ends: fc.tuple(...dims.map((extent) => fc.integer({ min: -Math.floor((extent - 1) / 2), max: 3 }))),
    order: fc.shuffledSubarray(
      dims.map((_, axis) => axis),
      { minLength: 1 },
    ),
    isNegative: fc.boolean(),
  }),
)

describe('Pad', () => {
  it('with a constant, of all axes or some', async () => {
    await fc.assert(
      fc.asyncProperty(padded, fc.boolean(), opsets, async (given, isFed, opset) => {
        const { dims, hidden, begins, ends, order, isNegative } = given
        const axes = opset >= 18 ? order : dims.map((_, axis) => axis)
        const pads = [...axes.map((axis) => begins[axis]!), ...axes.map((axis) => ends[axis]!)]
        const model = single(
          'Pad',
          {
            x: { dims: declared(dims, hidden) },
            pads: isFed ? { dims: [pads.length], type: dataType.int64 } : list(pads),
            value: { dims: [] },
            ...(opset >= 18 && { axes: list(axes.map((axis) => (isNegative ? axis - dims.length : axis))) }),
          },
          {},
          { opset },
        )
        const fed = isFed ? { pads: tensor([pads.length], pads, dataType.int64) } : {}
        const inputs = { x: drawn(dims, 1), ...fed, value: drawn([], 2) }
        await checkGradients(model, inputs, { genuine: isInstalled && opset <= 17 })
      }),
      runs(40),
    )
  })

  it('by reflection, with the edge and around', async () => {
    const modes = fc.constantFrom('reflect', 'edge', 'wrap')
    await fc.assert(
      fc.asyncProperty(padded, modes, opsets, async (given, mode, opset) => {
        const { dims, hidden, begins, ends, order } = given
        const axes = opset >= 18 ? order : dims.map((_, axis) => axis)
        // Reflection needs another element for each one that it adds.
        const most = (axis: number, pad: number): number =>
          mode === 'reflect'
            ? Math.min(pad, dims[axis]! - 1)
            : mode === 'wrap'
              ? Math.min(pad, dims[axis]!)
              : pad
        const isWrapped = mode === 'wrap' && opset < 19
        const pads = [begins, ends].flatMap((side) =>
          axes.map((axis) => most(axis, Math.max(0, side[axis]!))),
        )
        const model = single(
          'Pad',
          [
            ['x', { dims: declared(dims, hidden) }],
            ['pads', list(pads)],
            ...(opset >= 18
              ? ([
                  ['', undefined],
                  ['axes', list(axes)],
                ] as const)
              : []),
          ],
          { mode: isWrapped ? 'edge' : mode },
          { opset },
        )
        await checkGradients(model, { x: drawn(dims, 1) }, { genuine: isInstalled && opset <= 17 })
      }),
      runs(40),
    )
  })

  it.each(['reflect', 'edge'])('by %s, cropping at one end', async (mode) => {
    for (const pads of [
      [0, -1, 0, 2],
      [1, 2, -1, -2],
    ]) {
      await checkGradients(single('Pad', { x: { dims: [3, 5] }, pads: list(pads) }, { mode }), {
        x: drawn([3, 5], 1),
      })
    }
  })
})
