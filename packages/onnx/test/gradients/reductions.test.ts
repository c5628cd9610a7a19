import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { dataType } from '../../src/proto/index.js'
import { isInstalled } from '../genuine/runtime.js'
import { axesOf, axisOf, checkNode, dims, forAll, gradientsOf, opsets, symbolics } from './arbitraries.js'
import { node } from '../builder.js'
import { checkGradients, composed, drawn, gradientModel, single, tensor } from './harness.js'

type Bounds = NonNullable<Parameters<typeof drawn>[2]>

/** Reductions whose axes became an input after opset 13, and the version. */
const since: Readonly<Record<string, number>> = { ReduceSum: 13 }

describe('gradients of reductions', () => {
  const reductions: [string, Bounds][] = [
    ['ReduceSum', {}],
    ['ReduceMean', {}],
    ['ReduceMax', {}],
    ['ReduceMin', {}],
    ['ReduceProd', {}],
    ['ReduceL1', { away: [0] }],
    ['ReduceL2', { away: [0] }],
    ['ReduceSumSquare', {}],
    ['ReduceLogSum', { low: 0.2 }],
    ['ReduceLogSumExp', {}],
  ]
  const cases = dims({ max: 4 }).chain((shape) =>
    fc.record({
      shape: fc.constant(shape),
      axes: fc.option(axesOf(shape.length), { nil: undefined }),
      keepdims: fc.constantFrom(undefined, 0, 1),
      noop: fc.constantFrom(undefined, 0, 1),
      // Whether the axes are known before the model runs.
      isKnown: fc.boolean(),
      seed: fc.nat(1000),
      opset: opsets,
      symbolic: symbolics,
    }),
  )
  it.each(reductions)('%s over any axes', async (opType, bounds) => {
    await forAll(
      cases,
      async ({ shape, axes, keepdims, noop, isKnown, seed, opset, symbolic }) => {
        const isInput = opset >= (since[opType] ?? 18)
        // An attribute without axes looks like no attribute. For reductions of nothing, see below.
        fc.pre(axes === undefined || axes.length > 0)
        fc.pre(!isInput || noop !== 1 || axes !== undefined)
        const attributes = {
          ...(keepdims !== undefined && { keepdims }),
          ...(isInput && noop !== undefined && { noop_with_empty_axes: noop }),
          ...(!isInput && axes && { axes }),
        }
        const x = drawn(shape, seed, bounds)
        const hasInput = isInput && axes !== undefined
        // Without the axes the runtime does not know the rank of the result, and the loss does not need it.
        const constants = hasInput && isKnown ? { axes: { dims: [axes.length], type: 7, data: axes } } : {}
        const inputs = hasInput && !isKnown ? { x, axes: tensor([axes.length], axes, dataType.int64) } : { x }
        const genuine = isInstalled && opset < 20
        await checkNode(opType, inputs, { attributes, constants, opset, symbolic, genuine })
      },
      40,
    )
  })

  it.each(reductions)('%s over no axes', async (opType, bounds) => {
    for (const opset of opType === 'ReduceSum' ? [13, 22] : [18, 22]) {
      const attributes = { noop_with_empty_axes: 1 }
      await checkNode(opType, { x: drawn([2, 3], 1, bounds) }, { attributes, opset })
      const constants = { axes: { dims: [0], type: 7, data: [] } }
      await checkNode(opType, { x: drawn([2, 3], 1, bounds) }, { attributes, constants, opset })
    }
  })

  it('are shared where several are the largest or the smallest', async () => {
    for (const opType of ['ReduceMax', 'ReduceMin']) {
      const sign = opType === 'ReduceMax' ? 1 : -1
      const forward = single(opType, { x: { dims: [2, 3] } }, { axes: [1], keepdims: 0 })
      const x = tensor(
        [2, 3],
        [1, 3, 3, 5, 2, 5].map((value) => value * sign),
      )
      const found = await gradientsOf(forward, { x }, { y: tensor([2], [1, 4]) })
      expect(found['x']).toEqual([0, 0.5, 0.5, 2, 0, 2])
    }
  })

  it('of norms are 0 at 0', async () => {
    for (const opType of ['ReduceL1', 'ReduceL2']) {
      const forward = single(opType, { x: { dims: [2] } }, { keepdims: 0 })
      const found = await gradientsOf(forward, { x: tensor([2], [0, 0]) }, { y: tensor([], [1]) })
      expect(found['x']).toEqual([0, 0])
    }
  })

  it('of a product with zeros among its factors', async () => {
    const x = tensor([4, 3], [2, 3, 4, 2, 0, 4, 0, 3, 0, 0, 0, 0])
    await checkNode('ReduceProd', { x }, { attributes: { axes: [1] } })
    const forward = single('ReduceProd', { x: { dims: [4, 3] } }, { axes: [1], keepdims: 0 })
    const found = await gradientsOf(forward, { x }, { y: tensor([4], [1, 1, 1, 1]) })
    expect(found['x']).toEqual([12, 8, 6, 0, 8, 0, 0, 0, 0, 0, 0, 0])
  })

  it('of everything, where not even the number of axes is known', async () => {
    for (const opType of [
      'ReduceMean',
      'ReduceSum',
      'ReduceMax',
      'ReduceL2',
      'ReduceLogSumExp',
      'ReduceProd',
    ]) {
      for (const keepdims of [0, 1]) {
        const nodes = [node('Reshape', ['x', 'shape'], ['r']), node(opType, ['r'], ['y'], { keepdims })]
        const shape = { dims: ['rank'], type: 7 }
        const forward = composed(nodes, { x: { dims: [2, 3] }, shape }, ['y'])
        const given = { x: drawn([2, 3], 5), shape: tensor([3], [1, 3, 2], 7) }
        await checkGradients(forward, given, { wanted: ['x'] })
      }
    }
  })

  it('of nothing are nothing', async () => {
    for (const opType of ['ReduceSum', 'ReduceMean', 'ReduceL1', 'ReduceSumSquare', 'ReduceLogSumExp']) {
      for (const shape of [
        [0, 3],
        ['n', 'm'],
      ]) {
        const axes = { dims: [1], type: 7, data: [1] }
        const forward = single(opType, { x: { dims: shape }, axes }, { keepdims: 0 }, { opset: 18 })
        const found = await gradientsOf(forward, { x: tensor([0, 3], []) }, { y: tensor([0], []) })
        expect(found['x'], opType).toEqual([])
      }
    }
    const axes = { dims: [1], type: 7, data: [0] }
    const forward = single('ReduceSum', { x: { dims: ['n', 3] }, axes }, { keepdims: 0 })
    const found = await gradientsOf(forward, { x: tensor([0, 3], []) }, { y: drawn([3], 1) })
    expect(found['x']).toEqual([])
  })
})

