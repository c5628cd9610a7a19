import { create } from '@bufbuild/protobuf'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  AttributeProtoSchema,
  dataType,
  GraphProtoSchema,
  type AttributeValue,
  type Model,
} from '../../src/proto/index.js'
import { lowerModel } from '../../src/lowering/index.js'
import { node, value } from '../builder.js'
import { isInstalled } from '../genuine/runtime.js'
import { runModel } from '../run.js'
import { opsets, runs } from './arbitraries.js'
import { declared, hidings } from './extents.js'
import { checkGradients, composed, drawn, gradientModel, single, tensor } from './harness.js'

const genuineAt = (opset: number): boolean => isInstalled && opset <= 17

describe('Where', () => {
  it('of three operands that are broadcast', async () => {
    const axis = fc.record({
      extent: fc.integer({ min: 1, max: 3 }),
      ones: fc.tuple(fc.boolean(), fc.boolean(), fc.boolean()),
    })
    const cuts = fc.tuple(fc.nat(3), fc.nat(3), fc.nat(3))
    await fc.assert(
      fc.asyncProperty(
        fc.array(axis, { maxLength: 3 }),
        cuts,
        hidings(3),
        opsets,
        async (axes, missing, hidden, opset) => {
          const [condition, a, b] = [0, 1, 2].map((i) =>
            axes.map(({ extent, ones }) => (ones[i] === true ? 1 : extent)).slice(missing[i]),
          )
          const chosen = Array.from(drawn(condition!, 5).data as Float64Array, (x) => (x > 0 ? 1 : 0))
          const model = single(
            'Where',
            {
              condition: { dims: condition!, type: dataType.bool },
              a: { dims: declared(a!, hidden) },
              b: { dims: b! },
            },
            {},
            { opset },
          )
          const inputs = {
            condition: tensor(condition!, chosen, dataType.bool),
            a: drawn(a!, 1),
            b: drawn(b!, 2),
          }
          await checkGradients(model, inputs, { genuine: genuineAt(opset) })
        },
      ),
      runs(60),
    )
  })
})

describe('Dropout', () => {
  const scalar = { dims: [], type: dataType.float }
  const switchOf = (isTraining: boolean) => ({ dims: [], type: dataType.bool, data: [isTraining ? 1 : 0] })

  it.each([13, 17, 22])('of opset %i drops out nothing at ratio 0 and outside training', async (opset) => {
    const x = { dims: ['n', 3] }
    const given = { x: drawn([4, 3], 1) }
    const off = single(
      'Dropout',
      { x, ratio: { ...scalar, data: [0.5] }, training: switchOf(false) },
      {},
      { opset },
    )
    const zero = single(
      'Dropout',
      { x, ratio: { ...scalar, data: [0] }, training: switchOf(true) },
      {},
      { opset },
    )
    for (const model of [single('Dropout', { x }, {}, { opset }), off, zero]) {
      await checkGradients(model, given, { genuine: genuineAt(opset) })
    }
  })

  it.each([
    [13, true, true],
    [17, true, false],
    [17, false, false],
    [22, true, true],
    [22, false, true],
  ])(
    'of opset %i with training %s drops what the forward pass dropped',
    async (opset, isTraining, isConstant) => {
      const forward = single(
        'Dropout',
        {
          x: { dims: [8, 8] },
          ratio: { ...scalar, data: [0.25] },
          training: isConstant ? switchOf(isTraining) : { dims: [], type: dataType.bool },
        },
        { seed: 7 },
        { opset },
      )
      const dY = drawn([8, 8], 2)
      const made = await gradientModel(forward, { y: dY }, ['x'])
      made.graph.output.push(...forward.graph.output)
      const x = drawn([8, 8], 1, { away: [0] })
      const { y, 'x/gradient': dX } = await runModel(lowerModel(made), {
        x: { type: 'float64', dims: x.dims, data: Array.from(x.data as Float64Array) },
        ...(!isConstant && { training: { type: 'bool', dims: [], data: [isTraining ? 1 : 0] } }),
      })
      const kept = y!.data.filter((result) => result !== 0).length
      if (isTraining) expect(kept).toBeGreaterThan(32)
      expect(kept < 64).toBe(isTraining)
      // Y = X·mask/(1 − ratio), so dX = dY·Y/X.
      dX!.data.forEach((gradient, i) => {
        expect(gradient).toBeCloseTo((Number(dY.data[i]) * y!.data[i]!) / Number(x.data[i]), 6)
      })
    },
  )
})

/** A branch of nodes without inputs of its own. */
function branch(name: string, nodes: readonly ReturnType<typeof node>[], output: string) {
  const graph = create(GraphProtoSchema, {
    name,
    node: [...nodes],
    output: [value(output, dataType.double, [2])],
  })
  return create(AttributeProtoSchema, { name, type: 5, g: graph })
}

/** y = z + w·x, where z is x or −x of a branch, or of w where `captures`. */
function branched(captures: 'x' | 'w'): Model {
  const choice = node('If', ['flag'], ['z'])
  choice.attribute.push(
    branch('then_branch', [node('Identity', [captures], ['then'])], 'then'),
    branch('else_branch', [node('Neg', [captures], ['else'])], 'else'),
  )
  const nodes = [choice, node('Mul', ['w', 'x'], ['wx']), node('Add', ['z', 'wx'], ['y'])]
  return composed(nodes, { x: { dims: [2] }, w: { dims: [2] }, flag: { dims: [], type: dataType.bool } }, [
    'y',
  ])
}

describe('control flow', () => {
  const flag = tensor([], [1], dataType.bool)
  const inputs = { x: drawn([2], 1), w: drawn([2], 2), flag }

  it('that depends on nothing trainable is no obstacle', async () => {
    await checkGradients(branched('x'), inputs, { wanted: ['w'], genuine: isInstalled })
  })

  it.each<[string, [string, string[], string[], Record<string, AttributeValue>][]]>([
    [
      'SequenceAt',
      [
        ['SequenceConstruct', ['x', 'x'], ['s'], {}],
        ['SequenceAt', ['s', 'zero'], ['y'], {}],
      ],
    ],
    [
      'ConcatFromSequence',
      [
        ['SequenceConstruct', ['x', 'x'], ['s'], {}],
        ['ConcatFromSequence', ['s'], ['y'], { axis: 0 }],
      ],
    ],
    [
      'SequenceAt',
      [
        ['SplitToSequence', ['x'], ['s'], {}],
        ['SequenceAt', ['s', 'zero'], ['y'], {}],
      ],
    ],
  ])('%s is refused', async (opType, nodes) => {
    const model = composed(
      nodes.map(([name, from, to, attributes]) => node(name, from, to, attributes)),
      { x: { dims: [2] }, zero: { dims: [], type: dataType.int64, data: [0] } },
      ['y'],
    )
    await expect(gradientModel(model, { y: drawn([2], 1) }, ['x'])).rejects.toThrow(
      new RegExp(`operator ${opType} .*no gradients pass through sequences`),
    )
  })
})
