import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { dataType } from '../../src/proto/index.js'
import { node } from '../builder.js'
import { isInstalled } from '../genuine/runtime.js'
import { checkNode, dims, forAll, gradientsOf, opsets, stretched, symbolics } from './arbitraries.js'
import { checkGradients, composed, drawn, single, tensor } from './harness.js'
import { erf } from './references.js'

/**
 * Shapes with so many elements that their gradients are not all small at once: float is exact relative to the large
 * ones.
 */
const several = dims({ max: 2 }).map((shape) => [5, ...shape])
type Bounds = NonNullable<Parameters<typeof drawn>[2]>

describe('gradients of arithmetic', () => {
  const binary: [string, Bounds, Bounds][] = [
    ['Add', {}, {}],
    ['Sub', {}, {}],
    ['Mul', {}, {}],
    ['Div', {}, { low: 0.4 }],
    ['Pow', { low: 0.3 }, {}],
    ['Max', {}, {}],
    ['Min', {}, {}],
  ]
  it.each(binary)('%s, stretched in any way', async (opType, left, right) => {
    await forAll(
      fc.tuple(stretched(2), fc.nat(1000), opsets, symbolics),
      async ([[a, b], seed, opset, symbolic]) => {
        const inputs = { a: drawn(a!, seed, left), b: drawn(b!, seed + 1, right) }
        await checkNode(opType, inputs, { opset, symbolic, genuine: isInstalled && opset < 20 })
      },
      25,
    )
  })

  it.each(['Sum', 'Max', 'Min'])('%s of one to four', async (opType) => {
    await forAll(
      fc.tuple(
        fc.integer({ min: 1, max: 4 }).chain((count) => stretched(count)),
        fc.nat(1000),
        opsets,
        symbolics,
      ),
      async ([shapes, seed, opset, symbolic]) => {
        const inputs = Object.fromEntries(shapes.map((shape, i) => [`x${i}`, drawn(shape, seed + i)]))
        await checkNode(opType, inputs, { opset, symbolic, genuine: isInstalled && opset < 20 })
      },
      20,
    )
  })

  it('Mean of one to four', async () => {
    await forAll(
      fc.tuple(
        fc.integer({ min: 1, max: 4 }).chain((count) => stretched(count)),
        fc.nat(1000),
        symbolics,
      ),
      async ([shapes, seed, symbolic]) => {
        const type = dataType.float
        const inputs = Object.fromEntries(
          shapes.map((shape, i) => [`x${i}`, drawn(shape, seed + i, { type })]),
        )
        // Linear, so that large differences are exact, too.
        await checkNode('Mean', inputs, { symbolic, precision: 'float', step: 1, genuine: isInstalled })
      },
      15,
    )
  })

  it('the remainder of reals', async () => {
    const a = { low: -5, high: 5 }
    await forAll(
      fc.tuple(stretched(2), fc.nat(1000), symbolics),
      async ([[left, right], seed, symbolic]) => {
        const inputs = { a: drawn(left!, seed, a), b: drawn(right!, seed + 1, { low: 0.7, high: 2 }) }
        // At a multiple it jumps.
        const quotients = [...inputs.a.data].flatMap((x) =>
          [...inputs.b.data].map((y) => Number(x) / Number(y)),
        )
        fc.pre(quotients.every((quotient) => Math.abs(quotient - Math.round(quotient)) > 1e-3))
        await checkNode('Mod', inputs, { symbolic, attributes: { fmod: 1 } })
      },
      10,
    )
  })

  it('uses of one value as both operands', async () => {
    const x = drawn([3, 2], 5, { low: 0.4 })
    for (const opType of ['Add', 'Sub', 'Mul', 'Div', 'Pow', 'Sum']) {
      const forward = composed([node(opType, ['x', 'x'], ['y'])], { x: { dims: [3, 2] } }, ['y'])
      if (opType === 'Sub' || opType === 'Div') {
        // They are constant.
        const { x: gradient } = await gradientsOf(forward, { x }, { y: drawn([3, 2], 6) })
        expect(Math.max(...gradient!.map(Math.abs))).toBeLessThan(1e-15)
      } else await checkGradients(forward, { x }, { genuine: isInstalled })
    }
    const forward = composed([node('Max', ['x', 'x', 'x'], ['y'])], { x: { dims: [3, 2] } }, ['y'])
    await checkGradients(forward, { x }, { genuine: isInstalled })
  })

  it('operands of which one alone is wanted', async () => {
    const inputs = { a: drawn([2, 3], 1, { low: 0.4 }), b: drawn([3], 2, { low: 0.4 }) }
    for (const opType of ['Add', 'Sub', 'Mul', 'Div', 'Pow', 'Max', 'Min']) {
      for (const name of ['a', 'b']) await checkNode(opType, inputs, { wanted: [name], genuine: isInstalled })
    }
  })

  it('of an empty tensor are empty', async () => {
    for (const opType of ['Add', 'Mul', 'Div', 'Max', 'Pow']) {
      const forward = single(opType, { a: { dims: ['n', 3] }, b: { dims: [3] } })
      const inputs = { a: tensor([0, 3], []), b: drawn([3], 1) }
      const found = await gradientsOf(forward, inputs, { y: tensor([0, 3], []) })
      expect([found['a'], found['b']]).toEqual([[], [0, 0, 0]])
    }
  })
})

