import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { dataType } from '../../src/proto/index.js'
import { node } from '../builder.js'
import { isInstalled } from '../genuine/runtime.js'
import { opsets, runs } from './arbitraries.js'
import { declared, hidings, list, shapes } from './extents.js'
import { checkGradients, composed, drawn, gradientModel, single, tensor } from './harness.js'

const genuine = isInstalled

/** A shape, and the axes that the rule does not know. */
const tensors = (minRank: number, maxRank: number, max = 4) =>
  shapes(minRank, maxRank, max).chain((dims) =>
    fc.record({ dims: fc.constant(dims), hidden: hidings(dims.length) }),
  )

describe('Reshape', () => {
  it('to shapes with 0 and −1', async () => {
    await fc.assert(
      fc.asyncProperty(
        tensors(1, 4),
        fc.nat(20),
        opsets,
        fc.boolean(),
        async ({ dims, hidden }, cut, opset, isFed) => {
          // Merge two neighbours, keep the axes before them by 0, and leave the last one to be derived.
          const at = cut % dims.length
          const merged = [...dims.slice(0, at), dims[at]! * (dims[at + 1] ?? 1), ...dims.slice(at + 2)]
          const shape = merged.map((extent, i) => (i < at ? 0 : i === merged.length - 1 ? -1 : extent))
          const x = { dims: declared(dims, hidden) }
          const model = single(
            'Reshape',
            { x, shape: isFed ? { dims: [shape.length], type: dataType.int64 } : list(shape) },
            {},
            { opset },
          )
          const fed = isFed ? { shape: tensor([shape.length], shape, dataType.int64) } : {}
          await checkGradients(model, { x: drawn(dims, 1), ...fed }, { genuine: genuine && opset <= 17 })
        },
      ),
      runs(25),
    )
  })

  it.each([
    [[2, 3], [6], 0],
    [[1], [], 0],
    [[], [1, 1], 0],
    [[2, 0, 3], [0, 6], 1],
    [[2, 0, 3], [4, 0], 1],
  ])('%j to %j', async (dims, shape, allowzero) => {
    const model = single('Reshape', { x: { dims }, shape: list(shape) }, { allowzero })
    await checkGradients(model, { x: drawn(dims, 1) }, { genuine: genuine && allowzero === 0 })
  })
})

describe('operators that only change the shape', () => {
  it('Flatten, at any axis', async () => {
    await fc.assert(
      fc.asyncProperty(
        tensors(0, 4),
        fc.integer({ min: -4, max: 4 }),
        opsets,
        async ({ dims, hidden }, axis, opset) => {
          const at = Math.max(-dims.length, Math.min(dims.length, axis))
          const model = single('Flatten', { x: { dims: declared(dims, hidden) } }, { axis: at }, { opset })
          await checkGradients(model, { x: drawn(dims, 1) })
        },
      ),
      runs(25),
    )
  })

  it('Squeeze and Unsqueeze, of axes counted from either end or all', async () => {
    const axes = fc.uniqueArray(fc.integer({ min: 0, max: 4 }), { minLength: 1, maxLength: 3 })
    await fc.assert(
      fc.asyncProperty(
        tensors(0, 3),
        axes,
        fc.boolean(),
        opsets,
        async ({ dims, hidden }, given, isNegative, opset) => {
          const rank = dims.length + given.length
          const kept = [...new Set(given.map((axis) => axis % rank))]
          const placed = kept.length === given.length ? kept : given.map((_, i) => i)
          const counted = placed.map((axis) => (isNegative ? axis - rank : axis))
          const x = { dims: declared(dims, hidden) }
          const unsqueeze = single('Unsqueeze', { x, axes: list(counted) }, {}, { opset })
          await checkGradients(unsqueeze, { x: drawn(dims, 1) }, { genuine: genuine && opset <= 17 })

          const rest = [...dims]
          const long: number[] = []
          const isHidden: boolean[] = []
          for (let axis = 0; axis < rank; axis++) {
            long.push(placed.includes(axis) ? 1 : rest.shift()!)
            isHidden.push(hidden[axis] === true && !placed.includes(axis))
          }
          const y = { dims: declared(long, isHidden) }
          const squeeze = single('Squeeze', { x: y, axes: list(counted) }, {}, { opset })
          await checkGradients(squeeze, { x: drawn(long, 2) }, { genuine: genuine && opset <= 17 })
          await checkGradients(single('Squeeze', { x: { dims: long } }, {}, { opset }), { x: drawn(long, 3) })
        },
      ),
      runs(25),
    )
  })

  it('Transpose, given a permutation or none', async () => {
    const given = tensors(0, 4).chain((x) =>
      fc.record({
        x: fc.constant(x),
        perm: fc.option(
          fc.shuffledSubarray(
            x.dims.map((_, i) => i),
            { minLength: x.dims.length },
          ),
        ),
      }),
    )
    await fc.assert(
      fc.asyncProperty(given, opsets, async ({ x: { dims, hidden }, perm }, opset) => {
        const attributes = perm === null || perm.length === 0 ? {} : { perm }
        const model = single('Transpose', { x: { dims: declared(dims, hidden) } }, attributes, { opset })
        await checkGradients(model, { x: drawn(dims, 1) }, { genuine: genuine && opset <= 17 })
      }),
      runs(25),
    )
  })

  it('Identity, which shares the gradient', async () => {
    const nodes = [node('Identity', ['x'], ['a']), node('Mul', ['a', 'x'], ['y'])]
    await checkGradients(
      composed(nodes, { x: { dims: [3, 2] } }, ['y']),
      { x: drawn([3, 2], 1) },
      { genuine },
    )
  })
})

