import { describe, expect, it } from 'vitest'
import {
  adam,
  createOptimizer,
  definePreconditioner,
  encodeCheckpoint,
  fromJSON,
  inducedMetric,
  sgd,
  type InducedMetricOptions,
  type WeightAverage,
} from '@induced-metric/core'
import { expectError } from './support.js'

const engines = ['wasm', 'reference'] as const

describe.each(engines)('weights to evaluate with, %s', (engine) => {
  const over = (
    options: Partial<InducedMetricOptions>,
    data: Float32Array | Float64Array = new Float64Array([1, -2]),
  ) =>
    createOptimizer(
      inducedMetric(adam(), { learningRate: 0.25, ...options }),
      [{ name: 'w', shape: [data.length], data }],
      { engine },
    )
  type Made = ReturnType<typeof over>
  const step = (optimizer: Made) => optimizer.step([optimizer.parameters[0]!.data.map((w) => 2 * w + 0.5)])
  const own = (optimizer: Made) => [...optimizer.parameters[0]!.data]
  const evaluated = (optimizer: Made) => optimizer.withEvaluationWeights(() => own(optimizer))

  it.each([0, 0.5, 0.99])(
    '{ ema: %d } is the moving average from the weights after the first step',
    (decay) => {
      const optimizer = over({ averageWeights: { ema: decay } })
      expect(evaluated(optimizer)).toEqual([1, -2])
      let average: number[] = []
      for (let t = 1; t <= 12; t++) {
        step(optimizer)
        const now = own(optimizer)
        average = t === 1 ? now : average.map((x, i) => decay * x + (1 - decay) * now[i]!)
        evaluated(optimizer).forEach((x, i) => expect(x).toBeCloseTo(average[i]!, 14))
        expect(own(optimizer)).toEqual(now)
      }
    },
  )

  it.each([
    [{}, 1, 1],
    [{ start: 4 }, 4, 1],
    [{ start: 3, every: 4 }, 3, 4],
    [{ every: 3 }, 1, 3],
  ])('{ swa: %o } is the mean of the weights after its steps', (swa, start, every) => {
    const optimizer = over({ averageWeights: { swa } })
    const kept: number[][] = []
    for (let t = 1; t <= 16; t++) {
      step(optimizer)
      const now = own(optimizer)
      if (t >= start && (t - start) % every === 0) kept.push(now)
      const mean = now.map((x, i) =>
        kept.length === 0 ? x : kept.reduce((sum, weights) => sum + weights[i]!, 0) / kept.length,
      )
      evaluated(optimizer).forEach((x, i) => expect(x).toBeCloseTo(mean[i]!, 13))
    }
  })

  it.each([
    [{}, 5, 0.5],
    [{ syncPeriod: 1, slowStepSize: 0.25 }, 1, 0.25],
    [{ syncPeriod: 3, slowStepSize: 1 }, 3, 1],
  ])(
    'lookahead %o pulls the weights to the slow ones, which are evaluated with',
    (lookahead, period, share) => {
      const optimizer = over({ lookahead })
      const plain = over({})
      let slow = [1, -2]
      for (let t = 1; t <= 16; t++) {
        // The same step of the base, from the same weights and state.
        plain.parameters[0]!.data.set(own(optimizer))
        step(plain)
        step(optimizer)
        let expected = own(plain)
        if (t % period === 0) {
          slow = slow.map((x, i) => x + share * (expected[i]! - x))
          expected = slow
        }
        own(optimizer).forEach((x, i) => expect(x).toBeCloseTo(expected[i]!, 13))
        evaluated(optimizer).forEach((x, i) => expect(x).toBeCloseTo(slow[i]!, 13))
      }
    },
  )

  it('an average beside lookahead is of the weights that it leaves, and is evaluated with', () => {
    const both = over({ lookahead: { syncPeriod: 2 }, averageWeights: 0 })
    const sums = [0, 0]
    for (let t = 1; t <= 7; t++) {
      step(both)
      own(both).forEach((x, i) => (sums[i]! += x))
      evaluated(both).forEach((x, i) => expect(x).toBeCloseTo(sums[i]! / t, 13))
    }
  })

  it.each<[string, Partial<InducedMetricOptions>]>([
    ['ema', { averageWeights: { ema: 0.9 } }],
    ['swa', { averageWeights: { swa: { start: 2, every: 3 } } }],
    ['lookahead', { lookahead: { syncPeriod: 3 } }],
    ['both', { lookahead: { syncPeriod: 3 }, averageWeights: { ema: 0.9 } }],
    ['accumulated as well', { lookahead: { syncPeriod: 2 }, averageWeights: { swa: {} }, accumulate: 3 }],
  ])('continues from a checkpoint after any number of steps: %s', (_, options) => {
    const straight = over(options, new Float32Array([1, -2, 3]))
    for (let t = 0; t < 10; t++) step(straight)
    for (const after of [1, 4, 7]) {
      const first = over(options, new Float32Array([1, -2, 3]))
      for (let t = 0; t < after; t++) step(first)
      const second = over(options, Float32Array.from(own(first)))
      second.load(encodeCheckpoint(first.save()))
      expect(evaluated(second)).toEqual(evaluated(first))
      for (let t = after; t < 10; t++) step(second)
      expect(own(second)).toEqual(own(straight))
      expect(second.save()).toEqual(straight.save())
      second.reset()
      first.parameters[0]!.data.set(own(second))
      first.reset()
      for (const optimizer of [first, second]) for (let t = 0; t < 4; t++) step(optimizer)
      expect(own(second)).toEqual(own(first))
    }
  })

  it('a parameter that has taken no step is evaluated with as it is', () => {
    const optimizer = createOptimizer(
      inducedMetric(sgd(), { learningRate: 1, lookahead: {} }),
      ['a', 'b'].map((name) => ({ name, shape: [1], data: new Float64Array([3]) })),
      { engine },
    )
    optimizer.step([new Float64Array([1]), null])
    optimizer.withEvaluationWeights(() => {
      expect(optimizer.parameters.map(({ data }) => [...data])).toEqual([[3], [3]])
    })
    expect(optimizer.parameters[0]!.data[0]).not.toBe(3)
  })
})

