import { describe, expect, it, vi } from 'vitest'
import {
  adam,
  algebra,
  createOptimizer,
  decodeCheckpoint,
  definePreconditioner,
  encodeCheckpoint,
  inducedMetric,
  sgd,
  type Checkpoint,
  type InducedMetricOptions,
  type Preconditioner,
} from '@induced-metric/core'
import { expectError } from './support.js'

const { add, div, dot, ema, every, inverseRoot, matmul, mul, sqrt, sub, transpose, when, greater } = algebra

const engines = ['reference', 'wasm'] as const

interface Given {
  readonly options?: Partial<InducedMetricOptions>
  readonly engine?: 'reference' | 'wasm'
  readonly parameters?: readonly {
    readonly name: string
    readonly shape: readonly number[]
    readonly group?: string
    readonly rowsAre?: 'outputs' | 'inputs'
  }[]
}

function optimizerOf(base: Preconditioner, { options, engine, parameters }: Given = {}) {
  const infos = parameters ?? [{ name: 'w', shape: [3] }]
  const data = infos.map(({ shape }) => new Float64Array(shape.reduce((a, b) => a * b, 1)).fill(1))
  return createOptimizer(
    inducedMetric(base, { learningRate: 0.5, xi: 0, ...options }),
    infos.map((info, i) => ({ ...info, data: data[i]! })),
    { engine: engine ?? 'reference' },
  )
}

const gradient = () => [new Float64Array([1, 2, 2])]

/** Schedule-Free SGD (Defazio et al., 2024): θ is y, and the weights to evaluate with are x = (y − (1−β)z)/β. */
const free = definePreconditioner({
  name: 'free',
  hyperparameters: { beta: { kind: 'number', default: 0.75, min: 0, max: 1, above: true } },
  update({ gradient: g, parameter: y, slot, step, beta, learningRate, scale }) {
    const z = slot('z', 'parameter')
    const x = div(sub(y, mul(sub(1, beta), z)), beta)
    const nextZ = sub(z, mul(mul(learningRate, scale), g))
    const nextX = add(x, div(sub(nextZ, x), step))
    return {
      direction: g,
      slots: { z: nextZ },
      parameter: add(mul(beta, nextX), mul(sub(1, beta), nextZ)),
      evaluation: div(sub(y, mul(sub(1, beta), slot('z', 'parameter'))), beta),
    }
  },
})

describe.each(engines)('weights to evaluate with: %s', (engine) => {
  it.each([0, 0.25])('come from slots, and the parameters come back: ξ = %d', (xi) => {
    const optimizer = optimizerOf(free(), { engine, options: { xi } })
    const [y, z, x] = [
      [1, 1, 1],
      [1, 1, 1],
      [1, 1, 1],
    ]
    for (let t = 1; t <= 3; t++) {
      const { scale } = optimizer.step(gradient())
      gradient()[0]!.forEach((g, i) => {
        z[i]! -= 0.5 * scale * g
        x[i]! += (z[i]! - x[i]!) / t
        y[i] = 0.75 * x[i]! + 0.25 * z[i]!
      })
    }
    const { data } = optimizer.parameters[0]!
    const close = (values: readonly number[]) => values.map((value) => expect.closeTo(value, 12) as number)
    expect([...data]).toEqual(close(y))
    const own = [...data]
    expect(optimizer.withEvaluationWeights(() => [...optimizer.parameters[0]!.data])).toEqual(close(x))
    expect([...optimizer.parameters[0]!.data]).toEqual(own)
    expect([...optimizer.slots[0]!['z']!]).toEqual(close(z))
  })

  it('are the parameters before the first step', () => {
    const optimizer = optimizerOf(free(), { engine })
    expect(optimizer.withEvaluationWeights(() => [...optimizer.parameters[0]!.data])).toEqual([1, 1, 1])
  })

  it('start from the parameter as it is then, and again after a reset', () => {
    const optimizer = optimizerOf(free(), { engine })
    optimizer.parameters[0]!.data.fill(4)
    optimizer.step(gradient())
    expect([...optimizer.slots[0]!['z']!]).toEqual([3.5, 3, 3])
    optimizer.reset()
    optimizer.parameters[0]!.data.fill(8)
    optimizer.step(gradient())
    expect([...optimizer.slots[0]!['z']!]).toEqual([7.5, 7, 7])
  })
})

