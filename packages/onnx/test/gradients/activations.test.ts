import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { dataType, type AttributeValue } from '../../src/proto/index.js'
import { node } from '../builder.js'
import { isInstalled } from '../genuine/runtime.js'
import { checkNode, dims, forAll, gradientsOf, opsets, symbolics } from './arbitraries.js'
import { checkGradients, composed, drawn, single, tensor } from './harness.js'
import { erf, stretchedIndices } from './references.js'

type Attributes = Readonly<Record<string, AttributeValue>>
type Function = (x: number) => number

const sigmoid: Function = (x) => 1 / (1 + Math.exp(-x))
const softplus: Function = (x) => Math.log1p(Math.exp(x))
const gelu: Function = (x) => 0.5 * x * (1 + erf(x * Math.SQRT1_2))
const fastGelu: Function = (x) => 0.5 * x * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (x + 0.044715 * x ** 3)))
const elu =
  (alpha: number): Function =>
  (x) =>
    x > 0 ? x : alpha * Math.expm1(x)
/**
 * Shapes with so many elements that their gradients are not all small at once: float is exact relative to the large
 * ones.
 */
const several = dims({ max: 2 }).map((shape) => [5, ...shape])
/** A number in the form of an attribute. */
const f = (value: number): { float: number } => ({ float: value })

