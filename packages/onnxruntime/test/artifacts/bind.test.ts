import { create } from '@bufbuild/protobuf'
import { describe, expect, it } from 'vitest'
import { generateArtifacts, type GenerateOptions } from '../../src/artifacts.js'
import {
  AttributeProtoSchema,
  createNode as node,
  createTensor,
  createValue,
  dataType,
  GraphProtoSchema,
  int64Tensor,
  type Model,
  type NodeProto,
  type TensorProto,
  readModel,
} from '@induced-metric/onnx/proto'
import { drawn, tensor, type Tensor } from '../../../onnx/test/gradients/harness.js'
import { relativeError } from '../../../onnx/test/run.js'
import { checkTraining, forward } from './training.js'

const { double, int64, bool } = dataType
const x = drawn([4, 3], 1)
const target = drawn([4, 2], 2)
const weights = { w: drawn([3, 2], 3), v: drawn([3, 2], 4) }
const numberOf = (value: bigint): TensorProto => createTensor('', [], int64, BigInt64Array.of(value))

function graph(
  nodes: readonly NodeProto[],
  outputs: readonly string[],
  initializers: readonly TensorProto[] = [],
) {
  return create(GraphProtoSchema, {
    name: 'branch',
    node: [...nodes],
    output: outputs.map((name) => createValue(name, double)),
    initializer: [...initializers],
  })
}

type Branch = ReturnType<typeof graph>

function choice(condition: string, outputs: readonly string[], then: Branch, otherwise: Branch): NodeProto {
  const made = node('If', [condition], outputs)
  for (const [name, g] of [
    ['then_branch', then],
    ['else_branch', otherwise],
  ] as const) {
    made.attribute.push(create(AttributeProtoSchema, { name, type: 5, g }))
  }
  return made
}

/** x·w if the rate is 16000, x·v·2 otherwise; both branches call their values by the same names. */
function rated(parameters: Readonly<Record<string, Tensor>> = weights): Model {
  const model = forward(
    [
      node('Equal', ['sr', 'wide'], ['is wide']),
      choice(
        'is wide',
        ['y'],
        graph([node('MatMul', ['x', 'w'], ['inner'])], ['inner']),
        graph([node('MatMul', ['x', 'v'], ['inner']), node('Add', ['inner', 'inner'], ['twice'])], ['twice']),
      ),
    ],
    { x: ['batch', 3] },
    parameters,
    { y: ['batch', 2] },
  )
  model.graph.input.push(createValue('sr', int64, []))
  model.graph.initializer.push(Object.assign(numberOf(16000n), { name: 'wide' }))
  return model
}

describe('an input that is bound', () => {
  it.each<[NonNullable<GenerateOptions['bind']>, string]>([
    [{ sr: 16000n }, 'w'],
    [{ sr: 8000 }, 'v'],
    [{ sr: BigInt64Array.of(16000n) }, 'w'],
    [{ sr: { data: [16000], dims: [] } }, 'w'],
  ])('decides a branch, %#', async (bind, trained) => {
    const options: GenerateOptions = { loss: 'mse', bind }
    const { summary } = await generateArtifacts(rated(), options)
    expect(summary.inputs).toEqual(['x float64 [batch, 3]', 'target float64 [batch, 2]'])
    expect(summary.parameters.map(({ name }) => name)).toEqual([trained])
    const { gradients } = await checkTraining(rated(), options, { x, target })
    expect([...gradients.keys()]).toEqual([trained])
  })

  it('has the type of the input, and is no parameter', async () => {
    const model = forward(
      [node('Mul', ['x', 'scale'], ['s']), node('MatMul', ['s', 'w'], ['y'])],
      { x: ['batch', 3], scale: [1, 3] },
      { w: weights.w },
      { y: ['batch', 2] },
    )
    const options: GenerateOptions = { loss: 'mse', bind: { scale: [1, 2, 3] } }
    const { gradients } = await checkTraining(model, options, { x, target })
    expect([...gradients.keys()]).toEqual(['w'])
  })

  it.each<[NonNullable<GenerateOptions['bind']>, RegExp]>([
    [{ rate: 1 }, /ERR_OPTION: bind: the model has no input "rate"; it has x, sr/],
    [{ sr: 0.5 }, /ERR_OPTION: bind: the value of "sr" must be of int64, given 0.5/],
    [{ sr: [1, 2] }, /ERR_SHAPE: bind: the value of "sr" must be .*given 2 numbers/],
    [{ sr: '16000' as never }, /ERR_OPTION: bind: the value of "sr" must be a number/],
    [{ x: 1 }, /ERR_SHAPE: bind: the value of "x" must be \[batch, 3\]; give \{ data, dims \}/],
    [{ x: { data: [1, 2], dims: [1, 2] } }, /ERR_SHAPE: .*must be \[batch, 3\], given 2 numbers as \[1, 2\]/],
    [7 as never, /ERR_OPTION: bind takes values by input/],
  ])('is refused, %#', async (bind, message) => {
    await expect(generateArtifacts(rated(), { loss: 'mse', bind })).rejects.toThrow(message)
  })
})