describe('gradients of running sums', () => {
  it('CumSum of either direction', async () => {
    const flag = fc.constantFrom(undefined, 0, 1)
    await forAll(
      dims({ min: 1 }).chain((shape) =>
        fc.tuple(
          fc.constant(shape),
          axisOf(shape.length),
          fc.tuple(flag, flag),
          fc.boolean(),
          fc.nat(1000),
          opsets,
          symbolics,
        ),
      ),
      async ([shape, axis, [exclusive, reverse], isKnown, seed, opset, symbolic]) => {
        // Without the element itself, an axis of one has no sums.
        fc.pre(exclusive !== 1 || shape.at(axis) !== 1)
        const attributes = {
          ...(exclusive !== undefined && { exclusive }),
          ...(reverse !== undefined && { reverse }),
        }
        const x = drawn(shape, seed)
        const genuine = isInstalled && opset < 20
        const common = { attributes, opset, symbolic, genuine }
        if (isKnown) {
          await checkNode(
            'CumSum',
            { x },
            { ...common, constants: { axis: { dims: [], type: 7, data: [axis] } } },
          )
        } else await checkNode('CumSum', { x, axis: tensor([], [axis], dataType.int64) }, common)
      },
      30,
    )
  })
})

describe('the gradient of TopK', () => {
  it('goes where the values came from', async () => {
    const flag = fc.constantFrom(undefined, 0, 1)
    await forAll(
      dims({ min: 1 }, 4).chain((shape) =>
        fc.tuple(
          fc.constant(shape),
          fc.option(axisOf(shape.length), { nil: undefined }),
          fc.double({ min: 0, max: 1, noNaN: true }),
          fc.tuple(flag, flag),
          fc.nat(1000),
          opsets,
          symbolics,
        ),
      ),
      async ([shape, axis, part, [largest, sorted], seed, opset, symbolic]) => {
        const k = 1 + Math.floor(part * (shape.at(axis ?? -1)! - 1))
        const attributes = {
          ...(axis !== undefined && { axis }),
          ...(largest !== undefined && { largest }),
          ...(sorted !== undefined && { sorted }),
        }
        await checkNode(
          'TopK',
          { x: drawn(shape, seed) },
          {
            attributes,
            constants: { k: { dims: [1], type: 7, data: [k] } },
            outputs: ['y', 'indices'],
            opset,
            symbolic,
            genuine: isInstalled && opset < 20,
          },
        )
      },
      30,
    )
  })

  it('is nothing where the loss has the indices alone', async () => {
    const k = { dims: [1], type: 7, data: [2] }
    const forward = single('TopK', { x: { dims: [3] }, k }, {}, { outputs: ['y', 'indices'] })
    await expect(gradientModel(forward, {}, ['x'])).rejects.toThrow(/gives no gradient of x/)
  })
})