describe('Expand', () => {
  it('to larger, equal and smaller shapes', async () => {
    const axes = fc.array(
      fc.record({ extent: fc.integer({ min: 1, max: 3 }), isOne: fc.boolean(), isAsked: fc.boolean() }),
      { maxLength: 4 },
    )
    await fc.assert(
      fc.asyncProperty(
        axes,
        fc.nat(4),
        fc.nat(4),
        hidings(4),
        opsets,
        async (all, skip, less, hidden, opset) => {
          // Either X or the shape lacks the first axes.
          const [cut, lack] = skip < less ? [0, less] : [skip, 0]
          const dims = all.map(({ extent, isOne }) => (isOne ? 1 : extent)).slice(cut)
          const shape = all.map(({ extent, isOne, isAsked }) => (isOne || isAsked ? extent : 1)).slice(lack)
          const x = { dims: declared(dims, hidden) }
          const model = single('Expand', { x, shape: list(shape) }, {}, { opset })
          await checkGradients(model, { x: drawn(dims, 1) }, { genuine: genuine && opset <= 17 })
        },
      ),
      runs(50),
    )
  })
})

describe('Tile', () => {
  it('by repetitions that are known or not', async () => {
    const given = tensors(1, 3, 3).chain((x) =>
      fc.record({
        x: fc.constant(x),
        repeats: fc.array(fc.integer({ min: 1, max: 3 }), {
          minLength: x.dims.length,
          maxLength: x.dims.length,
        }),
      }),
    )
    await fc.assert(
      fc.asyncProperty(
        given,
        fc.boolean(),
        opsets,
        async ({ x: { dims, hidden }, repeats }, isFed, opset) => {
          const type = dataType.int64
          const model = single(
            'Tile',
            {
              x: { dims: declared(dims, hidden) },
              repeats: isFed ? { dims: [repeats.length], type } : list(repeats),
            },
            {},
            { opset },
          )
          const fed = isFed ? { repeats: tensor([repeats.length], repeats, type) } : {}
          await checkGradients(model, { x: drawn(dims, 1), ...fed }, { genuine: genuine && opset <= 17 })
        },
      ),
      runs(25),
    )
  })

  it('no times at all', async () => {
    await checkGradients(single('Tile', { x: { dims: [2, 3] }, repeats: list([1, 0]) }), {
      x: drawn([2, 3], 1),
    })
  })
})

describe('DepthToSpace and SpaceToDepth', () => {
  it('in both orders', async () => {
    const size = fc.integer({ min: 1, max: 3 })
    const mode = fc.constantFrom('DCR', 'CRD')
    await fc.assert(
      fc.asyncProperty(
        size,
        size,
        size,
        size,
        mode,
        hidings(4),
        opsets,
        async (block, c, h, w, order, hidden, opset) => {
          const deep = [2, c * block * block, h, w]
          const wide = [2, c, h * block, w * block]
          const forth = { x: { dims: declared(deep, hidden) } }
          const back = { x: { dims: declared(wide, hidden) } }
          const attributes = { blocksize: block, mode: order }
          await checkGradients(single('DepthToSpace', forth, attributes, { opset }), { x: drawn(deep, 1) })
          await checkGradients(single('SpaceToDepth', back, { blocksize: block }, { opset }), {
            x: drawn(wide, 2),
          })
        },
      ),
      runs(20),
    )
  })
})

describe('Cast', () => {
  it('to another real type', async () => {
    const nodes = [node('Cast', ['x'], ['narrow'], { to: 1 }), node('Cast', ['narrow'], ['y'], { to: 11 })]
    const whole = tensor([2, 2], [1, -3, 2, 5], dataType.float)
    const up = single('Cast', { x: { dims: ['n', 2], type: dataType.float } }, { to: dataType.double })
    await checkGradients(up, { x: whole }, { precision: 'float', step: 1 })
    // The step must be large enough for float.
    await checkGradients(
      composed(nodes, { x: { dims: [3] } }, ['y']),
      { x: tensor([3], [1, 2, -4]) },
      { step: 1 },
    )
  })

  it('like another value', async () => {
    const float = dataType.float
    const model = single('CastLike', { x: { dims: [3], type: float }, like: { dims: [], data: [1] } })
    await checkGradients(
      model,
      { x: tensor([3], [1, -2, 4], float) },
      { precision: 'float', step: 1, wanted: ['x'] },
    )
  })

  it('to a whole number stops the gradient', async () => {
    const nodes = [
      node('Cast', ['x'], ['integer'], { to: dataType.int64 }),
      node('Cast', ['integer'], ['rounded'], { to: dataType.double }),
      node('Mul', ['rounded', 'x'], ['y']),
    ]
    const model = composed(nodes, { x: { dims: [3] } }, ['y'])
    await checkGradients(model, { x: drawn([3], 1, { low: 1, high: 9, away: [1, 2, 3, 4, 5, 6, 7, 8, 9] }) })
    const stopped = composed(nodes.slice(0, 2), { x: { dims: [3] } }, ['rounded'])
    await expect(gradientModel(stopped, { rounded: tensor([3], [1, 1, 1]) }, ['x'])).rejects.toThrow(
      'no gradient of x',
    )
  })
})