describe('gradients of activations', () => {
  it.each([['Relu'], ['Sigmoid'], ['Tanh']])('%s', async (opType) => {
    await forAll(
      fc.tuple(dims(), fc.nat(1000), opsets, symbolics),
      ([shape, seed, opset, symbolic]) =>
        checkNode(
          opType,
          { x: drawn(shape, seed, { away: [0] }) },
          { opset, symbolic, genuine: isInstalled && opset < 20 },
        ),
      15,
    )
  })

  /** Operator, its attributes, its reference, its kinks, the opset that it needs. */
  const references: [string, Attributes, Function, number[]?, number?][] = [
    ['LeakyRelu', {}, (x) => (x > 0 ? x : 0.01 * x), [0]],
    ['LeakyRelu', { alpha: f(0.25) }, (x) => (x > 0 ? x : 0.25 * x), [0]],
    ['LeakyRelu', { alpha: f(-0.5) }, (x) => (x > 0 ? x : -0.5 * x), [0]],
    ['ThresholdedRelu', {}, (x) => (x > 1 ? x : 0), [1]],
    ['ThresholdedRelu', { alpha: f(0.25) }, (x) => (x > 0.25 ? x : 0), [0.25]],
    ['Elu', {}, elu(1)],
    ['Elu', { alpha: f(0.5) }, elu(0.5), [0]],
    ['Celu', { alpha: f(2) }, (x) => (x > 0 ? x : 2 * Math.expm1(x / 2))],
    ['Selu', {}, (x) => 1.0507010221481323 * elu(1.6732631921768188)(x), [0]],
    ['Selu', { alpha: f(0.5), gamma: f(2) }, (x) => 2 * elu(0.5)(x), [0]],
    ['Softplus', {}, softplus],
    ['Softsign', {}, (x) => x / (1 + Math.abs(x))],
    ['HardSigmoid', {}, (x) => Math.min(1, Math.max(0, Math.fround(0.2) * x + 0.5))],
    [
      'HardSigmoid',
      { alpha: f(0.5), beta: f(0.25) },
      (x) => Math.min(1, Math.max(0, 0.5 * x + 0.25)),
      [-0.5, 1.5],
    ],
    ['HardSwish', {}, (x) => x * Math.min(1, Math.max(0, x / 6 + 0.5)), [-3, 3], 14],
    ['Mish', {}, (x) => x * Math.tanh(softplus(x)), [], 18],
    [
      'Shrink',
      { lambd: f(0.75), bias: f(0.5) },
      (x) => (x < -0.75 ? x + 0.5 : x > 0.75 ? x - 0.5 : 0),
      [-0.75, 0.75],
    ],
    ['Gelu', {}, gelu, [], 20],
    ['Gelu', { approximate: 'tanh' }, fastGelu, [], 20],
    ['Swish', { alpha: f(0.75) }, (x) => x * sigmoid(0.75 * x), [], 24],
    ['com.microsoft:Gelu', {}, gelu],
    ['com.microsoft:FastGelu', {}, fastGelu],
    ['com.microsoft:QuickGelu', {}, (x) => x * sigmoid(Math.fround(1.702) * x)],
    ['com.microsoft:QuickGelu', { alpha: f(0.5) }, (x) => x * sigmoid(0.5 * x)],
  ]
  it.each(references)(
    '%s %j, of which the runtime has no kernel in double precision',
    async (opType, attributes, reference, away = [], since = 13) => {
      await forAll(
        fc.tuple(several, fc.nat(1000), opsets, symbolics),
        ([shape, seed, given, symbolic]) => {
          const opset = Math.max(given, since)
          const x = drawn(shape, seed, { low: -4, high: 4, away, type: dataType.float })
          return checkNode(
            opType,
            { x },
            {
              attributes,
              opset,
              symbolic,
              precision: 'float',
              reference: ({ x: values }) => [values!.map(reference)],
              genuine: isInstalled && opset < 20,
            },
          )
        },
        8,
      )
    },
  )

  it('PRelu, with a slope that is stretched', async () => {
    await forAll(
      fc.tuple(dims(), fc.nat(1000), opsets, symbolics),
      async ([x, seed, opset, symbolic]) => {
        const slope = x.slice(seed % (x.length + 1)).map((extent, i) => ((seed >> i) % 2 === 0 ? extent : 1))
        const type = dataType.float
        const inputs = { x: drawn(x, seed, { away: [0], type }), slope: drawn(slope, seed + 1, { type }) }
        const spread = stretchedIndices(slope, x)
        // If no element is negative, the slope's gradient is 0, which has no relative error.
        fc.pre(inputs.x.data.some((value) => value < 0))
        await checkNode('PRelu', inputs, {
          // Of one sign, so that float sums do not cancel.
          weights: { low: 0.2 },
          opset,
          symbolic,
          precision: 'float',
          reference: (given) => [
            given['x']!.map((value, i) => (value > 0 ? value : value * given['slope']![spread[i]!]!)),
          ],
          genuine: isInstalled && opset < 20,
        })
      },
      15,
    )
  })

  it.each([
    ['com.microsoft:BiasGelu', gelu],
    ['com.microsoft:FastGelu', fastGelu],
  ])('%s with a bias', async (opType, reference) => {
    await forAll(
      fc.tuple(dims({ min: 1 }), fc.nat(1000), symbolics),
      async ([shape, seed, symbolic]) => {
        const type = dataType.float
        const length = shape.at(-1)!
        // Positive, so that float sums do not cancel.
        const bounds = { type, low: 0.2 }
        const inputs = { x: drawn(shape, seed, bounds), bias: drawn([length], seed + 1, bounds) }
        await checkNode(opType, inputs, {
          weights: { low: 0.2 },
          symbolic,
          precision: 'float',
          reference: ({ x, bias }) => [x!.map((value, i) => reference(value + bias![i % length]!))],
          genuine: isInstalled,
        })
      },
      8,
    )
  })

  it('far from 0, where an exponential overflows or a slope vanishes', async () => {
    const x = tensor([4], [-800, -50, 50, 800], dataType.float)
    const ones = tensor([4], [1, 1, 1, 1], dataType.float)
    const expected: [string, number[], number?][] = [
      ['Elu', [0, 0, 1, 1]],
      ['Selu', [0, 0, 1.0507010221481323, 1.0507010221481323]],
      ['Celu', [0, 0, 1, 1]],
      ['Softplus', [0, 0, 1, 1]],
      ['Sigmoid', [0, 0, 0, 0]],
      ['Mish', [0, 0, 1, 1], 18],
      ['HardSwish', [0, 0, 1, 1]],
      ['Gelu', [0, 0, 1, 1], 20],
    ]
    for (const [opType, slopes, opset = 17] of expected) {
      const forward = single(opType, { x: { dims: [4], type: dataType.float } }, {}, { opset })
      const { x: found } = await gradientsOf(forward, { x }, { y: ones })
      slopes.forEach((slope, i) => expect(found![i], `${opType} ${i}`).toBeCloseTo(slope, 6))
    }
  })

  it('at a kink are as documented', async () => {
    const expected: [string, number[], number[]][] = [
      ['Relu', [0], [0]],
      ['LeakyRelu', [0], [Math.fround(0.01)]],
      ['ThresholdedRelu', [1], [0]],
      ['HardSigmoid', [-2.5, 2.5], [0, 0]],
      ['HardSwish', [-3, 3], [0, 1]],
      ['Shrink', [-0.5, 0.5], [0, 0]],
    ]
    for (const [opType, at, slopes] of expected) {
      const type = dataType.float
      const forward = single(opType, { x: { dims: [at.length], type } })
      const weights = { y: tensor([at.length], [1, 1].slice(0, at.length), type) }
      const { x } = await gradientsOf(forward, { x: tensor([at.length], at, type) }, weights)
      expect(x, opType).toEqual(slopes)
    }
  })
})

