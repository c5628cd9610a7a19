import { adam, inducedMetric, muon, sgd, type Transformation } from '@induced-metric/core'
import {
  createModelOptimizer,
  type AdoptableModel,
  type AdoptableParameter,
  type ModelOptimizer,
} from '@induced-metric/core/adapter'
import { describe, expect, it } from 'vitest'
import { createMemory } from '../src/engines/wasm/memory.js'
import { expectError } from './support.js'

type Adopting = ModelOptimizer<readonly AdoptableParameter[] | undefined>

interface Held {
  readonly parameter: AdoptableParameter
  rows: (Float32Array | number[])[]
  gradient: Float32Array | undefined
}

/** A parameter of some model. */
function hold(name: string, rows: (Float32Array | number[])[]): Held {
  const held: Held = {
    rows,
    gradient: undefined,
    parameter: {
      name,
      shape: [rows.length, rows[0]!.length],
      rows: rows.length,
      get: (row) => held.rows[row],
      set: (row, array) => (held.rows[row] = array),
      setGradient: (array) => (held.gradient = array),
    },
  }
  return held
}

const model = (list: readonly Held[]): AdoptableModel => ({
  owner: () => list,
  parameters: () => list.map(({ parameter }) => parameter),
})
const numbers = ({ rows }: Held): number[] => rows.flatMap((row) => Array.from(row))
const step = (optimizer: Adopting): unknown => optimizer.step(optimizer.gradients, { loss: 1 })

/** An optimiser that has adopted the parameters. */
function adopting(transformation: Transformation, list: readonly Held[], options = {}): Adopting {
  const optimizer = createModelOptimizer(transformation, model(list), options)
  optimizer.follow()
  return optimizer
}

describe.each([
  ['adam', inducedMetric(adam(), { learningRate: 0.1 })],
  ['muon', inducedMetric(muon(), { learningRate: 0.1 })],
])('an adopted model trained by %s', (_, transformation) => {
  const make = (): Held[] => [
    hold('a', [Float32Array.of(1, 2, 3), Float32Array.of(4, 5, 6)]),
    hold('b', [[0.5, 0.25]]),
  ]

  it('follows a memory that grows', () => {
    const memory = createMemory()
    const [held, twins] = [make(), make()]
    const optimizer = adopting(transformation, held, { memory })
    const twin = adopting(transformation, twins)
    const fill = ({ gradients }: Adopting): void =>
      gradients.forEach((gradient, i) => gradient.forEach((_, j) => (gradient[j] = i + j + 1)))
    for (const each of [optimizer, twin]) {
      fill(each)
      step(each)
    }
    const before = held.map(numbers)
    expect(before).toEqual(twins.map(numbers))

    fill(optimizer)
    memory.grow(1)
    // Every view of the memory has just lost its elements.
    expect(held[0]!.rows[1]!).toHaveLength(0)
    const parameters = optimizer.follow()
    expect(optimizer.report.step).toBe(1)
    expect(held.map(numbers)).toEqual(before)
    fill(twin)
    for (const each of [optimizer, twin]) step(each)
    expect(held.map(numbers)).toEqual(twins.map(numbers))
    expect(held[0]!.rows[1]!).toHaveLength(3)
    expect(held.map(({ gradient }) => gradient)).toEqual(optimizer.gradients)
    expect(optimizer.follow()).toBe(parameters)
  })

  it('may have gradients elsewhere, which are copied', () => {
    const [held, twins] = [make(), make()]
    const optimizer = adopting(transformation, held)
    const twin = adopting(transformation, twins)
    const gradients = [Float32Array.of(1, 2, 3, 4, 5, 6), Float32Array.of(7, 8)]
    optimizer.step(gradients, { loss: 1 })
    twin.gradients.forEach((gradient, i) => gradient.set(gradients[i]!))
    step(twin)
    expect(held.map(numbers)).toEqual(twins.map(numbers))
    expect(() => optimizer.step([Float32Array.of(1), gradients[1]!], { loss: 1 })).toThrow(/ERR_SHAPE.*\ba\b/)
  })

  it('may replace single arrays, which are taken over; with all of them training starts over', () => {
    const held = make()
    const optimizer = adopting(transformation, held)
    step(optimizer)
    const parameters = optimizer.follow()
    const first = Array.from(held[0]!.rows[0]!)
    held[0]!.rows[1] = [7, 8, 9]
    expect(optimizer.follow()).toBe(parameters)
    expect(optimizer.report.step).toBe(1)
    expect(numbers(held[0]!)).toEqual([...first, 7, 8, 9])
    expect(held[0]!.rows[1]).toBeInstanceOf(Float32Array)
    held[0]!.rows[0] = [1]
    expect(() => optimizer.follow()).toThrow(/ERR_SHAPE.*arrays of 3 numbers, given 1/)
    held[0]!.rows[0] = [1, 2, 3]
    for (const each of held) each.rows = each.rows.map((row) => Float32Array.from(row))
    const before = held.map(numbers)
    expect(optimizer.follow()).not.toBe(parameters)
    expect(optimizer.report.step).toBe(0)
    expect(held.map(numbers)).toEqual(before)
  })

  it('has arrays of its own again when the optimiser is disposed of', () => {
    const held = make()
    const optimizer = adopting(transformation, held)
    optimizer.dispose()
    optimizer.dispose()
    expect(held.map(numbers)).toEqual(make().map(numbers))
    expect((held[0]!.rows[0] as Float32Array).buffer.byteLength).toBe(12)
    expect(held[1]!.gradient).toHaveLength(2)
  })

  it.each([
    ['in double precision', new Float64Array(3), /ERR_NOT_SUPPORTED/],
    ['on a GPU', { texture: {} }, /ERR_NOT_SUPPORTED/],
    ['too short', new Float32Array(2), /ERR_SHAPE/],
  ])('is left as it is if its weights are %s', (_, row, message) => {
    const held = make()
    held[0]!.rows[1] = row as never
    const before = held.map(({ rows }) => [...rows])
    expect(() => adopting(transformation, held)).toThrow(message)
    held.forEach(({ rows }, i) => expect(rows.every((row, j) => row === before[i]![j])).toBe(true))
  })
})

