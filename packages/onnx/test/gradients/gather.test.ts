import fc from 'fast-check'
import { describe, it } from 'vitest'
import { dataType } from '../../src/proto/index.js'
import { isInstalled } from '../genuine/runtime.js'
import { opsets, runs } from './arbitraries.js'
import { declared, hidings, shapes } from './extents.js'
import { checkGradients, drawn, single, tensor } from './harness.js'

/** Indices of either type into an axis, counted from either end, some repeated. */
function indices(dims: readonly number[], extent: number | readonly number[], seed: number, type: number) {
  const bounds = typeof extent === 'number' ? [extent] : extent
  const { data } = drawn(dims, seed, { low: 0, high: 1 })
  const values = Array.from(data as Float64Array, (x, i) => {
    const bound = bounds[i % bounds.length]!
    return Math.floor(x * 2 * bound) - bound
  })
  return tensor(dims, values, type)
}

const types = fc.constantFrom(dataType.int64, dataType.int32)
const genuineAt = (opset: number): boolean => isInstalled && opset <= 17

describe('Gather', () => {
  it('along any axis, by indices of any rank', async () => {
    await fc.assert(
      fc.asyncProperty(
        shapes(1, 4),
        shapes(0, 2, 5),
        fc.nat(7),
        types,
        hidings(4),
        opsets,
        fc.boolean(),
        async (dims, shape, at, type, hidden, opset, isConstant) => {
          const rank = dims.length
          const axis = (at % (2 * rank)) - rank
          const given = indices(shape, dims.at(axis)!, 5, type)
          const values = Array.from(given.data as BigInt64Array, Number)
          const model = single(
            'Gather',
            {
              x: { dims: declared(dims, hidden) },
              indices: { dims: shape, type, ...(isConstant && { data: values }) },
            },
            { axis },
            { opset },
          )
          const fed = isConstant ? {} : { indices: given }
          await checkGradients(model, { x: drawn(dims, 1), ...fed }, { genuine: genuineAt(opset) })
        },
      ),
      runs(40),
    )
  })
})

describe('GatherElements', () => {
  it('along any axis', async () => {
    await fc.assert(
      fc.asyncProperty(
        shapes(1, 3).chain((dims) =>
          fc.tuple(fc.constant(dims), fc.tuple(...dims.map((max) => fc.integer({ min: 1, max })))),
        ),
        fc.nat(5),
        fc.integer({ min: 1, max: 6 }),
        types,
        hidings(3),
        opsets,
        async ([dims, part], at, count, type, hidden, opset) => {
          const rank = dims.length
          const axis = (at % (2 * rank)) - rank
          const shape = part.map((extent, i) => (i === (axis + rank) % rank ? count : extent))
          const model = single(
            'GatherElements',
            { x: { dims: declared(dims, hidden) }, indices: { dims: shape, type } },
            { axis },
            { opset },
          )
          const given = { x: drawn(dims, 1), indices: indices(shape, dims.at(axis)!, 5, type) }
          await checkGradients(model, given, { genuine: genuineAt(opset) })
        },
      ),
      runs(40),
    )
  })
})

describe('GatherND', () => {
  it('of elements and slices, with batch axes or none', async () => {
    await fc.assert(
      fc.asyncProperty(
        shapes(1, 4, 3),
        shapes(0, 2, 3),
        fc.nat(3),
        fc.nat(2),
        hidings(4),
        opsets,
        async (dims, free, depth, batch, hidden, opset) => {
          const batches = Math.min(batch, dims.length - 1)
          const length = 1 + (depth % (dims.length - batches))
          const shape = [...dims.slice(0, batches), ...free, length]
          const model = single(
            'GatherND',
            { x: { dims: declared(dims, hidden) }, indices: { dims: shape, type: dataType.int64 } },
            { batch_dims: batches },
            { opset },
          )
          const found = indices(shape, dims.slice(batches, batches + length), 5, dataType.int64)
          await checkGradients(
            model,
            { x: drawn(dims, 1), indices: found },
            { genuine: genuineAt(opset) && opset >= 16 && batches === 0 },
          )
        },
      ),
      runs(40),
    )
  })
})

describe('OneHot', () => {
  it('gives the gradients of its two values', async () => {
    await fc.assert(
      fc.asyncProperty(
        shapes(1, 2),
        fc.integer({ min: 1, max: 4 }),
        fc.nat(5),
        opsets,
        async (shape, depth, at, opset) => {
          const rank = shape.length + 1
          const axis = (at % (2 * rank)) - rank
          const type = dataType.int64
          const model = single(
            'OneHot',
            {
              indices: { dims: shape, type },
              depth: { dims: [], type, data: [depth] },
              values: { dims: [2], type: dataType.float },
            },
            { axis },
            { opset },
          )
          const values = tensor([2], [-1, 2], dataType.float)
          const given = { indices: indices(shape, depth, 3, type), values }
          await checkGradients(model, given, { precision: 'float', step: 1, genuine: genuineAt(opset) })
        },
      ),
      runs(20),
    )
  })
})
