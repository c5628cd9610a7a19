import { create } from '@bufbuild/protobuf'
import { describe, expect, it } from 'vitest'
import { dataType, GraphProtoSchema, type AttributeValue, type Model } from '../../src/proto/index.js'
import { node, value } from '../builder.js'
import { checkGradients, composed, drawn, gradientModel, tensor, type Operand } from './harness.js'

// Gradients through If, Loop and Scan, of inputs and of values that their graphs read from outside.

type Step = readonly [
  opType: string,
  inputs: string[],
  outputs: string[],
  attributes?: Record<string, AttributeValue>,
]

/** What the body of a Loop is given first. The runtime finds out other types. */
const counters: Readonly<Record<string, number>> = {
  i: dataType.int64,
  j: dataType.int64,
  go: dataType.bool,
  run: dataType.bool,
}

/** A branch or a body. */
function graph(inputs: readonly string[], steps: readonly Step[], outputs: readonly string[]) {
  const named = (name: string) => ({ name })
  return create(GraphProtoSchema, {
    name: `graph of ${outputs.join(' ')}`,
    node: steps.map(made),
    input: inputs.map((name) =>
      counters[name] === undefined ? named(name) : value(name, counters[name], []),
    ),
    output: outputs.map(named),
  })
}

function made([opType, inputs, outputs, attributes = {}]: Step) {
  return node(opType, inputs, outputs, attributes)
}

function whole(
  steps: readonly Step[],
  inputs: Readonly<Record<string, Operand>>,
  outputs: readonly string[],
): Model {
  return composed(steps.map(made), inputs, outputs)
}

const { bool, int64, float } = dataType
const count = { dims: [], type: int64 }
const switchOf = { dims: [], type: bool }
const rounds = (n: number) => tensor([], [n], int64)

describe('If', () => {
  const choice = whole(
    [
      [
        'If',
        ['flag'],
        ['z', 'u'],
        {
          then_branch: graph(
            [],
            [
              ['Mul', ['w', 'x'], ['a']],
              ['Sin', ['a'], ['b']],
              ['Identity', ['x'], ['x2']],
            ],
            ['b', 'x2'],
          ),
          else_branch: graph(
            [],
            [
              ['Exp', ['v'], ['c']],
              ['Neg', ['c'], ['d']],
            ],
            ['c', 'd'],
          ),
        },
      ],
      ['Mul', ['z', 'u'], ['y']],
    ],
    { w: { dims: [3] }, x: { dims: [3] }, v: { dims: ['n'] }, flag: switchOf },
    ['y'],
  )

  it.each([0, 1])('passes gradients through the branch that is taken (%i)', async (flag) => {
    const given = { w: drawn([3], 1), x: drawn([3], 2), v: drawn([3], 3), flag: tensor([], [flag], bool) }
    await checkGradients(choice, given)
  })

  it('in a branch of another', async () => {
    const inner: Step = [
      'If',
      ['inner'],
      ['p'],
      {
        then_branch: graph([], [['Mul', ['q', 'x'], ['r']]], ['r']),
        else_branch: graph([], [['Neg', ['q'], ['s']]], ['s']),
      },
    ]
    const model = whole(
      [
        [
          'If',
          ['outer'],
          ['y'],
          {
            then_branch: graph([], [['Sin', ['x'], ['q']], inner], ['p']),
            else_branch: graph([], [['Cos', ['x'], ['t']]], ['t']),
          },
        ],
      ],
      { x: { dims: [3] }, outer: switchOf, inner: switchOf },
      ['y'],
    )
    for (const [outer, within] of [
      [1, 1],
      [1, 0],
      [0, 0],
    ]) {
      const given = {
        x: drawn([3], 1),
        outer: tensor([], [outer!], bool),
        inner: tensor([], [within!], bool),
      }
      await checkGradients(model, given)
    }
  })
})