describe('a model that is adopted later', () => {
  const transformation = inducedMetric(sgd(), { learningRate: 0.5, xi: 0 })

  it('is left alone until it is followed', () => {
    const held = [hold('a', [[1, 2]])]
    const optimizer = createModelOptimizer(transformation, model(held))
    expect(Array.isArray(held[0]!.rows[0])).toBe(true)
    expect(optimizer.gradients).toEqual([])
    optimizer.follow()
    expect(held[0]!.rows[0]).toBeInstanceOf(Float32Array)
  })

  it('may have no parameters yet, and lose them: the learning rate that was set stays', () => {
    let list: Held[] | undefined
    const optimizer = createModelOptimizer(transformation, {
      owner: () => list,
      parameters: () => list?.map(({ parameter }) => parameter),
    })
    expect(optimizer.follow()).toBeUndefined()
    expect(optimizer.report.step).toBe(0)
    for (const use of [
      () => optimizer.save(),
      () => optimizer.load(new Uint8Array()),
      () => optimizer.step([]),
      () => optimizer.withEvaluationWeights(() => 0),
    ])
      expectError(use, 'ERR_CHECKPOINT', 'no weights yet')
    expect(optimizer.learningRate).toBe(0.5)
    expectError(() => (optimizer.learningRate = -1), 'ERR_OPTION')
    optimizer.learningRate = 0.25
    expect([optimizer.learningRate, optimizer.fixedLearningRate]).toEqual([0.25, 0.25])

    list = [hold('a', [[1, 2]])]
    expect(optimizer.step([Float32Array.of(4, 4)])).toMatchObject({ step: 1, learningRate: 0.25 })
    expect(numbers(list[0]!)).toEqual([0, 1])
    const state = optimizer.save()
    list = undefined
    expect(optimizer.follow()).toBeUndefined()
    expect([optimizer.learningRate, optimizer.report.step]).toEqual([0.25, 0])
    list = [hold('a', [[3, 4]])]
    const { learningRate: _, ...rest } = state
    optimizer.load(rest)
    expect([optimizer.learningRate, optimizer.fixedLearningRate, optimizer.report.step]).toEqual([
      0.5,
      undefined,
      1,
    ])

    list = undefined
    optimizer.follow()
    optimizer.dispose()
    for (const use of [() => optimizer.save(), () => optimizer.step([]), () => (optimizer.learningRate = 1)])
      expectError(use, 'ERR_DISPOSED')
  })

  it('starts over with another owner, and the first model keeps its values', () => {
    const [first, second] = [
      [hold('a', [[1, 2]])],
      [
        hold('a', [
          [3, 4],
          [5, 6],
        ]),
      ],
    ]
    let list = first
    const optimizer = createModelOptimizer(transformation, {
      owner: () => list,
      parameters: () => list.map(({ parameter }) => parameter),
    })
    optimizer.step([Float32Array.of(2, 2)])
    list = second
    expect(optimizer.follow()).toHaveLength(1)
    expect(optimizer.report.step).toBe(0)
    expect(optimizer.save().parameters[0]!.shape).toEqual([2, 2])
    expect(numbers(first[0]!)).toEqual([0, 1])
  })
})