describe('a base with weights to evaluate with', () => {
  it('leaves no place for averageWeights', () => {
    expectError(
      () => optimizerOf(free(), { options: { averageWeights: 3 } }),
      'ERR_OPTION',
      'free',
      'averageWeights',
    )
  })
})

describe.each(engines)('a base that reads the loss: %s', (engine) => {
  const polyakish = definePreconditioner({
    name: 'polyakish',
    update: ({ gradient: g, loss }) => ({ direction: mul(div(loss, dot(g, g)), g), slots: {} }),
  })

  it('takes steps by it', () => {
    const optimizer = optimizerOf(polyakish(), { engine })
    optimizer.step(gradient(), { loss: 18 })
    expect([...optimizer.parameters[0]!.data]).toEqual([0, -1, -1])
  })

  it('says who reads it where there is none', () => {
    const optimizer = optimizerOf(polyakish(), { engine })
    expectError(() => optimizer.step(gradient()), 'ERR_LOSS_REQUIRED', 'the base polyakish')
  })

  it.each([NaN, Infinity])('takes no step for %d', (loss) => {
    const optimizer = optimizerOf(polyakish(), { engine })
    expect(optimizer.step(gradient(), { loss }).skipped).toBe(true)
    expect([...optimizer.parameters[0]!.data]).toEqual([1, 1, 1])
    const strict = optimizerOf(polyakish(), { engine, options: { onNonFinite: 'throw' } })
    expectError(() => strict.step(gradient(), { loss }), 'ERR_NON_FINITE', `the loss is ${loss}`)
  })
})

/** A length that all parameters of a profile have in common, and the largest of it. */
const common = definePreconditioner({
  name: 'common',
  update({ gradient: g, total, shared, profileStep }) {
    const length = sqrt(total(dot(g, g)))
    const largest = algebra.max(shared('largest', 0.5), length)
    const mean = div(add(mul(shared('mean'), sub(profileStep, 1)), length), profileStep)
    return { direction: div(g, largest), slots: {}, shared: { largest, mean } }
  },
})

describe.each(engines)('totals: %s', (engine) => {
  const parameters = [
    { name: 'a', shape: [3] },
    { name: 'b', shape: [1] },
    { name: 'c', shape: [1], group: 'other' },
  ]
  const gradients = (k: number) => [
    new Float64Array([k, 0, 0]),
    new Float64Array([k]),
    new Float64Array([3 * k]),
  ]

  it('are those of the parameters with the same options', () => {
    const optimizer = optimizerOf(common(), {
      engine,
      parameters,
      options: { groups: { other: { weightDecay: 0.125 } } },
    })
    optimizer.step(gradients(2))
    optimizer.step(gradients(1))
    const length = Math.sqrt(8)
    expect(optimizer.parameters[1]!.data[0]).toBeCloseTo(1 - 0.5 * (2 / length) - 0.5 / length, 14)
    expect(optimizer.save().profiles).toEqual([
      { key: '', steps: 2, values: { largest: length, mean: expect.closeTo(0.75 * length, 12) as number } },
      { key: 'other', steps: 2, values: { largest: 6, mean: 4.5 } },
    ])
  })

  it('leave out parameters without a gradient, and a profile without any keeps what it has', () => {
    const optimizer = optimizerOf(common(), {
      engine,
      parameters,
      options: { groups: { other: { weightDecay: 0 } } },
    })
    optimizer.step([gradients(3)[0]!, null, null])
    expect(optimizer.save().profiles).toEqual([
      { key: '', steps: 1, values: { largest: 3, mean: 3 } },
      { key: 'other', steps: 0, values: { largest: 0.5, mean: 0 } },
    ])
  })

  it('are of clipped gradients', () => {
    const optimizer = optimizerOf(common(), {
      engine,
      parameters: parameters.slice(0, 2),
      options: { clipNorm: 0.75 },
    })
    optimizer.step(gradients(2).slice(0, 2))
    expect(optimizer.save().profiles![0]!.values['largest']).toBeCloseTo(0.75, 14)
  })

  it('that overflow take no step', () => {
    const optimizer = optimizerOf(common(), { engine, parameters: parameters.slice(0, 2) })
    expect(optimizer.step(gradients(1e200).slice(0, 2)).skipped).toBe(true)
    expect(optimizer.save().profiles![0]).toEqual({ key: '', steps: 0, values: { largest: 0.5, mean: 0 } })
  })
})