describe('Loop', () => {
  /** H ← tanh(w·h + x·k), which is also stacked, times u; k counts the rounds. */
  const recurrence = (next: readonly Step[] = [['Identity', ['go'], ['on']]]): Model =>
    whole(
      [
        [
          'Loop',
          ['trips', '', 'h0', 'k0'],
          ['last', 'counted', 'all'],
          {
            body: graph(
              ['i', 'go', 'h', 'k'],
              [
                ...next,
                ['Mul', ['h', 'w'], ['hw']],
                ['Mul', ['x', 'k'], ['xk']],
                ['Add', ['hw', 'xk'], ['sum']],
                ['Tanh', ['sum'], ['h2']],
                ['Mul', ['h2', 'u'], ['out']],
                ['Add', ['k', 'one'], ['k2']],
              ],
              ['on', 'h2', 'k2', 'out'],
            ),
          },
        ],
        ['ReduceSum', ['all', 'zero'], ['total'], { keepdims: 0 }],
        ['Mul', ['last', 'total'], ['y']],
      ],
      {
        h0: { dims: [3] },
        w: { dims: [3] },
        x: { dims: ['n'] },
        u: { dims: [1] },
        k0: { dims: [], data: [1] },
        one: { dims: [], data: [1] },
        two: { dims: [], type: int64, data: [2] },
        zero: { dims: [1], type: int64, data: [0] },
        trips: count,
      },
      ['y'],
    )
  const given = (n: number) => ({
    h0: drawn([3], 1),
    w: drawn([3], 2),
    x: drawn([3], 3),
    u: drawn([1], 4),
    trips: rounds(n),
  })

  it.each([1, 2, 5])('of %i rounds passes gradients back through time', async (n) => {
    await checkGradients(recurrence(), given(n))
  })

  it('ends where its body says so', async () => {
    await checkGradients(recurrence([['Less', ['i', 'two'], ['on']]]), given(100))
  })

  it('of no rounds gives what it was given', async () => {
    const model = whole(
      [
        [
          'Loop',
          ['trips', '', 'h0'],
          ['h'],
          {
            body: graph(
              ['i', 'go', 'a'],
              [
                ['Identity', ['go'], ['on']],
                ['Mul', ['a', 'w'], ['b']],
              ],
              ['on', 'b'],
            ),
          },
        ],
        ['Sin', ['h'], ['y']],
      ],
      { h0: { dims: [3] }, w: { dims: [3] }, trips: count },
      ['y'],
    )
    for (const n of [0, 3]) {
      await checkGradients(model, { h0: drawn([3], 1), w: drawn([3], 2), trips: rounds(n) })
    }
  })

  it('carries values that change places, stay, or come from outside', async () => {
    const model = whole(
      [
        [
          'Loop',
          ['trips', '', 'a0', 'b0', 'c0', 'd0'],
          ['a', 'b', 'c', 'd'],
          {
            body: graph(
              ['i', 'go', 'p', 'q', 'r', 's'],
              [
                ['Identity', ['go'], ['on']],
                ['Mul', ['q', 'r'], ['t']],
                ['Identity', ['w'], ['w2']],
              ],
              ['on', 't', 'p', 'r', 'w2'],
            ),
          },
        ],
        ['Sum', ['a', 'b', 'c', 'd'], ['y']],
      ],
      Object.fromEntries([
        ...['a0', 'b0', 'c0', 'd0', 'w'].map((name) => [name, { dims: [2] }]),
        ['trips', count],
      ]) as Record<string, Operand>,
      ['y'],
    )
    const inputs = Object.fromEntries(
      ['a0', 'b0', 'c0', 'd0', 'w'].map((name, i) => [name, drawn([2], i + 1)]),
    )
    await checkGradients(model, { ...inputs, trips: rounds(3) })
  })

  it('writes one element in each round', async () => {
    const model = whole(
      [
        [
          'Loop',
          ['trips', '', 'y0'],
          ['y'],
          {
            body: graph(
              ['i', 'go', 'before'],
              [
                ['Identity', ['go'], ['on']],
                ['Unsqueeze', ['i', 'zero'], ['at']],
                ['Gather', ['x', 'at'], ['a'], { axis: 0 }],
                ['Gather', ['w', 'at'], ['b'], { axis: 0 }],
                ['Mul', ['a', 'b'], ['product']],
                ['ScatterElements', ['before', 'at', 'product'], ['after'], { axis: 0 }],
              ],
              ['on', 'after'],
            ),
          },
        ],
      ],
      {
        x: { dims: [5] },
        w: { dims: [5] },
        y0: { dims: [5] },
        zero: { dims: [1], type: int64, data: [0] },
        trips: count,
      },
      ['y'],
    )
    await checkGradients(model, { x: drawn([5], 1), w: drawn([5], 2), y0: drawn([5], 3), trips: rounds(4) })
    // No state is kept of every round where the gradient needs none.
    const made = await gradientModel(model, { y: drawn([5], 1) }, ['x', 'w'])
    expect(made.graph.node.find(({ opType }) => opType === 'Loop')!.output).toHaveLength(2)
  })

  it('has branches and loops within', async () => {
    const inner: Step = [
      'Loop',
      ['two', '', 'h'],
      ['h3'],
      {
        body: graph(
          ['j', 'run', 'e'],
          [
            ['Identity', ['run'], ['runs']],
            ['Mul', ['e', 'w'], ['f']],
            ['Sin', ['f'], ['f2']],
          ],
          ['runs', 'f2'],
        ),
      },
    ]
    const model = whole(
      [
        [
          'Loop',
          ['trips', '', 'h0'],
          ['y'],
          {
            body: graph(
              ['i', 'go', 'h'],
              [
                ['Identity', ['go'], ['on']],
                ['Less', ['i', 'two'], ['early']],
                inner,
                [
                  'If',
                  ['early'],
                  ['h4'],
                  {
                    then_branch: graph([], [['Mul', ['h3', 'x'], ['m']]], ['m']),
                    else_branch: graph([], [['Add', ['h3', 'w'], ['n']]], ['n']),
                  },
                ],
              ],
              ['on', 'h4'],
            ),
          },
        ],
      ],
      {
        h0: { dims: [3] },
        w: { dims: [3] },
        x: { dims: [3] },
        two: { dims: [], type: int64, data: [2] },
        trips: count,
      },
      ['y'],
    )
    await checkGradients(model, { h0: drawn([3], 1), w: drawn([3], 2), x: drawn([3], 3), trips: rounds(3) })
  })

  it('lowers what only training builds of the runtime have', async () => {
    const model = whole(
      [
        [
          'Loop',
          ['trips', '', 'h0'],
          ['y'],
          {
            body: graph(
              ['i', 'go', 'h'],
              [
                ['Identity', ['go'], ['on']],
                ['Conv', ['h', 'w'], ['c'], { pads: [1, 1] }],
              ],
              ['on', 'c'],
            ),
          },
        ],
      ],
      { h0: { dims: [1, 2, 4], type: float }, w: { dims: [2, 2, 3], type: float }, trips: count },
      ['y'],
    )
    const reals = (dims: readonly number[], seed: number) =>
      tensor(dims, Array.from(drawn(dims, seed).data as Float64Array), float)
    const [h0, w] = [reals([1, 2, 4], 1), reals([2, 2, 3], 2)]
    // One round is linear in each input.
    await checkGradients(model, { h0, w, trips: rounds(1) }, { precision: 'float', step: 0.5 })
    const made = await gradientModel(model, { y: reals([1, 2, 4], 3) }, ['h0', 'w'])
    const backward = made.graph.node.find(({ name, opType }) => opType === 'Loop' && name.startsWith('y/'))!
    const inside = backward.attribute.find(({ name }) => name === 'body')!.g!.node
    expect(inside.filter(({ opType }) => opType.endsWith('Grad'))).toEqual([])
    expect(inside.map(({ opType }) => opType)).toContain('Conv')
  })

  it('that draws random numbers is refused', async () => {
    const model = whole(
      [
        [
          'Loop',
          ['trips', '', 'h0'],
          ['y'],
          {
            body: graph(
              ['i', 'go', 'h'],
              [
                ['Identity', ['go'], ['on']],
                ['RandomNormalLike', ['h'], ['noise']],
                ['Mul', ['h', 'noise'], ['n']],
              ],
              ['on', 'n'],
            ),
          },
        ],
      ],
      { h0: { dims: [3] }, trips: count },
      ['y'],
    )
    await expect(gradientModel(model, { y: drawn([3], 1) }, ['h0'])).rejects.toThrow(
      /ERR_NOT_SUPPORTED: operator Loop .*draws random numbers \(RandomNormalLike\).*between the parameter "h0" and the loss/,
    )
  })

  it('names the operator within that has no rule, and the parameter', async () => {
    const model = whole(
      [
        [
          'Loop',
          ['trips', '', 'h0'],
          ['y'],
          {
            body: graph(
              ['i', 'go', 'h'],
              [
                ['Identity', ['go'], ['on']],
                ['Det', ['h'], ['d']],
                ['Mul', ['h', 'd'], ['n']],
              ],
              ['on', 'n'],
            ),
          },
        ],
      ],
      { h0: { dims: [2, 2], type: float }, trips: count },
      ['y'],
    )
    await expect(gradientModel(model, { y: tensor([2, 2], [1, 2, 3, 4], float) }, ['h0'])).rejects.toThrow(
      /^ERR_NOT_SUPPORTED: operator Det .*has no gradient rule, and lies between the parameter "h0" and the loss\. Freeze/,
    )
  })
})