describe('the options', () => {
  const transformation = (options: object) => inducedMetric(sgd(), { learningRate: 1, ...options })

  it('are data', () => {
    const averages: WeightAverage[] = [3, { ema: 0.99 }, { swa: {} }, { swa: { start: 10, every: 5 } }]
    const options = [
      ...averages.map((averageWeights) => ({ averageWeights })),
      { lookahead: {} },
      { lookahead: { syncPeriod: 6 } },
    ]
    for (const given of options) {
      const made = transformation(given)
      expect(made.toJSON()).toMatchObject(given)
      expect(fromJSON(JSON.parse(JSON.stringify(made))).toJSON()).toEqual(made.toJSON())
      const grouped = transformation({ groups: { heads: given } })
      expect(fromJSON(JSON.parse(JSON.stringify(grouped))).toJSON()).toEqual(grouped.toJSON())
    }
  })

  it.each([
    [{ averageWeights: { ema: 1 } }, 'averageWeights.ema'],
    [{ averageWeights: { ema: -0.1 } }, 'averageWeights.ema'],
    [{ averageWeights: {} }, 'averageWeights'],
    [{ averageWeights: { ema: 0.5, swa: {} } }, 'averageWeights'],
    [{ averageWeights: { swa: { start: 0 } } }, 'averageWeights.swa.start'],
    [{ averageWeights: { swa: { every: 1.5 } } }, 'averageWeights.swa.every'],
    [{ averageWeights: { swa: 3 } }, 'averageWeights.swa'],
    [{ averageWeights: { mean: 3 } }, 'mean'],
    [{ lookahead: true }, 'lookahead'],
    [{ lookahead: { k: 5 } }, 'k'],
    [{ lookahead: { syncPeriod: 0 } }, 'lookahead.syncPeriod'],
    [{ lookahead: { slowStepSize: 0 } }, 'lookahead.slowStepSize'],
    [{ lookahead: { slowStepSize: 1.5 } }, 'lookahead.slowStepSize'],
  ])('%o is ERR_OPTION', (options, name) => {
    expectError(() => transformation(options), 'ERR_OPTION', name)
  })

  it('a base with a slot of that name is refused', () => {
    const named = definePreconditioner({
      name: 'named',
      update: ({ gradient, slot }) => ({
        direction: slot('slowParameter'),
        slots: { slowParameter: gradient },
      }),
    })
    const create = (options: object) =>
      createOptimizer(inducedMetric(named(), { learningRate: 1, ...options }), [
        { name: 'w', shape: [1], data: new Float64Array(1) },
      ])
    expectError(() => create({ lookahead: {} }), 'ERR_OPTION', 'slowParameter', 'lookahead')
    create({ averageWeights: 1 }).dispose()
  })

  it('a base that has weights to evaluate with keeps those, and no others', () => {
    const evaluating = definePreconditioner({
      name: 'evaluating',
      update: ({ gradient, parameter }) => ({ direction: gradient, slots: {}, evaluation: parameter }),
    })
    for (const options of [{ lookahead: {} }, { averageWeights: { ema: 0.9 } }]) {
      expectError(
        () =>
          createOptimizer(inducedMetric(evaluating(), { learningRate: 1, ...options }), [
            { name: 'w', shape: [1], data: new Float64Array(1) },
          ]),
        'ERR_OPTION',
        'evaluating',
        Object.keys(options)[0]!,
      )
    }
  })
})
