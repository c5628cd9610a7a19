import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { isInstalled } from '../genuine/runtime.js'
import { axisOf, checkNode, dims, forAll, gradientsOf, opsets, symbolics } from './arbitraries.js'
import { drawn, single, tensor } from './harness.js'

describe('gradients of softmax', () => {
  it.each(['Softmax', 'LogSoftmax'])('%s along any axis', async (opType) => {
    await forAll(
      dims({ min: 1, max: 4 }).chain((shape) =>
        fc.tuple(
          fc.constant(shape),
          fc.option(axisOf(shape.length), { nil: undefined }),
          fc.nat(1000),
          opsets,
          symbolics,
        ),
      ),
      async ([shape, axis, seed, opset, symbolic]) => {
        const attributes: Record<string, number> = axis === undefined ? {} : { axis }
        const genuine = isInstalled && opset < 20
        // Along an axis of length 1 it is constant, see below.
        fc.pre(shape.at(axis ?? -1) !== 1)
        await checkNode(opType, { x: drawn(shape, seed) }, { attributes, opset, symbolic, genuine })
      },
      30,
    )
  })

  it('are 0 along an axis of length 1', async () => {
    for (const opType of ['Softmax', 'LogSoftmax']) {
      const forward = single(opType, { x: { dims: [2, 1] } })
      const { x } = await gradientsOf(forward, { x: drawn([2, 1], 1) }, { y: drawn([2, 1], 2) })
      for (const value of x!) expect(value).toBeCloseTo(0, 12)
    }
  })

  it('are finite where a probability vanishes', async () => {
    const forward = single('Softmax', { x: { dims: [1, 3] } })
    const x = tensor([1, 3], [0, -Infinity, 1000])
    const { x: found } = await gradientsOf(forward, { x }, { y: tensor([1, 3], [1, 2, 3]) })
    for (const value of found!) expect(value).toBeCloseTo(0, 12)
  })
})
