import { create } from '@bufbuild/protobuf'
import { describe, expect, it } from 'vitest'
import {
  createNode as node,
  createTensor,
  createValue,
  dataType,
  GraphProtoSchema,
  int64Tensor,
  ValueInfoProtoSchema,
  type Model,
  type NodeProto,
} from '@induced-metric/onnx/proto'
import { generateArtifacts } from '../../src/artifacts.js'
import { drawn } from '../../../onnx/test/gradients/harness.js'
import { checkTraining, forward } from './training.js'

// Exporters write splits and lists as sequences. Where it is known what is in them, they train as tensors do.

const { bool, double, int64 } = dataType

/** A model of x [batch, 5] times w [5], with whole numbers by name: scalars, and lists. */
function listing(nodes: readonly NodeProto[], constants: Readonly<Record<string, number | number[]>>): Model {
  const model = forward(
    [node('Mul', ['x', 'w'], ['a']), ...nodes],
    { x: ['batch', 5] },
    { w: drawn([5], 1) },
    { y: [] },
  )
  delete model.graph.output[0]!.type
  model.graph.output[0] = createValue('y', double)
  for (const [name, values] of Object.entries(constants)) {
    model.graph.initializer.push(
      typeof values === 'number' ? int64Tensor(name, [values], []) : int64Tensor(name, values),
    )
  }
  return model
}

const x = drawn([4, 5], 2)
const mse = { loss: 'mse' } as const
const product = node('Mul', ['p', 'q'], ['y'])

const splits: Readonly<Record<string, [Model, number[]]>> = {
  'by lengths': [
    listing(
      [
        node('SplitToSequence', ['a', 'sizes'], ['parts'], { axis: 1 }),
        node('SequenceAt', ['parts', 'first'], ['p']),
        node('SequenceAt', ['parts', 'last'], ['q']),
        product,
      ],
      { sizes: [2, 1, 2], first: 0, last: -1 },
    ),
    [4, 2],
  ],
  'into equal parts and a smaller one': [
    listing(
      [
        node('SplitToSequence', ['a', 'size'], ['parts'], { axis: -1 }),
        node('SequenceAt', ['parts', 'one'], ['p']),
        node('SequenceAt', ['parts', 'two'], ['q']),
        product,
      ],
      { size: 2, one: 1, two: 2 },
    ),
    [4, 2],
  ],
  'into single elements, without their axis': [
    listing(
      [
        node('SplitToSequence', ['a'], ['parts'], { axis: 1, keepdims: 0 }),
        node('SequenceAt', ['parts', 'one'], ['p']),
        node('SequenceAt', ['parts', 'back'], ['q']),
        product,
      ],
      { one: 1, back: -2 },
    ),
    [4],
  ],
  'along a batch of any size': [
    listing(
      [
        node('SplitToSequence', ['a', 'size'], ['parts'], { axis: 0 }),
        node('SequenceAt', ['parts', 'zero'], ['p']),
        node('SequenceAt', ['parts', 'one'], ['q']),
        product,
      ],
      { size: 2, zero: 0, one: 1 },
    ),
    [2, 5],
  ],
  'along a batch of any size, row by row': [
    listing(
      [
        node('SplitToSequence', ['a'], ['parts'], { axis: 0, keepdims: 0 }),
        node('SequenceAt', ['parts', 'one'], ['p']),
        node('SequenceAt', ['parts', 'back'], ['q']),
        product,
      ],
      { one: 1, back: -1 },
    ),
    [5],
  ],
}

describe('a split that is a sequence is trained through', () => {
  it.each(Object.entries(splits))('%s', async (_, [model, dims]) => {
    const { gradients } = await checkTraining(model, mse, { x, target: drawn(dims, 3) })
    expect(gradients.get('w')!.some((value) => value !== 0)).toBe(true)
  })

  it('and is refused where the sizes are fed', async () => {
    const model = listing(
      [
        node('SplitToSequence', ['a', 'sizes'], ['parts'], { axis: 1 }),
        node('SequenceAt', ['parts', 'zero'], ['y']),
      ],
      { zero: 0 },
    )
    model.graph.input.push(createValue('sizes', int64, [2]))
    model.graph.output[0] = createValue('y', double, ['batch', 'n'])
    await expect(generateArtifacts(model, mse)).rejects.toThrow(/no gradients pass through sequences/)
  })
})

describe('a list is trained through', () => {
  it.each([
    [0, [4, 15]],
    [1, [4, 3, 5]],
  ])('that is filled and joined (new_axis %i)', async (newAxis, dims) => {
    const model = listing(
      [
        node('Neg', ['a'], ['n']),
        node('Exp', ['a'], ['e']),
        node('SequenceConstruct', ['a', 'a', 'e'], ['made']),
        node('SequenceErase', ['made', 'one'], ['shorter']),
        node('SequenceInsert', ['shorter', 'n', 'one'], ['longer']),
        node('ConcatFromSequence', ['longer'], ['y'], { axis: 1, new_axis: newAxis }),
      ],
      { one: 1 },
    )
    await checkTraining(model, mse, { x, target: drawn(dims, 3) })
  })

  it('that a loop fills, with a condition from around it', async () => {
    const named = (name: string) => create(ValueInfoProtoSchema, { name })
    const body = create(GraphProtoSchema, {
      name: 'round',
      input: [createValue('i', int64, []), createValue('go', bool, []), named('h'), named('list')],
      node: [
        node('Gather', ['x', 'i'], ['column'], { axis: 1 }),
        node('Unsqueeze', ['column', 'one'], ['wide']),
        node('Mul', ['wide', 'w'], ['product']),
        node('Add', ['product', 'h'], ['sum']),
        node('Tanh', ['sum'], ['next']),
        node('SequenceInsert', ['list', 'next'], ['longer']),
        node('Identity', ['true'], ['on']),
      ],
      output: [named('on'), named('next'), named('longer')],
    })
    const model = listing(
      [
        node('SequenceEmpty', [], ['none'], { dtype: double }),
        node('SplitToSequence', ['x'], ['columns'], { axis: 1, keepdims: 0 }),
        node('SequenceLength', ['columns'], ['trips']),
        node('Loop', ['trips', 'true', 'a', 'none'], ['h', 'filled'], { body }),
        node('ConcatFromSequence', ['filled'], ['y'], { axis: 1, new_axis: 1 }),
      ],
      { one: [1] },
    )
    model.graph.initializer.push(createTensor('true', [], bool, Uint8Array.of(1)))
    await checkTraining(model, mse, { x, target: drawn([4, 5, 5], 3) })
  })
})
