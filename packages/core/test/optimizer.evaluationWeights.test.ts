import { describe, expect, it } from 'vitest'
import {
  adam,
  createOptimizer,
  decodeCheckpoint,
  definePreconditioner,
  encodeCheckpoint,
  inducedMetric,
  sgd,
} from '@induced-metric/core'
import { expectError } from './support.js'

const engines = ['wasm', 'reference'] as const

describe.each(engines)('averageWeights, %s', (engine) => {
  const over = (k: number, data = new Float64Array([1, -2])) =>
    createOptimizer(
      inducedMetric(sgd(), { learningRate: 0.25, xi: 0, averageWeights: k }),
      [{ name: 'w', shape: [data.length], data }],
      { engine },
    )
  const stepped = (optimizer: ReturnType<typeof over>, count: number) => {
    for (let i = 0; i < count; i++) optimizer.step([Float64Array.from(optimizer.parameters[0]!.data)])
  }

  it('is the polynomial average of the values after each step', () => {
    for (const k of [0, 1, 8]) {
      const optimizer = over(k)
      let average = 0
      for (let t = 1; t <= 20; t++) {
        stepped(optimizer, 1)
        const value = optimizer.parameters[0]!.data[0]!
        average = t === 1 ? value : average + ((k + 1) / (t + k)) * (value - average)
        const found = optimizer.withEvaluationWeights(() => optimizer.parameters[0]!.data[0]!)
        expect(found).toBeCloseTo(average, 14)
        expect(optimizer.parameters[0]!.data[0]).toBe(value)
      }
    }
    // With k = 0 it is the plain mean.
    const optimizer = over(0)
    const values: number[] = []
    for (let t = 0; t < 5; t++) {
      stepped(optimizer, 1)
      values.push(optimizer.parameters[0]!.data[0]!)
    }
    const mean = values.reduce((a, b) => a + b) / 5
    expect(optimizer.withEvaluationWeights(() => optimizer.parameters[0]!.data[0])).toBeCloseTo(mean, 14)
  })

  it('puts the own values back after an error, and after a promise', async () => {
    const optimizer = over(8)
    const { data } = optimizer.parameters[0]!
    stepped(optimizer, 3)
    const own = data[0]!
    expect(() =>
      optimizer.withEvaluationWeights(() => {
        throw new Error('no')
      }),
    ).toThrow('no')
    expect(data[0]).toBe(own)
    const refusing = new Proxy({}, { get: () => expect.fail('it was asked for a property') })
    expect(() => optimizer.withEvaluationWeights(() => refusing)).toThrow('it was asked')
    expect(data[0]).toBe(own)
    const wait = optimizer.withEvaluationWeights(async () => {
      await Promise.resolve()
      return data[0]
    })
    expect(data[0]).not.toBe(own)
    expectError(() => stepped(optimizer, 1), 'ERR_OPTION', 'withEvaluationWeights')
    expect(await wait).not.toBe(own)
    expect(data[0]).toBe(own)
    await expect(optimizer.withEvaluationWeights(() => Promise.reject(new Error('no')))).rejects.toThrow('no')
    expect(data[0]).toBe(own)
  })

  it('is the parameter itself before its first step, and where none is kept', () => {
    const optimizer = over(8)
    expect(optimizer.withEvaluationWeights(() => optimizer.parameters[0]!.data[0])).toBe(1)
    const plain = createOptimizer(inducedMetric(adam(), { learningRate: 1 }), [
      { name: 'w', shape: [1], data: new Float32Array([3]) },
    ])
    expect(plain.withEvaluationWeights(() => plain.parameters[0]!.data[0])).toBe(3)
  })

  it('continues from a checkpoint, bit for bit', () => {
    const [one, other] = [over(8), over(8)]
    stepped(one, 7)
    const data = Float64Array.from(one.parameters[0]!.data)
    const resumed = over(8, data)
    resumed.load(decodeCheckpoint(encodeCheckpoint(one.save())))
    stepped(resumed, 5)
    stepped(other, 12)
    expect(resumed.save()).toEqual(other.save())
    expect(resumed.parameters[0]!.data).toEqual(other.parameters[0]!.data)
  })

  it('is refused beside a slot of that name, and of another kind than a number', () => {
    const named = definePreconditioner({
      name: 'named',
      update: ({ gradient, slot }) => ({
        direction: gradient,
        slots: { averagedParameter: slot('averagedParameter') },
      }),
    })
    const transformation = inducedMetric(named(), { learningRate: 1, averageWeights: 8 })
    const parameters = [{ name: 'w', shape: [1], data: new Float32Array(1) }]
    expectError(() => createOptimizer(transformation, parameters), 'ERR_OPTION', 'averagedParameter')
    for (const averageWeights of [-1, NaN, '8' as never])
      expectError(
        () => inducedMetric(sgd(), { learningRate: 1, averageWeights }),
        'ERR_OPTION',
        'averageWeights',
      )
  })
})