describe('Scan', () => {
  const axesAndDirections: [string, Record<string, AttributeValue>, number[], number[]][] = [
    ['the first axis forwards', {}, [4, 3], [4, 3, 2]],
    ['the first axis backwards', { scan_input_directions: [1, 0] }, [4, 3], [4, 3, 2]],
    [
      'other axes, in both directions',
      {
        scan_input_axes: [1, -1],
        scan_input_directions: [0, 1],
        scan_output_axes: [1],
        scan_output_directions: [1],
      },
      [3, 4],
      [3, 2, 4],
    ],
  ]

  it.each(axesAndDirections)('over %s', async (_, attributes, a, b) => {
    const body = graph(
      ['h', 'p', 'q'],
      [
        ['Mul', ['h', 'w'], ['hw']],
        ['Mul', ['hw', 'p'], ['hp']],
        ['ReduceSum', ['q', 'last'], ['r'], { keepdims: 0 }],
        ['Add', ['hp', 'r'], ['s']],
        ['Sin', ['s'], ['h2']],
        ['Mul', ['h2', 'p'], ['out']],
      ],
      ['h2', 'out'],
    )
    const model = whole(
      [['Scan', ['h0', 'a', 'b'], ['h', 'y'], { body, num_scan_inputs: 2, ...attributes }]],
      {
        h0: { dims: [3] },
        w: { dims: [3] },
        a: { dims: a.map((extent) => (extent === 4 ? 'time' : extent)) },
        b: { dims: b.map((extent) => (extent === 4 ? 'time' : extent)) },
        last: { dims: [1], type: int64, data: [-1] },
      },
      ['h', 'y'],
    )
    await checkGradients(model, { h0: drawn([3], 1), w: drawn([3], 2), a: drawn(a, 3), b: drawn(b, 4) })
  })

  it('without states computes distances, as scikit-learn’s converter writes them', async () => {
    const body = graph(
      ['c', 'row'],
      [
        ['Identity', ['c'], ['c2']],
        ['Sub', ['c', 'row'], ['difference']],
        ['ReduceSumSquare', ['difference'], ['distance'], { axes: [1], keepdims: 0 }],
      ],
      ['c2', 'distance'],
    )
    const model = whole(
      [['Scan', ['centres', 'x'], ['same', 'y'], { body, num_scan_inputs: 1 }]],
      { centres: { dims: [4, 3] }, x: { dims: ['n', 3] } },
      ['y'],
    )
    await checkGradients(model, { centres: drawn([4, 3], 1), x: drawn([5, 3], 2) })
  })
})