describe('branches that known extents decide', () => {
  /** What torch.squeeze becomes: a branch for the extent 1, inside another, on a value of a branch before. */
  const nested = (): Model => {
    const asked = (name: string, from: string, axis: string, wanted: string): NodeProto[] => [
      node('Shape', [from], [`${name} shape`]),
      node('Gather', [`${name} shape`, axis], [`${name} extent`], { axis: 0 }),
      node('Equal', [`${name} extent`, wanted], [name]),
    ]
    const inner = choice(
      'again',
      ['s'],
      graph([node('Squeeze', ['u', 'axes'], ['out'])], ['out']),
      graph([node('Identity', ['u'], ['out'])], ['out']),
    )
    const model = forward(
      [
        ...asked('first', 'u', 'one', 'unit'),
        choice(
          'first',
          ['m'],
          graph(
            [...asked('again', 'u', 'one', 'unit'), inner, node('MatMul', ['s', 'own'], ['out'])],
            ['out'],
            [createTensor('own', [3, 2], double, weights.w.data)],
          ),
          graph([node('Identity', ['u'], ['out'])], ['out']),
        ),
        node('Add', ['m', 'b'], ['y']),
      ],
      { u: ['batch', 1, 3] },
      { b: drawn([2], 5) },
      { y: ['batch', 2] },
    )
    model.graph.initializer.push(
      Object.assign(numberOf(1n), { name: 'one' }),
      Object.assign(numberOf(1n), { name: 'unit' }),
      int64Tensor('axes', [1]),
    )
    return model
  }

  it('are taken, one within another, and their initializers are parameters', async () => {
    const u = tensor([4, 1, 3], Array.from(x.data, Number), double)
    const { gradients } = await checkTraining(nested(), { loss: 'mse' }, { u, target })
    expect([...gradients.keys()].sort()).toEqual(['b', 'own'])
  })

  it('stay where what decides them is fed, and the one that is taken is trained', async () => {
    for (const [rate, trained] of [
      [16000, 'w'],
      [8000, 'v'],
    ] as const) {
      const sr = tensor([], [rate], int64)
      const { gradients } = await checkTraining(rated(), { loss: 'mse' }, { x, target, sr })
      for (const [name, gradient] of gradients) {
        expect(gradient.some((value) => value !== 0)).toBe(name === trained)
      }
    }
  })

  it('pass on what a branch returns without computing it, to two outputs at once', async () => {
    const model = forward(
      [
        choice(
          'yes',
          ['p', 'q'],
          graph([node('Mul', ['h', 'h'], ['made'])], ['h', 'made']),
          graph([node('Neg', ['h'], ['made'])], ['made', 'made']),
        ),
        node('Add', ['p', 'q'], ['y']),
      ],
      { x: ['batch', 3] },
      { w: weights.w },
      { y: ['batch', 2] },
    )
    model.graph.node.unshift(node('MatMul', ['x', 'w'], ['h']))
    for (const flag of [1, 0]) {
      model.graph.initializer = model.graph.initializer.filter(({ name }) => name !== 'yes')
      model.graph.initializer.push(createTensor('yes', [], bool, Uint8Array.of(flag)))
      await checkTraining(model, { loss: 'mse' }, { x, target })
    }
  })
})