describe('shared scalars', () => {
  it('are saved and loaded, start afresh from a checkpoint without them, and are reset', () => {
    const first = optimizerOf(common())
    first.step(gradient())
    const saved = decodeCheckpoint(encodeCheckpoint(first.save()))
    const second = optimizerOf(common())
    second.load(saved)
    expect(second.save()).toEqual(first.save())
    const { profiles, ...old } = saved
    expect(profiles).toHaveLength(1)
    second.load(old)
    expect(second.save().profiles).toEqual([{ key: '', steps: 0, values: { largest: 0.5, mean: 0 } }])
    first.reset()
    expect(first.save().profiles).toEqual([{ key: '', steps: 0, values: { largest: 0.5, mean: 0 } }])
  })

  it.each<[string, unknown]>([
    ['no list', {}],
    ['no values', [{ key: '', steps: 1 }]],
    ['a value that is not finite', [{ key: '', steps: 1, values: { largest: NaN } }]],
    ['two of a key', [1, 2].map((steps) => ({ key: '', steps, values: {} }))],
    ['null', [null]],
  ])('with %s are no part of a checkpoint', (_, profiles) => {
    const optimizer = optimizerOf(common())
    const before = optimizer.save()
    expectError(() => optimizer.load({ ...before, profiles } as unknown as Checkpoint), 'ERR_CHECKPOINT')
    expect(optimizer.save()).toEqual(before)
  })

  it('are kept for the base and for the fallback of a group apart', () => {
    const matrices = definePreconditioner({
      name: 'matrices',
      matrix: true,
      update({ gradient: g, shared }) {
        const count = add(shared('count'), 1)
        return { direction: g, slots: {}, shared: { count } }
      },
    })
    const optimizer = optimizerOf(matrices(), {
      options: { fallback: common() },
      parameters: [
        { name: 'm', shape: [1, 2] },
        { name: 'v', shape: [2] },
      ],
    })
    optimizer.step([new Float64Array(2).fill(1), new Float64Array(2).fill(1)])
    expect(optimizer.save().profiles!.map(({ key }) => key)).toEqual(['', ' (fallback)'])
  })
})

describe('the structural hash', () => {
  const hashOf = (square: boolean): string => {
    const summed = definePreconditioner({
      name: 'summed',
      update: ({ gradient: g, total }) => ({ direction: mul(total(square ? mul(g, g) : g), g), slots: {} }),
    })
    return optimizerOf(summed()).save().hash
  }

  it('tells totals apart', () => {
    expect(hashOf(true)).toBe(hashOf(true))
    expect(hashOf(true)).not.toBe(hashOf(false))
  })
})