describe('the gradient of a power', () => {
  it.each([[[2]], [[3]], [[1]], [[0]], [[0.5]], [[-1.5]], [[2, 0, 1]]])(
    'with the constant exponent %j',
    async (data) => {
      const bounds = data.some((e) => !Number.isInteger(e)) ? { low: 0.3 } : { away: [0] }
      for (const type of [dataType.double, dataType.float, dataType.int64, dataType.int32]) {
        if (type >= 6 && type <= 7 && !data.every(Number.isInteger)) continue
        const extents = data.length === 1 ? [] : [3]
        await checkNode(
          'Pow',
          { x: drawn([4, 3], 3, bounds) },
          {
            constants: { e: { dims: extents, type, data } },
            genuine: isInstalled && type !== dataType.double,
          },
        )
      }
    },
  )

  it('with whole exponents that are inputs', async () => {
    for (const type of [dataType.int64, dataType.int32, dataType.float]) {
      const inputs = { x: drawn([2, 3], 4, { away: [0] }), e: tensor([3], [0, 2, -3], type) }
      await checkNode('Pow', inputs, { wanted: ['x'], genuine: isInstalled })
    }
  })

  it('at the base 0', async () => {
    const forward = single('Pow', { x: { dims: [5] }, e: { dims: [5] } })
    const inputs = { x: tensor([5], [0, 0, 0, 0, 0]), e: tensor([5], [0, 1, 2, 3, 0.5]) }
    const found = await gradientsOf(forward, inputs, { y: tensor([5], [1, 1, 1, 1, 1]) })
    expect(found).toEqual({ x: [0, 1, 0, 0, Infinity], e: [0, 0, 0, 0, 0] })
  })
})

describe('gradients where operands tie', () => {
  const ones = (size: number) =>
    tensor(
      [size],
      Array.from({ length: size }, () => 1),
    )

  it('are shared by the largest and by the smallest', async () => {
    for (const opType of ['Max', 'Min']) {
      const operands = { a: { dims: [3] }, b: { dims: [3] }, c: { dims: [] } }
      const sign = opType === 'Max' ? 1 : -1
      const of = (...values: number[]) => values.map((value) => value * sign)
      const inputs = { a: tensor([3], of(1, 2, 0)), b: tensor([3], of(1, 3, 0)), c: tensor([], of(1)) }
      const found = await gradientsOf(single(opType, operands), inputs, { y: ones(3) })
      expect(found['a']).toEqual([1 / 3, 0, 0])
      expect(found['b']).toEqual([1 / 3, 1, 0])
      expect(found['c']![0]).toBeCloseTo(4 / 3, 14)
    }
  })

  it('are 0 for |x| at 0', async () => {
    const found = await gradientsOf(
      single('Abs', { x: { dims: [3] } }),
      { x: tensor([3], [-2, 0, 2]) },
      { y: ones(3) },
    )
    expect(found['x']).toEqual([-1, 0, 1])
  })

  it('pass where x is on a bound', async () => {
    const forward = single('Clip', { x: { dims: [5] }, low: { dims: [] }, high: { dims: [] } })
    const inputs = { x: tensor([5], [-2, -1, 0, 1, 2]), low: tensor([], [-1]), high: tensor([], [1]) }
    const found = await gradientsOf(forward, inputs, { y: ones(5) })
    expect(found).toEqual({ x: [0, 1, 1, 1, 0], low: [1], high: [1] })
  })
})

