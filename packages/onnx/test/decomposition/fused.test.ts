import { create } from '@bufbuild/protobuf'
import { describe, it } from 'vitest'
import { AttributeProtoSchema, attributeType, type AttributeValue } from '../../src/proto/index.js'
import { drawn, type Tensor } from '../gradients/harness.js'
import { checkDecomposition, type Operands } from './check.js'

const f = (value: number) => ({ float: value })
/** Elements so far from each other that none is at a kink. */
const inputs: Operands = [
  ['x', drawn([2, 2, 5], 1)],
  ['w', drawn([3, 2, 3], 2)],
  ['b', drawn([3], 3)],
]

describe('FusedConv', () => {
  const check = (
    operands: Operands,
    attributes: Readonly<Record<string, AttributeValue>>,
    parameters: readonly number[] = [],
  ) =>
    checkDecomposition('com.microsoft:FusedConv', operands, {
      attributes,
      // There are no kernels of convolutions in double.
      wanted: [],
      change({ attribute }) {
        const floats = [...parameters]
        if (floats.length > 0)
          attribute.push(
            create(AttributeProtoSchema, { name: 'activation_params', type: attributeType.floats, floats }),
          )
      },
    })

  it.each<[string, number[]]>([
    ['Relu', []],
    ['Sigmoid', []],
    ['Tanh', []],
    ['HardSigmoid', [0.3, 0.4]],
    ['LeakyRelu', [0.2]],
    ['Clip', [-0.5, 1.5]],
  ])('%s', (activation, parameters) => check(inputs, { activation }, parameters))
  it('with a window', () =>
    check(inputs, {
      activation: 'Relu',
      pads: [1, 2],
      strides: [2],
      dilations: [1],
      group: 1,
      kernel_shape: [3],
    }))
  it('with an addend', () => check([...inputs, ['z', drawn([2, 3, 3], 4)]], { activation: 'Relu' }))
})

describe('FusedGemm', () => {
  const [a, b]: readonly [Tensor, Tensor] = [drawn([3, 4], 1), drawn([2, 4], 2)]

  it.each([
    ['Relu', {}],
    ['LeakyRelu', { activation_alpha: f(0.2) }],
    ['Tanh', {}],
  ])('%s', async (activation, parameters) => {
    const operands: Operands = [
      ['a', a],
      ['b', b],
      ['c', drawn([2], 3)],
    ]
    const attributes = { activation, transB: 1, alpha: f(0.5), beta: f(2), ...parameters }
    await checkDecomposition('com.microsoft:FusedGemm', operands, { attributes })
  })
})