describe('slots of other shapes', () => {
  const diagonal = definePreconditioner({
    name: 'twosided',
    matrix: true,
    flatten: true,
    update({ gradient: g, slot }) {
      const left = add(slot('left', { shape: 'rows,rows', initial: 'identity' }), matmul(g, transpose(g)))
      return { direction: g, slots: { left } }
    },
  })
  const kernel = { name: 'k', shape: [2, 3, 5] }

  it.each<['outputs' | 'inputs', number]>([
    ['outputs', 2],
    ['inputs', 6],
  ])('of a kernel whose rows are %s have %i rows', (rowsAre, rows) => {
    const optimizer = optimizerOf(diagonal(), { parameters: [{ ...kernel, rowsAre }] })
    expect(optimizer.slots[0]!['left']).toEqual(
      Float64Array.from({ length: rows * rows }, (_, k) => (k % (rows + 1) === 0 ? 1 : 0)),
    )
    optimizer.step([new Float64Array(30).fill(1)])
    expect(optimizer.slots[0]!['left']![0]).toBe(1 + 30 / rows)
    expect(optimizer.save().parameters[0]!.slotShapes).toEqual({ left: [rows, rows] })
    optimizer.reset()
    expect(optimizer.slots[0]!['left']![0]).toBe(1)
  })

  it('belong to the fallback where kernels are no matrices', () => {
    const plain = definePreconditioner({ ...diagonal.definition, name: 'plain', flatten: false })
    expect(Object.keys(optimizerOf(plain(), { parameters: [kernel] }).slots[0]!)).toEqual(['m', 'v'])
    const chosen = definePreconditioner({
      name: 'chosen',
      matrix: true,
      hyperparameters: { flatten: { kind: 'boolean', default: false } },
      update: ({ gradient: g, slot }) => ({ direction: g, slots: { r: slot('r', { shape: 'rows' }) } }),
    })
    expect(Object.keys(optimizerOf(chosen(), { parameters: [kernel] }).slots[0]!)).toEqual(['m', 'v'])
    expect(Object.keys(optimizerOf(chosen({ flatten: true }), { parameters: [kernel] }).slots[0]!)).toEqual([
      'r',
    ])
  })

  it('must have the shape in the checkpoint that they have here', () => {
    const optimizer = optimizerOf(diagonal(), { parameters: [kernel] })
    const saved = optimizer.save()
    const [parameter] = saved.parameters
    const altered = (slotShapes: unknown): Checkpoint =>
      ({ ...saved, parameters: [{ ...parameter!, slotShapes }] }) as Checkpoint
    expectError(() => optimizer.load(altered({ left: [4, 1] })), 'ERR_CHECKPOINT', 'left', '[2, 2]', '[4, 1]')
    expectError(() => optimizer.load(altered(undefined)), 'ERR_CHECKPOINT', 'left', '[2, 3, 5]')
    for (const wrong of [3, { left: 2 }, { left: [2.5] }, { left: [-1, 2] }, null])
      expectError(() => optimizer.load(altered(wrong)), 'ERR_CHECKPOINT')
    expect(optimizer.save()).toEqual(saved)
  })

  it('leave the checkpoints of other bases as they were', () => {
    const header = JSON.stringify(optimizerOf(adam()).save())
    expect(header).not.toContain('slotShapes')
    expect(header).not.toContain('profiles')
  })
})

describe.each(engines)('scale and learning rate: %s', (engine) => {
  it('may enter slots', () => {
    const scaled = definePreconditioner({
      name: 'scaled',
      update({ gradient: g, slot, learningRate, scale }) {
        const moved = sub(slot('moved'), mul(mul(learningRate, scale), g))
        return { direction: g, slots: { moved } }
      },
    })
    const optimizer = optimizerOf(scaled(), { engine, options: { xi: 0.5 } })
    let scale = 0
    for (let t = 0; t < 3; t++) scale += optimizer.step(gradient()).scale
    expect(optimizer.slots[0]!['moved']![1]).toBeCloseTo(-scale, 14)
    expect(optimizer.parameters[0]!.data[1]).toBeCloseTo(1 - scale, 14)
  })
})

describe.each(engines)('normal numbers: %s', (engine) => {
  const noisy = definePreconditioner({
    name: 'noisy',
    hyperparameters: { seed: { kind: 'integer', default: 0 } },
    update: ({ gradient: g, normal }) => ({
      direction: add(g, mul(0.5, add(normal(), normal(1)))),
      slots: {},
    }),
  })

  it('are the same in each run, for each seed', () => {
    const run = (seed: number): number[] => {
      const optimizer = optimizerOf(noisy({ seed }), { engine })
      for (let t = 0; t < 2; t++) optimizer.step(gradient())
      return [...optimizer.parameters[0]!.data]
    }
    expect(run(1)).toEqual(run(1))
    expect(run(1)).not.toEqual(run(2))
  })
})