describe('the gradient of clipping', () => {
  const bounds = fc.constantFrom<(number | undefined)[]>(
    [],
    [-0.5],
    [undefined, 0.7],
    [-0.5, 0.7],
    [0.8, -0.3],
  )

  it.each(['input', 'constant'])('with bounds each of which may be missing, as %s', async (kind) => {
    await forAll(
      fc.tuple(dims(), bounds, fc.nat(1000), opsets, symbolics),
      async ([shape, [low, high], seed, opset, symbolic]) => {
        const given = Object.entries({ low, high }).flatMap(([name, bound]) =>
          bound === undefined ? [] : [[name, bound] as const],
        )
        const x = drawn(shape, seed, { away: [-0.5, 0.7, 0.8, -0.3] })
        const order = ['x', low === undefined ? '' : 'low', high === undefined ? '' : 'high']
        const isInput = kind === 'input'
        const inputs = Object.fromEntries(
          isInput ? given.map(([name, bound]) => [name, tensor([], [bound])]) : [],
        )
        const constants = Object.fromEntries(
          isInput ? [] : given.map(([name, bound]) => [name, { dims: [], data: [bound] }]),
        )
        const genuine = isInstalled && opset < 20
        await checkNode('Clip', { x, ...inputs }, { constants, order, opset, symbolic, genuine })
      },
      20,
    )
  })
})

describe('gradients of functions of one variable', () => {
  const functions: [string, Bounds][] = [
    ['Neg', {}],
    ['Abs', { away: [0] }],
    ['Reciprocal', { low: 0.3 }],
    ['Sqrt', { low: 0.1 }],
    ['Exp', {}],
    ['Log', { low: 0.2 }],
    ['Sin', {}],
    ['Cos', {}],
  ]
  it.each(functions)('%s', async (opType, bounds) => {
    await forAll(
      fc.tuple(dims(), fc.nat(1000), opsets, symbolics),
      ([shape, seed, opset, symbolic]) =>
        checkNode(
          opType,
          { x: drawn(shape, seed, bounds) },
          { opset, symbolic, genuine: isInstalled && opset < 20 },
        ),
      12,
    )
  })

  const references: [string, (x: number) => number, Bounds][] = [
    ['Erf', erf, {}],
    ['Tan', Math.tan, { low: -1, high: 1 }],
    ['Asin', Math.asin, { low: -0.9, high: 0.9 }],
    ['Acos', Math.acos, { low: -0.9, high: 0.9 }],
    ['Atan', Math.atan, {}],
    ['Sinh', Math.sinh, {}],
    ['Cosh', Math.cosh, {}],
    ['Asinh', Math.asinh, {}],
    ['Acosh', Math.acosh, { low: 1.2, high: 4 }],
    ['Atanh', Math.atanh, { low: -0.9, high: 0.9 }],
  ]
  it.each(references)(
    '%s, of which the runtime has no kernel in double precision',
    async (opType, f, bounds) => {
      await forAll(
        fc.tuple(several, fc.nat(1000), opsets, symbolics),
        ([shape, seed, opset, symbolic]) =>
          checkNode(
            opType,
            { x: drawn(shape, seed, { ...bounds, type: dataType.float }) },
            {
              opset,
              symbolic,
              precision: 'float',
              reference: ({ x }) => [x!.map(f)],
              genuine: isInstalled && opset < 20,
            },
          ),
        10,
      )
    },
  )
})
