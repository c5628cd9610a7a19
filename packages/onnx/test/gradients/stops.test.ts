import { describe, expect, it } from 'vitest'
import { noGradient } from '../../src/gradients/context.js'
import { gradients } from '../../src/gradients/table.js'
import { dataType } from '../../src/proto/index.js'
import { node } from '../builder.js'
import { isInstalled } from '../genuine/runtime.js'
import { checkGradients, composed, drawn, gradientModel, type Operand } from './harness.js'

type Nodes = ReturnType<typeof node>[]

const { double, int64 } = dataType
const toReal = (from: string): Nodes[number] => node('Cast', [from], ['s'], { to: double })
const zero = { dims: [], data: [0] }
const number = (data: number): Operand => ({ dims: [], type: int64, data: [data] })
const numbers = (...data: number[]): Operand => ({ dims: [data.length], type: int64, data })

/** Nodes that compute from `x` [2, 3] a value `s` that stays the same for small changes of `x`, and their constants. */
const cases: [string, Nodes, Record<string, Operand>][] = [
  ['Floor', [node('Floor', ['x'], ['s'])], {}],
  ['Ceil', [node('Ceil', ['x'], ['s'])], {}],
  ['Round', [node('Round', ['x'], ['s'])], {}],
  ['Sign', [node('Sign', ['x'], ['s'])], {}],
  [
    'Shape',
    [node('Shape', ['x'], ['extents']), node('Gather', ['extents', 'one'], ['i']), toReal('i')],
    { one: number(1) },
  ],
  ['Size', [node('Size', ['x'], ['i']), toReal('i')], {}],
  ['ConstantOfShape', [node('Shape', ['x'], ['i']), node('ConstantOfShape', ['i'], ['f']), toReal('f')], {}],
  ['ArgMax', [node('ArgMax', ['x'], ['i'], { axis: 1 }), toReal('i')], {}],
  ['ArgMin', [node('ArgMin', ['x'], ['i'], { axis: 0 }), toReal('i')], {}],
  [
    'NonZero',
    [
      node('Greater', ['x', 'zero'], ['b']),
      node('NonZero', ['b'], ['at']),
      node('Size', ['at'], ['i']),
      toReal('i'),
    ],
    { zero },
  ],
  [
    'Range',
    [node('Size', ['x'], ['n']), node('Range', ['three', 'n', 'one'], ['i']), toReal('i')],
    { three: number(3), one: number(1) },
  ],
  ['IsNaN', [node('IsNaN', ['x'], ['b']), toReal('b')], {}],
  ['IsInf', [node('IsInf', ['x'], ['b']), toReal('b')], {}],
  ['Less', [node('Less', ['x', 'zero'], ['b']), toReal('b')], { zero }],
  ['LessOrEqual', [node('LessOrEqual', ['x', 'zero'], ['b']), toReal('b')], { zero }],
  ['Greater', [node('Greater', ['x', 'zero'], ['b']), toReal('b')], { zero }],
  ['GreaterOrEqual', [node('GreaterOrEqual', ['x', 'zero'], ['b']), toReal('b')], { zero }],
  ['Equal', [node('Equal', ['x', 'zero'], ['b']), toReal('b')], { zero }],
  ['Not', [node('Less', ['x', 'zero'], ['b']), node('Not', ['b'], ['c']), toReal('c')], { zero }],
  ...['And', 'Or', 'Xor'].map((opType): [string, Nodes, Record<string, Operand>] => [
    opType,
    [
      node('Less', ['x', 'zero'], ['b']),
      node('Greater', ['x', 'two'], ['c']),
      node(opType, ['b', 'c'], ['d']),
      toReal('d'),
    ],
    { zero, two: { dims: [], data: [1] } },
  ]),
  [
    'OneHot',
    [
      node('ArgMax', ['x'], ['i'], { axis: 1, keepdims: 0 }),
      node('OneHot', ['i', 'depth', 'values'], ['hot']),
      toReal('hot'),
    ],
    { depth: number(3), values: { dims: [2], type: dataType.float, data: [0.5, 2] } },
  ],
  ['EyeLike', [node('EyeLike', ['x'], ['eye'], { dtype: dataType.float }), toReal('eye')], {}],
  [
    'Trilu of a mask',
    [
      node('Less', ['x', 'zero'], ['b']),
      node('Cast', ['b'], ['i'], { to: int64 }),
      node('Trilu', ['i'], ['t']),
      toReal('t'),
    ],
    { zero },
  ],
  [
    'Expand of a count',
    [node('Size', ['x'], ['i']), node('Expand', ['i', 'to'], ['e']), toReal('e')],
    { to: numbers(2, 3) },
  ],
]

describe('operators where the gradient stops', () => {
  const kinks = [-3, -2.5, -1.5, -2, -1, -0.5, 0, 0.5, 1, 1.5, 2, 2.5, 3]
  const x = drawn([2, 3], 5, { away: kinks })

  it.each(cases)('%s', async (_, nodes, constants) => {
    const model = composed(
      [...nodes, node('Mul', ['x', 's'], ['y'])],
      { x: { dims: [2, 3] }, ...constants },
      ['y'],
    )
    await checkGradients(model, { x }, { genuine: isInstalled })
    const alone = composed(nodes, { x: { dims: [2, 3] }, ...constants }, ['s'])
    await expect(gradientModel(alone, { s: drawn([2, 3], 1) }, ['x'])).rejects.toThrow(
      'gives no gradient of x',
    )
  })

  it.each(['RandomNormalLike', 'RandomUniformLike', 'Bernoulli'])('%s', async (opType) => {
    const model = composed(
      [node(opType, ['x'], ['s']), node('Add', ['s', 'x'], ['y'])],
      { x: { dims: [2, 3] } },
      ['y'],
    )
    const made = await gradientModel(model, { y: drawn([2, 3], 1) }, ['x'])
    // Only the sum passes its gradient on.
    expect(made.graph.node.map(({ opType: name }) => name)).toEqual([opType, 'Add', 'Identity', 'Identity'])
  })

  it('are known by the rule that gives none', () => {
    const stopped = Object.entries(gradients['']!).filter(([, rule]) => rule === noGradient)
    expect(stopped.map(([opType]) => opType)).toEqual(
      expect.arrayContaining([
        'RandomNormal',
        'RandomUniform',
        'Multinomial',
        'Hardmax',
        'BitwiseAnd',
        'TfIdfVectorizer',
      ]),
    )
  })
})
