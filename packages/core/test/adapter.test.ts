import { describe, expect, it } from 'vitest'
import { adam, createOptimizer, inducedMetric, type ParameterInfo } from '@induced-metric/core'
import {
  checkOptions,
  createModelOptimizer,
  joinRows,
  separateRows,
  withGroups,
  type GroupOf,
} from '@induced-metric/core/adapter'
import { expectError } from './support.js'

// The parts that adapters share.

describe('checkOptions', () => {
  interface Options {
    readonly size?: number
    readonly rate?: number
    readonly fast?: boolean
    readonly mode?: 'a' | 'b'
    readonly call?: () => void
    readonly any?: unknown
  }
  const check = (options: unknown) => () =>
    checkOptions<Options>('make', options as Options, {
      size: { kind: 'integer', min: 1, max: 8 },
      rate: { kind: 'number', min: 0, above: true },
      fast: 'boolean',
      mode: ['a', 'b'],
      call: 'function',
      any: 'any',
    })

  it.each<[object]>([
    [{}],
    [{ size: 1, rate: 1e-300, fast: false, mode: 'b', call: () => {}, any: Symbol('x') }],
    [{ size: undefined, rate: undefined, fast: undefined, mode: undefined, call: undefined, any: null }],
    [Object.create({ inherited: 1 })],
  ])('takes allowed values: %o', (options) => {
    expect(check(options)).not.toThrow()
  })

  it.each<[unknown, ...string[]]>([
    [{ size: 0 }, 'make: size must be a whole number in [1, 8], given 0'],
    [{ size: 9 }, 'a whole number in [1, 8], given 9'],
    [{ size: 1.5 }, 'a whole number in [1, 8], given 1.5'],
    [{ size: '2' }, 'given "2"'],
    [{ size: null }, 'given null'],
    [{ rate: 0 }, 'make: rate must be a finite number > 0, given 0'],
    [{ rate: Infinity }, 'given Infinity'],
    [{ rate: () => 1 }, 'given a function'],
    [{ fast: 1 }, 'make: fast must be true or false, given 1'],
    [{ mode: 'c' }, 'make: mode must be one of "a", "b", given "c"'],
    [{ call: 'f' }, 'make: call must be a function, given "f"'],
    [
      { Size: 1 },
      'make has no option "Size"; the nearest is "size"; known options: size, rate, fast, mode, call, any',
    ],
    [{ learning_rate: 1 }, 'any; learning rate, momentum and the like are options of inducedMetric'],
    [{ sze: 1 }, 'the nearest is "size";'],
    [{ x: 1 }, 'make has no option "x"; known options: size'],
    [{ toString: 1 }, '"toString"'],
    [null, 'make takes an object of options, given null'],
    [[], 'an array of length 0'],
    ['fast', '"fast"'],
  ])('refuses %o and says what there is', (options, ...says) => {
    expectError(check(options), 'ERR_OPTION', ...says)
  })
})

describe('withGroups', () => {
  const parameters = [
    { name: 'kernel', shape: [2, 2], own: 1 },
    { name: 'bias', shape: [2], own: 2 },
  ]

  it('gives labels by name and shape, and leaves all else', () => {
    const seen: ParameterInfo[] = []
    const groupOf: GroupOf = (parameter) => {
      seen.push(parameter)
      return parameter.shape.length === 1 ? 'vectors' : undefined
    }
    expect(withGroups(parameters, groupOf)).toEqual([parameters[0], { ...parameters[1], group: 'vectors' }])
    expect(seen).toEqual(parameters.map(({ name, shape }) => ({ name, shape })))
    expect('group' in parameters[1]!).toBe(false)
  })

  it('does nothing without a function', () => {
    expect(withGroups(parameters, undefined)).toEqual(parameters)
  })
})

describe('separateRows', () => {
  it('copies each row into a buffer of its own', () => {
    const { data, rows } = joinRows([new Float32Array([1, 2]), new Float32Array([3, 4])])
    const copies = separateRows(rows)
    expect(copies.map(({ buffer }) => [...new Float32Array(buffer)])).toEqual([
      [1, 2],
      [3, 4],
    ])
    data[0] = 9
    expect(copies[0]![0]).toBe(1)
  })
})