describe('when', () => {
  it('leaves out what only the other value needs', () => {
    let values = 0
    const rooted = definePreconditioner({
      name: 'rooted',
      matrix: true,
      update({ gradient: g, slot }) {
        const kept = slot('root', { shape: 'rows,rows', initial: 'identity' })
        values++
        const root = every(3, inverseRoot(matmul(g, transpose(g)), 2, 1), kept)
        return { direction: matmul(root, g), slots: { root } }
      },
    })
    const n = 12
    const optimizer = optimizerOf(rooted(), { parameters: [{ name: 'm', shape: [n, 1] }] })
    const g = [Float64Array.from({ length: n }, (_, k) => Math.sin(k))]
    // The rotations of the eigenvalue iteration are the only thing in a step that takes a hypotenuse.
    const hypot = vi.spyOn(Math, 'hypot')
    const rotations = Array.from({ length: 6 }, () => {
      hypot.mockClear()
      optimizer.step(g)
      return hypot.mock.calls.length
    })
    hypot.mockRestore()
    expect(values).toBe(1)
    // The third and the sixth step have the eigenvalues, the others two products with a vector.
    expect(rotations.map((count) => count > 0)).toEqual([false, false, true, false, false, true])
    expect(optimizer.slots[0]!['root']![0]).not.toBe(1)
  })

  it('may choose by hyperparameters on a schedule', () => {
    const switched = definePreconditioner({
      name: 'switched',
      hyperparameters: { on: { kind: 'number', default: 0 } },
      update: ({ gradient: g, on }) => ({ direction: when(greater(on, 0.5), g, mul(2, g)), slots: {} }),
    })
    const optimizer = optimizerOf(switched({ on: (step) => step % 2 }))
    optimizer.step(gradient())
    expect(optimizer.parameters[0]!.data[0]).toBe(0.5)
    optimizer.step(gradient())
    expect(optimizer.parameters[0]!.data[0]).toBe(-0.5)
  })

  it('keeps an average whose work is left out', () => {
    const slow = definePreconditioner({
      name: 'slow',
      update({ gradient: g, slot }) {
        const kept = slot('m')
        const m = every(2, ema(kept, g, 0.5), kept)
        return { direction: m, slots: { m } }
      },
    })
    const optimizer = optimizerOf(slow())
    const seen = [1, 2, 3, 4].map(() => {
      optimizer.step(gradient())
      return optimizer.slots[0]!['m']![0]
    })
    expect(seen).toEqual([0, 0.5, 0.5, 0.75])
  })
})

