import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { dataType } from '../../src/proto/index.js'
import { isInstalled } from '../genuine/runtime.js'
import { runs } from './arbitraries.js'
import { declared, hidings, shapes } from './extents.js'
import { checkGradients, drawn, gradientModel, single, tensor, type Tensor } from './harness.js'

const versions = fc.constantFrom(
  { opset: 13, reduction: 'none' },
  { opset: 17, reduction: 'none' },
  { opset: 17, reduction: 'add' },
  { opset: 22, reduction: 'none' },
  { opset: 22, reduction: 'add' },
)
const attributesOf = ({ opset, reduction }: { opset: number; reduction: string }) =>
  opset === 13 ? {} : { reduction }
const genuineAt = ({ opset }: { opset: number }): boolean => isInstalled && opset <= 17

/** The numbers below a bound in some order. */
function order(bound: number, seed: number): number[] {
  const { data } = drawn([bound], seed)
  const keys = data as Float64Array
  return Array.from(keys, (_, i) => i).sort((a, b) => keys[a]! - keys[b]!)
}

describe('ScatterElements', () => {
  it('in the place of elements and added to them', async () => {
    await fc.assert(
      fc.asyncProperty(
        shapes(1, 3),
        fc.nat(5),
        versions,
        hidings(3),
        fc.boolean(),
        async (dims, at, version, hidden, isNegative) => {
          const rank = dims.length
          const axis = (at % (2 * rank)) - rank
          const extent = dims.at(axis)!
          const isAdded = version.reduction === 'add'
          // Without a reduction every element has one update at most.
          const count = isAdded ? extent + 2 : Math.ceil(extent / 2)
          const shape = dims.map((n, i) => (i === (axis + rank) % rank ? count : n))
          const size = shape.reduce((a, b) => a * b, 1)
          const inner = shape.slice(((axis + rank) % rank) + 1).reduce((a, b) => a * b, 1)
          const lines = order(extent, 3)
          const values = Array.from({ length: size }, (_, i) => {
            const along = Math.floor(i / inner) % count
            const index = isAdded ? (i * 7 + along) % extent : lines[along % extent]!
            return isNegative ? index - extent : index
          })
          const model = single(
            'ScatterElements',
            {
              x: { dims: declared(dims, hidden) },
              indices: { dims: shape, type: dataType.int64 },
              u: { dims: declared(shape, hidden) },
            },
            { axis, ...attributesOf(version) },
            version,
          )
          const given = {
            x: drawn(dims, 1),
            indices: tensor(shape, values, dataType.int64),
            u: drawn(shape, 2),
          }
          await checkGradients(model, given, { genuine: genuineAt(version) })
        },
      ),
      runs(40),
    )
  })
})

describe('ScatterND', () => {
  it('of elements and slices', async () => {
    await fc.assert(
      fc.asyncProperty(
        shapes(1, 3),
        fc.nat(2),
        versions,
        hidings(3),
        fc.boolean(),
        async (dims, deep, version, hidden, isNegative) => {
          const depth = 1 + (deep % dims.length)
          const size = dims.slice(0, depth).reduce((a, b) => a * b, 1)
          const isAdded = version.reduction === 'add'
          const places = isAdded
            ? [...order(size, 3), 0, size - 1]
            : order(size, 3).slice(0, Math.ceil(size / 2))
          const values = places.flatMap((place) => {
            const index: number[] = []
            let rest = place
            for (let axis = depth - 1; axis >= 0; axis--) {
              index.unshift((rest % dims[axis]!) - (isNegative ? dims[axis]! : 0))
              rest = Math.floor(rest / dims[axis]!)
            }
            return index
          })
          const shape = [places.length, ...dims.slice(depth)]
          const model = single(
            'ScatterND',
            {
              x: { dims: declared(dims, hidden) },
              indices: { dims: [places.length, depth], type: dataType.int64 },
              u: { dims: ['m', ...dims.slice(depth)] },
            },
            attributesOf(version),
            version,
          )
          const given: Record<string, Tensor> = {
            x: drawn(dims, 1),
            indices: tensor([places.length, depth], values, dataType.int64),
            u: drawn(shape, 2),
          }
          await checkGradients(model, given, { genuine: genuineAt(version) })
        },
      ),
      runs(40),
    )
  })

  it.each(['ScatterND', 'ScatterElements'])('%s refuses other reductions', async (opType) => {
    const model = single(
      opType,
      {
        x: { dims: [3] },
        indices: { dims: opType === 'ScatterND' ? [1, 1] : [1], type: 7 },
        u: { dims: [1] },
      },
      { reduction: 'mul' },
    )
    await expect(gradientModel(model, { y: tensor([3], [1, 1, 1]) }, ['x'])).rejects.toThrow(
      /ERR_NOT_SUPPORTED.*reduction mul is not supported/,
    )
  })
})
