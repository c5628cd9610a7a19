import fc from 'fast-check'
import { describe, it } from 'vitest'
import { dataType } from '../../src/proto/index.js'
import { node } from '../builder.js'
import { isInstalled } from '../genuine/runtime.js'
import { opsets, runs } from './arbitraries.js'
import { declared, hidings, list, shapes } from './extents.js'
import { checkGradients, composed, drawn, single, tensor, type Operand } from './harness.js'

const genuineAt = (opset: number): boolean => isInstalled && opset <= 17

describe('Slice', () => {
  const sliced = shapes(1, 4, 5).chain((dims) =>
    fc.record({
      dims: fc.constant(dims),
      hidden: hidings(dims.length),
      axes: fc.shuffledSubarray(
        dims.map((_, axis) => axis),
        { minLength: 1 },
      ),
      cuts: fc.array(
        fc.record({
          start: fc.integer({ min: -6, max: 4 }),
          length: fc.integer({ min: 1, max: 6 }),
          step: fc.constantFrom(1, 1, 1, 2, 3, -1, -2),
          isOpen: fc.boolean(),
          isNegative: fc.boolean(),
        }),
        { minLength: 4, maxLength: 4 },
      ),
      form: fc.constantFrom('all', 'no steps', 'neither', 'fed'),
      type: fc.constantFrom(dataType.int64, dataType.int32),
    }),
  )

  it('from either end, forwards and backwards, by steps', async () => {
    await fc.assert(
      fc.asyncProperty(sliced, opsets, async ({ dims, hidden, axes, cuts, form, type }, opset) => {
        const along = form === 'neither' ? dims.map((_, axis) => axis) : axes
        const parts = along.map((axis, i) => {
          const extent = dims[axis]!
          const { length, isOpen, isNegative, ...cut } = cuts[i]!
          const step = form === 'all' || form === 'fed' ? cut.step : 1
          const start = ((cut.start % extent) + extent) % extent
          const beyond = type === dataType.int64 ? Number.MAX_SAFE_INTEGER : 2 ** 31 - 1
          const end = step > 0 ? (isOpen ? beyond : start + length) : isOpen ? -beyond : start - length
          // No number counted from the end means an end before the first element.
          const safe = end < 0 && step < 0 && !isOpen ? -beyond : end
          return {
            axis: isNegative ? axis - dims.length : axis,
            start: isNegative ? start - extent : start,
            end: safe,
            step,
          }
        })
        const lists: [string, number[]][] = [
          ['starts', parts.map(({ start }) => start)],
          ['ends', parts.map(({ end }) => end)],
          ...(form === 'neither' ? [] : [['axes', parts.map(({ axis }) => axis)] as [string, number[]]]),
          ...(form === 'all' || form === 'fed'
            ? [['steps', parts.map(({ step }) => step)] as [string, number[]]]
            : []),
        ]
        const operands = Object.fromEntries(
          lists.map(([name, data]): [string, Operand] => [
            name,
            { dims: [data.length], type, ...(form !== 'fed' && { data }) },
          ]),
        )
        const fed =
          form === 'fed'
            ? Object.fromEntries(lists.map(([name, data]) => [name, tensor([data.length], data, type)]))
            : {}
        const model = single('Slice', { x: { dims: declared(dims, hidden) }, ...operands }, {}, { opset })
        await checkGradients(model, { x: drawn(dims, 1), ...fed }, { genuine: genuineAt(opset) })
      }),
      runs(60),
    )
  })
})

describe('a value without elements', () => {
  it('has a gradient without elements, where the runtime leaves out an Expand to none', async () => {
    const whole = composed(
      [
        node('Mul', ['x', 'w'], ['a']),
        node('Slice', ['a', 'none', 'none', 'one'], ['empty']),
        node('ReduceSum', ['empty', 'one'], ['sum'], { keepdims: 1 }),
        node('Add', ['a', 'sum'], ['y']),
      ],
      {
        x: { dims: [3, 4] },
        w: { dims: [3, 4] },
        none: { dims: [1], type: dataType.int64, data: [0] },
        one: { dims: [1], type: dataType.int64, data: [1] },
      },
      ['y'],
    )
    await checkGradients(whole, { x: drawn([3, 4], 1), w: drawn([3, 4], 2) })
  })
})