describe('joinRows', () => {
  it.each([Float32Array, Float64Array])('makes a matrix of rows, and them its views: %o', (Type) => {
    const given = [new Type([1, 2, 3]), new Type([4, 5, 6])]
    const { data, rows } = joinRows(given)
    expect(data).toEqual(new Type([1, 2, 3, 4, 5, 6]))
    expect(rows).toEqual(given)
    data[4] = 7
    rows[0]![2] = 8
    expect([rows[1]![1], data[2], given[1]![1]]).toEqual([7, 8, 5])
  })

  it('gives the same for its own rows, and another where one of them is another', () => {
    const first = joinRows([new Float64Array([1]), new Float64Array([2])])
    expect(joinRows(first.rows)).toBe(first)
    const second = joinRows([first.rows[0]!, new Float64Array([3])])
    expect(second.data).toEqual(new Float64Array([1, 3]))
    expect(second.data.buffer).not.toBe(first.data.buffer)
    expect(joinRows(first.rows.slice(0, 1)).data).toEqual(new Float64Array([1]))
    expect(joinRows(first.rows)).toBe(first)
  })

  it.each<[string, unknown[], string]>([
    ['no rows', [], 'undefined'],
    [
      'rows of two lengths',
      [new Float32Array(2), new Float32Array(3)],
      'of length 2 and a Float32Array of length 3',
    ],
    ['rows of two types', [new Float32Array(2), new Float64Array(2)], 'Float64Array'],
    ['rows of another type', [new Int8Array(2)], 'an Int8Array'],
    ['plain arrays', [[1, 2]], 'an array'],
  ])('refuses %s', (_, rows, given) => {
    expectError(() => joinRows(rows as Float32Array[]), 'ERR_SHAPE', given)
  })
})

describe('createModelOptimizer', () => {
  const transformation = inducedMetric(adam(), { learningRate: 0.1 })
  const fresh = () => ({ weights: new Float64Array([1, -2]) })
  const parametersOf = ({ weights }: ReturnType<typeof fresh>) => [
    { name: 'weights', shape: [weights.length], data: weights },
  ]
  const gradient = new Float64Array([1, 2])

  it('steps as an optimiser of the same arrays does', () => {
    const [model, other] = [fresh(), fresh()]
    const optimizer = createModelOptimizer(transformation, () => parametersOf(model))
    const plain = createOptimizer(transformation, parametersOf(other))
    for (let i = 0; i < 3; i++) {
      expect(optimizer.follow()[0]!.data).toBe(model.weights)
      expect(optimizer.step([gradient], { loss: 1 })).toEqual(plain.step([gradient], { loss: 1 }))
    }
    expect(model).toEqual(other)
    expect(optimizer.report).toEqual(plain.report)
    expect(optimizer.save()).toEqual(plain.save())
  })

  it('starts over with other arrays', () => {
    const model = fresh()
    const optimizer = createModelOptimizer(transformation, () => parametersOf(model))
    optimizer.step([gradient])
    model.weights = fresh().weights
    expect(optimizer.follow()[0]!.data).toBe(model.weights)
    expect(optimizer.report.step).toBe(0)
    optimizer.step([gradient])
    expect(model.weights).not.toEqual(fresh().weights)

    // Of another size, and noticed by save.
    model.weights = new Float64Array(3)
    expect(optimizer.save().parameters[0]).toMatchObject({ shape: [3], steps: 0 })
  })

  it('continues with another view of the same elements, and with other values in them', () => {
    const model = fresh()
    const optimizer = createModelOptimizer(transformation, () => parametersOf(model))
    optimizer.step([gradient])
    model.weights = model.weights.subarray(0)
    model.weights.fill(5)
    optimizer.follow()
    optimizer.step([gradient])
    expect(optimizer.report.step).toBe(2)
    model.weights = model.weights.subarray(0, 1)
    optimizer.follow()
    expect(optimizer.report.step).toBe(0)
  })

  it('loads a state for the arrays there are', () => {
    const model = fresh()
    const optimizer = createModelOptimizer(transformation, () => parametersOf(model))
    optimizer.step([gradient])
    const state = optimizer.save()
    model.weights = fresh().weights
    optimizer.load(state)
    expect(optimizer.step([gradient]).step).toBe(2)
  })

  it('is as before when the new arrays do not do', () => {
    let parameters = parametersOf(fresh())
    const optimizer = createModelOptimizer(transformation, () => parameters)
    optimizer.step([gradient])
    parameters = [{ ...parametersOf(fresh())[0]!, shape: [3] }]
    expectError(() => optimizer.follow(), 'ERR_SHAPE', 'weights')
    expect(optimizer.report.step).toBe(1)
    expect(optimizer.step([gradient]).step).toBe(2)
  })

  it('is disposed of for good', () => {
    const model = fresh()
    const optimizer = createModelOptimizer(transformation, () => parametersOf(model))
    optimizer.dispose()
    model.weights = fresh().weights
    optimizer.follow()
    for (const use of [() => optimizer.step([gradient]), () => optimizer.save()])
      expectError(use, 'ERR_DISPOSED')
  })
})