describe('loops', () => {
  const body = (nodes: readonly NodeProto[], outputs: readonly string[]): Branch => {
    const made = graph(nodes, outputs)
    made.output[0] = createValue(outputs[0]!, bool, [])
    made.input = [
      createValue('i', int64, []),
      createValue('on', bool, []),
      createValue('state', double, ['n', 2]),
    ]
    return made
  }
  /** s ← tanh(s·u + row i of the table), with every s returned. */
  const looped = (trips: string, condition = 'on'): Model => {
    const loop = node('Loop', [trips, '', 'h'], ['last', 'all'])
    const inner = body(
      [
        node('Gather', ['table', 'i'], ['row'], { axis: 0 }),
        node('MatMul', ['state', 'u'], ['m']),
        node('Add', ['m', 'row'], ['a']),
        node('Tanh', ['a'], ['next']),
        node('Identity', ['on'], ['same']),
        node('Less', ['i', 'two'], ['early']),
      ],
      [condition, 'next', 'next'],
    )
    loop.attribute.push(create(AttributeProtoSchema, { name: 'body', type: 5, g: inner }))
    const model = forward(
      [
        node('MatMul', ['x', 'w'], ['h']),
        loop,
        node('ReduceSum', ['all', 'axes'], ['s'], { keepdims: 0 }),
        node('Add', ['s', 'last'], ['y']),
      ],
      { x: ['batch', 3] },
      { w: weights.w, u: drawn([2, 2], 6), table: drawn([3, 2], 7) },
      { y: ['batch', 2] },
    )
    model.graph.initializer.push(
      Object.assign(numberOf(3n), { name: 'three' }),
      Object.assign(numberOf(2n), { name: 'two' }),
      int64Tensor('axes', [0]),
    )
    return model
  }

  it.each(['on', 'same'])('of a known number of rounds are written out (%s)', async (condition) => {
    const { gradients } = await checkTraining(looped('three', condition), { loss: 'mse' }, { x, target })
    expect([...gradients.keys()]).toEqual(['w', 'u', 'table'])
  })

  it('of a number that is bound, too', async () => {
    const model = looped('trips')
    model.graph.input.push(createValue('trips', int64, []))
    const bound = await checkTraining(model, { loss: 'mse', bind: { trips: 2 } }, { x, target })
    // Otherwise the loop stays, and gradients pass through it.
    const free = await checkTraining(model, { loss: 'mse' }, { x, target, trips: tensor([], [2], int64) })
    expect(free.loss).toBeCloseTo(bound.loss, 12)
    for (const [name, gradient] of bound.gradients) {
      expect(relativeError(free.gradients.get(name)!, gradient)).toBeLessThan(1e-12)
    }
  })

  it('stay where a round decides whether there is another, or where there are too many nodes', async () => {
    const many = looped('many')
    many.graph.initializer.push(Object.assign(numberOf(1000n), { name: 'many' }))
    for (const model of [looped('three', 'early'), many]) {
      const { trainModel } = await generateArtifacts(model, { loss: 'mse' })
      // One forwards and one backwards.
      expect(readModel(trainModel).graph.node.filter(({ opType }) => opType === 'Loop')).toHaveLength(2)
    }
    await checkTraining(looped('three', 'early'), { loss: 'mse' }, { x, target })
  })

  it('stay where no parameter passes them', async () => {
    const model = looped('three')
    const frozen: GenerateOptions = { loss: 'mse', outputNames: ['h'] }
    await checkTraining(model, frozen, { x, target })
  })
})