describe('Concat', () => {
  it('of one part or many, some of them empty', async () => {
    await fc.assert(
      fc.asyncProperty(
        shapes(1, 3, 3),
        fc.nat(5),
        fc.array(fc.integer({ min: 0, max: 3 }), { minLength: 1, maxLength: 4 }),
        hidings(3),
        opsets,
        async (dims, at, parts, hidden, opset) => {
          const rank = dims.length
          const axis = (at % (2 * rank)) - rank
          const along = (axis + rank) % rank
          fc.pre(parts.some((extent) => extent > 0))
          const shaped = parts.map((extent) => dims.map((n, i) => (i === along ? extent : n)))
          const operands = Object.fromEntries(
            shaped.map((shape, i) => [
              `x${i}`,
              { dims: shape.map((n, k) => (hidden[k] === true ? (k === along ? `p${i}` : `n${k}`) : n)) },
            ]),
          )
          const inputs = Object.fromEntries(shaped.map((shape, i) => [`x${i}`, drawn(shape, i + 1)]))
          const model = single('Concat', operands, { axis }, { opset })
          await checkGradients(model, inputs, { genuine: genuineAt(opset) && !parts.includes(0) })
        },
      ),
      runs(50),
    )
  })

  it('where only some parts are wanted, or one is there twice', async () => {
    const inputs = { a: drawn([2, 2], 1), b: drawn([2, 3], 2) }
    const operands = { a: { dims: [2, 2] }, b: { dims: [2, 'n'] } }
    const model = composed([node('Concat', ['a', 'b', 'a'], ['y'], { axis: 1 })], operands, ['y'])
    await checkGradients(model, inputs, { genuine: isInstalled })
    await checkGradients(model, inputs, { wanted: ['b'], genuine: isInstalled })
  })
})

describe('Split', () => {
  it('equally, by lengths and by a number of parts', async () => {
    await fc.assert(
      fc.asyncProperty(
        shapes(1, 3, 3),
        fc.nat(5),
        fc.array(fc.integer({ min: 0, max: 3 }), { minLength: 1, maxLength: 4 }),
        fc.constantFrom('equal', 'lengths', 'number'),
        hidings(3),
        opsets,
        fc.nat(3),
        async (dims, at, parts, given, hidden, opset, unused) => {
          const rank = dims.length
          const axis = (at % (2 * rank)) - rank
          const along = (axis + rank) % rank
          fc.pre(parts.some((extent) => extent > 0))
          const form =
            given === 'number' && opset < 18 ? 'lengths' : given === 'equal' && opset >= 18 ? 'number' : given
          const total = parts.reduce((a, b) => a + b, 0)
          // A number of parts that does not divide the axis makes the last shorter.
          const count =
            form === 'lengths'
              ? parts.length
              : form === 'equal'
                ? parts.length
                : Math.min(parts.length, total)
          const extent = form === 'equal' ? 2 * count : total
          const part = Math.ceil(extent / count)
          fc.pre(form !== 'number' || (count - 1) * part < extent)
          const shape = dims.map((n, i) => (i === along ? extent : n))
          const outputs = Array.from({ length: count }, (_, i) => `y${i}`)
          const model = single(
            'Split',
            { x: { dims: declared(shape, hidden) }, ...(form === 'lengths' && { split: list(parts) }) },
            { axis, ...(form === 'number' && { num_outputs: count }) },
            { opset, outputs },
          )
          // The gradient of an output that nothing depends on is zero.
          if (count > 1) model.graph.output.splice(unused % count, 1)
          fc.pre(
            model.graph.output.some(({ name }) => form !== 'lengths' || parts[outputs.indexOf(name)]! > 0),
          )
          await checkGradients(
            model,
            { x: drawn(shape, 1) },
            { genuine: genuineAt(opset) && !parts.includes(0) },
          )
        },
      ),
      runs(50),
    )
  })
})

describe('Trilu', () => {
  it('above and below, at any diagonal', async () => {
    await fc.assert(
      fc.asyncProperty(
        shapes(2, 4),
        hidings(4),
        fc.constantFrom(0, 1),
        fc.option(fc.integer({ min: -3, max: 3 })),
        fc.constantFrom(14, 17, 22),
        async (dims, hidden, upper, k, opset) => {
          const model = single(
            'Trilu',
            {
              x: { dims: declared(dims, hidden) },
              ...(k !== null && { k: { dims: [], type: dataType.int64, data: [k] } }),
            },
            { upper },
            { opset },
          )
          await checkGradients(model, { x: drawn(dims, 1) }, { genuine: genuineAt(opset) })
        },
      ),
      runs(30),
    )
  })

  it("of the runtime's own domain, which older exporters write", async () => {
    const model = single('com.microsoft:Trilu', { x: { dims: [3, 4] } }, { upper: 0 }, { opset: 13 })
    await checkGradients(model, { x: drawn([3, 4], 1) }, { genuine: isInstalled })
  })
})