describe('activations as exporters spell them', () => {
  const scalar = (value: number) => ({ dims: [], type: dataType.float, data: [value] })

  it('Gelu by Erf', async () => {
    const forward = composed(
      [
        node('Div', ['x', 'root'], ['scaled']),
        node('Erf', ['scaled'], ['erf']),
        node('Add', ['erf', 'one'], ['sum']),
        node('Mul', ['x', 'sum'], ['product']),
        node('Mul', ['product', 'half'], ['y']),
      ],
      { x: { dims: ['n', 5], type: 1 }, root: scalar(Math.SQRT2), one: scalar(1), half: scalar(0.5) },
      ['y'],
    )
    await checkGradients(
      forward,
      { x: drawn([4, 5], 1, { type: dataType.float }) },
      { precision: 'float', reference: ({ x }) => [x!.map(gelu)], genuine: isInstalled },
    )
  })

  it('Gelu by tanh', async () => {
    const constant = (value: number) => ({ dims: [], data: [value] })
    const forward = composed(
      [
        node('Pow', ['x', 'three'], ['cube']),
        node('Mul', ['cube', 'c'], ['scaled']),
        node('Add', ['x', 'scaled'], ['sum']),
        node('Mul', ['sum', 'root'], ['inner']),
        node('Tanh', ['inner'], ['tanh']),
        node('Add', ['tanh', 'one'], ['shifted']),
        node('Mul', ['x', 'shifted'], ['product']),
        node('Mul', ['product', 'half'], ['y']),
      ],
      {
        x: { dims: ['n', 5] },
        three: constant(3),
        c: constant(0.044715),
        root: constant(Math.sqrt(2 / Math.PI)),
        one: constant(1),
        half: constant(0.5),
      },
      ['y'],
    )
    await checkGradients(forward, { x: drawn([4, 5], 1) }, { genuine: isInstalled })
  })

  // In double precision the runtime fuses it to an operator that has no such kernel.
  it('SiLU by Sigmoid', async () => {
    const forward = composed(
      [node('Sigmoid', ['x'], ['sigmoid']), node('Mul', ['x', 'sigmoid'], ['y'])],
      { x: { dims: ['n', 5], type: dataType.float } },
      ['y'],
    )
    const reference = ({ x }: Readonly<Record<string, Float64Array>>) => [
      x!.map((value) => value * sigmoid(value)),
    ]
    const x = drawn([4, 5], 1, { type: dataType.float })
    await checkGradients(forward, { x }, { precision: 'float', reference, genuine: isInstalled })
  })
})