describe('definitions that cannot be', () => {
  type Update = Parameters<typeof definePreconditioner>[0]['update']
  const plan = (update: Update, matrix: boolean | 'optional' = 'optional', options = {}) =>
    optimizerOf(definePreconditioner({ name: 'odd', matrix, update })(), {
      options,
      parameters: [
        { name: 'm', shape: [2, 3] },
        { name: 'v', shape: [2] },
      ],
    })

  it.each<[what: string, update: Update, words: string[]]>([
    [
      'a direction with the scale in it',
      ({ gradient: g, scale }) => ({ direction: mul(scale, g), slots: {} }),
      ['direction', 'scale'],
    ],
    [
      'a dual with the scale in it',
      ({ gradient: g, scale }) => ({ direction: g, dual: mul(scale, g), slots: {} }),
      ['dual', 'scale'],
    ],
    [
      'a total of totals',
      ({ gradient: g, total }) => ({ direction: mul(total(mul(total(g), g)), g), slots: {} }),
      ['a total', 'total.0'],
    ],
    [
      'a total of the scale',
      ({ gradient: g, total, scale }) => ({ direction: mul(total(mul(scale, g)), g), slots: {} }),
      ['a total', 'scale'],
    ],
    [
      'a total of a number',
      ({ gradient: g, total }) => ({ direction: mul(total(2 as never), g), slots: {} }),
      ['total'],
    ],
    [
      'a shared scalar of one parameter',
      ({ gradient: g, shared, step }) => ({ direction: g, slots: {}, shared: { a: add(shared('a'), step) } }),
      ['shared scalar a', 'step'],
    ],
    [
      'a shared scalar never asked for',
      ({ gradient: g, profileStep }) => ({ direction: g, slots: {}, shared: { a: profileStep } }),
      ['shared scalar a', 'never asked for'],
    ],
    [
      'shared scalars that differ between parameters',
      ({ gradient: g, shared, matrix }) => ({
        direction: g,
        slots: {},
        shared: { a: add(shared('a'), matrix ? 1 : 2) },
      }),
      ['same for every parameter', 'm and v'],
    ],
    [
      'a condition on the loss',
      ({ gradient: g, loss }) => ({ direction: when(loss, g, mul(2, g)), slots: {} }),
      ['condition', 'loss'],
    ],
    [
      'a condition on a tensor',
      ({ gradient: g }) => ({ direction: when(dot(g, g), g, mul(2, g)), slots: {} }),
      ['condition', 'tensor'],
    ],
    [
      'weights to evaluate with of the gradient',
      ({ gradient: g, parameter }) => ({ direction: g, slots: {}, evaluation: sub(parameter, g) }),
      ['evaluation', 'gradient'],
    ],
    [
      'a slot of an unknown shape',
      ({ gradient: g, slot }) => ({ direction: g, slots: { a: slot('a', { shape: 'row' as never }) } }),
      ['slot a', '"row"', 'rows'],
    ],
    [
      'normal numbers without a seed',
      ({ gradient: g, normal }) => ({ direction: add(g, normal()), slots: {} }),
      ['seed'],
    ],
    [
      'a slot asked for in two shapes',
      ({ gradient: g, slot }) => ({
        direction: mul(slot('a', { shape: 'scalar' }), g),
        slots: { a: slot('a') },
      }),
      ['slot a', 'shapes'],
    ],
    [
      'every half step',
      ({ gradient: g }) => ({ direction: every(0.5, g, mul(2, g)), slots: {} }),
      ['every', '0.5'],
    ],
  ])('%s is ERR_OPTION', (_, update, words) => {
    expectError(() => plan(update), 'ERR_OPTION', ...words)
  })

  it.each<[what: string, update: Update, words: string[]]>([
    [
      'rows of a parameter that is none',
      ({ gradient: g, slot }) => ({ direction: g, slots: { a: slot('a', { shape: 'rows' }) } }),
      ['slot a', 'matrix: true'],
    ],
    [
      'a vector that starts from the parameter',
      ({ gradient: g, slot, matrix }) => ({
        direction: g,
        slots: matrix ? { a: slot('a', { shape: 'rows', initial: 'parameter' }) } : {},
      }),
      ['slot a', "'parameter'"],
    ],
    [
      'a tensor that starts from the identity',
      ({ gradient: g, slot }) => ({ direction: g, slots: { a: slot('a', 'identity') } }),
      ['slot a', "'identity'"],
    ],
    [
      'a slot that starts from the scale',
      ({ gradient: g, slot, scale }) => ({ direction: g, slots: { a: slot('a', scale) } }),
      ['slot a', 'hyperparameters'],
    ],
    [
      'a scalar slot given back as a tensor',
      ({ gradient: g, slot }) => {
        slot('a', { shape: 'scalar' })
        return { direction: g, slots: { a: g } }
      },
      ['slot a', 'scalar'],
    ],
    [
      'a parameter that is a scalar',
      ({ gradient: g }) => ({ direction: g, slots: {}, parameter: dot(g, g) }),
      ['parameter', 'scalar'],
    ],
  ])('%s is ERR_SHAPE', (_, update, words) => {
    expectError(() => plan(update), 'ERR_SHAPE', ...words)
  })

  it.each<[string, object]>([
    ['matrix', { matrix: 'always' }],
    ['flatten', { matrix: true, flatten: 1 }],
    ['flatten', { flatten: true }],
    ['flatten', { hyperparameters: { flatten: { kind: 'boolean', default: true } } }],
  ])('an odd %s is ERR_OPTION', (word, options) => {
    const definition = { ...sgd.definition, name: 'odd', ...options }
    expectError(() => definePreconditioner(definition as never), 'ERR_OPTION', word)
  })

  it.each(['size', 'scale', 'loss', 'matrix', 'total', 'shared', 'normal', 'learningRate', 'profileStep'])(
    'a hyperparameter named %s is ERR_OPTION',
    (name) => {
      expectError(
        () =>
          definePreconditioner({
            name: 'odd',
            hyperparameters: { [name]: { kind: 'number', default: 1 } },
            update: ({ gradient: g }) => ({ direction: g, slots: {} }),
          }),
        'ERR_OPTION',
        name,
      )
    },
  )
})
