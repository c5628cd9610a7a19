import { describe, expect, it } from 'vitest'
import {
  adam,
  createOptimizer,
  fromJSON,
  inducedMetric,
  sgd,
  type InducedMetricOptions,
} from '@induced-metric/core'
import { expectError } from './support.js'

const engines = ['wasm', 'reference'] as const
const shapes = [[2, 3], [4], []]
const sizes = [6, 4, 1]
const gradients = (scale = 1) =>
  sizes.map((size, k) => Float64Array.from({ length: size }, (_, i) => scale * (((i * 5 + k * 3) % 7) - 3)))
const length = (values: Float64Array) => Math.hypot(...values)

describe.each(engines)('clipping, %s', (engine) => {
  const over = (options: Partial<InducedMetricOptions>, dtype: 'f32' | 'f64' = 'f64') =>
    createOptimizer(
      inducedMetric(sgd(), { learningRate: 1, xi: 0, ...options }),
      shapes.map((shape, k) => ({
        name: `p${k}`,
        shape,
        data: dtype === 'f64' ? new Float64Array(sizes[k]!) : new Float32Array(sizes[k]!),
      })),
      { engine },
    )
  /** The gradient that the base sees: SGD from 0 with a learning rate of 1 ends at its negative. */
  const seen = (options: Partial<InducedMetricOptions>, given = gradients()) => {
    const optimizer = over(options)
    optimizer.step(given, { loss: 1 })
    return optimizer.parameters.map(({ data }) => Float64Array.from(data, (x) => 0 - x))
  }

  it('clipValue limits every element, with its sign', () => {
    const limited = gradients().map((g) => g.map((x) => Math.max(-2, Math.min(2, x))))
    expect(seen({ clipValue: 2 })).toEqual(limited)
    expect(seen({ clipValue: 3 })).toEqual(gradients())
    const single = over({ clipValue: 2 }, 'f32')
    single.step(gradients().map((g) => Float32Array.from(g)))
    single.parameters.forEach(({ data }, k) => expect([...data].map((x) => 0 - x)).toEqual([...limited[k]!]))
  })

  it("clipNorm per parameter limits each parameter's norm by itself", () => {
    const clipped = seen({ clipNorm: { per: 'parameter', norm: 2 } })
    gradients().forEach((g, k) => {
      const factor = Math.min(1, 2 / length(g))
      clipped[k]!.forEach((x, i) => expect(x).toBeCloseTo(factor * g[i]!, 14))
    })
    const other = seen({ clipNorm: 2 })
    expect(Math.hypot(...other.map(length))).toBeCloseTo(2, 12)
  })

  it('the value is limited before the norm', () => {
    const limited = gradients().map((g) => g.map((x) => Math.max(-2, Math.min(2, x))))
    const norm = Math.hypot(...limited.map(length))
    seen({ clipValue: 2, clipNorm: 1 }).forEach((clipped, k) => {
      clipped.forEach((x, i) => expect(x).toBeCloseTo(limited[k]![i]! / norm, 14))
    })
  })

  it('a group may have limits of its own', () => {
    const optimizer = createOptimizer(
      inducedMetric(sgd(), { learningRate: 1, xi: 0, clipValue: 2, groups: { heads: { clipValue: 1 } } }),
      [
        { name: 'a', shape: [2], data: new Float64Array(2) },
        { name: 'b', shape: [2], data: new Float64Array(2), group: 'heads' },
      ],
      { engine },
    )
    optimizer.step([new Float64Array([5, -5]), new Float64Array([5, -0.5])])
    expect(optimizer.parameters.map(({ data }) => [...data])).toEqual([
      [-2, 2],
      [-1, 0.5],
    ])
  })

  it('an element that is not finite still forbids the step: it is not clipped to a finite one', () => {
    for (const xi of [0, 0.5]) {
      for (const options of [{ clipValue: 1 }, { clipNorm: { per: 'parameter', norm: 1 } as const }]) {
        for (const value of [NaN, Infinity, -Infinity]) {
          const optimizer = over({ xi, ...options })
          const given = gradients()
          given[1]![2] = value
          expect(optimizer.step(given).skipped).toBe(true)
          for (const { data } of optimizer.parameters) expect(data.every((x) => x === 0)).toBe(true)
        }
      }
    }
  })

  it('s and the slots are those of the limited gradient', () => {
    const run = (options: Partial<InducedMetricOptions>, given: Float64Array[]) => {
      const optimizer = createOptimizer(
        inducedMetric(adam(), { learningRate: 0.1, xi: 0.5, ...options }),
        shapes.map((shape, k) => ({ name: `p${k}`, shape, data: new Float64Array(sizes[k]!) })),
        { engine },
      )
      return [optimizer.step(given), optimizer.save()]
    }
    const limited = gradients().map((g) => g.map((x) => Math.max(-2, Math.min(2, x))))
    expect(run({ clipValue: 2 }, gradients())).toEqual(run({}, limited))
  })
})

describe.each(engines)('adaptiveClip, %s', (engine) => {
  const weights = Float64Array.from({ length: 6 }, (_, i) => 3 - i)
  const gradient = Float64Array.from({ length: 6 }, (_, i) => ((i * 5) % 7) - 3)
  /** What SGD with a learning rate of 1 makes of a parameter: its change is the gradient that the base sees. */
  const seen = (
    shape: readonly number[],
    options: Partial<InducedMetricOptions>,
    given: { readonly rowsAre?: 'inputs' | 'outputs'; readonly data?: Float64Array } = {},
  ) => {
    const { data = weights, ...info } = given
    const optimizer = createOptimizer(
      inducedMetric(sgd(), { learningRate: 1, xi: 0, ...options }),
      [{ name: 'w', shape, data: data.slice(), ...info }],
      { engine },
    )
    optimizer.step([gradient])
    return Array.from(optimizer.parameters[0]!.data, (x, i) => data[i]! - x)
  }
  /** The gradient clipped by units, each given by the unit's index of an element. */
  const byUnits = (unitOf: (i: number) => number, factor: number, epsilon = 1e-3, data = weights) => {
    const norm = (values: Float64Array, unit: number) =>
      Math.hypot(...values.filter((_, i) => unitOf(i) === unit))
    return Array.from(gradient, (g, i) => {
      const unit = unitOf(i)
      const limit = factor * Math.max(norm(data, unit), epsilon)
      return g * Math.min(1, limit / norm(gradient, unit))
    })
  }
  const expectClose = (actual: readonly number[], expected: readonly number[]) =>
    actual.forEach((x, i) => expect(x).toBeCloseTo(expected[i]!, 14))

  it('limits the gradient of each output of a matrix to a share of the norm of its weights', () => {
    expectClose(
      seen([2, 3], { adaptiveClip: 0.25 }),
      byUnits((i) => Math.floor(i / 3), 0.25),
    )
    expectClose(
      seen([2, 3], { adaptiveClip: 0.25 }, { rowsAre: 'inputs' }),
      byUnits((i) => i % 3, 0.25),
    )
    expectClose(
      seen([2, 3], { adaptiveClip: { factor: 0.25, rows: 'inputs' } }),
      byUnits((i) => i % 3, 0.25),
    )
  })

  it('a kernel of more axes has as units its outputs, and a vector or a scalar is one', () => {
    expectClose(
      seen([2, 3, 1], { adaptiveClip: 0.25 }),
      byUnits((i) => Math.floor(i / 3), 0.25),
    )
    expectClose(
      seen([1, 3, 2], { adaptiveClip: 0.25 }, { rowsAre: 'inputs' }),
      byUnits((i) => i % 2, 0.25),
    )
    expectClose(
      seen([6], { adaptiveClip: 0.25 }),
      byUnits(() => 0, 0.25),
    )
  })

  it('weights of 0 count as ε, and a gradient that is small or 0 stays as it is', () => {
    const data = new Float64Array(6)
    expectClose(
      seen([2, 3], { adaptiveClip: { factor: 0.5, epsilon: 0.1 } }, { data }),
      byUnits((i) => Math.floor(i / 3), 0.5, 0.1, data),
    )
    expect(seen([2, 3], { adaptiveClip: 100 })).toEqual([...gradient])
    const still = createOptimizer(
      inducedMetric(sgd(), { learningRate: 1, adaptiveClip: 0.01 }),
      [{ name: 'w', shape: [2, 3], data: weights.slice() }],
      { engine },
    )
    expect(still.step([new Float64Array(6)]).skipped).toBe(false)
    expect(still.parameters[0]!.data).toEqual(weights)
  })

  it('comes after the value, and before the norm', () => {
    const bounded = gradient.map((g) => Math.max(-2, Math.min(2, g)))
    const norm = (values: Float64Array, row: number) => Math.hypot(...values.subarray(3 * row, 3 * row + 3))
    const units = bounded.map((g, i) => {
      const row = Math.floor(i / 3)
      return g * Math.min(1, (0.25 * norm(weights, row)) / norm(bounded, row))
    })
    const factor = Math.min(1, 0.5 / Math.hypot(...units))
    expect(factor).toBeLessThan(1)
    expectClose(
      seen([2, 3], { clipValue: 2, adaptiveClip: 0.25, clipNorm: 0.5 }),
      Array.from(units, (g) => factor * g),
    )
  })

  it('an element that is not finite forbids the step', () => {
    for (const value of [NaN, Infinity]) {
      for (const shape of [[2, 3], [6]]) {
        const optimizer = createOptimizer(
          inducedMetric(adam(), { learningRate: 1, adaptiveClip: 0.1 }),
          [{ name: 'w', shape, data: weights.slice() }],
          { engine },
        )
        expect(optimizer.step([gradient.map((g, i) => (i === 4 ? value : g))]).skipped).toBe(true)
        expect(optimizer.parameters[0]!.data).toEqual(weights)
      }
    }
  })

  it('leaves checkpoints of vectors and matrices as they are', () => {
    const of = (options: object) =>
      createOptimizer(
        inducedMetric(adam(), { learningRate: 0.1, ...options }),
        [{ name: 'w', shape: [2, 3], data: weights.slice() }],
        { engine },
      )
    const [plain, clipping] = [of({}), of({ adaptiveClip: 0.01 })]
    plain.step([gradient])
    clipping.load(plain.save())
    expect(clipping.save()).toEqual(plain.save())
  })
})

describe('the options of clipping', () => {
  const transformation = (options: object) => inducedMetric(sgd(), { learningRate: 1, ...options })

  it('are data', () => {
    for (const options of [
      { clipValue: 0.5 },
      { clipNorm: { per: 'parameter', norm: 2 } },
      { adaptiveClip: 0.01 },
      { adaptiveClip: { factor: 0.02, epsilon: 1e-4 } },
    ] as const) {
      const made = transformation(options)
      expect(made.toJSON()).toMatchObject(options)
      expect(fromJSON(JSON.parse(JSON.stringify(made))).toJSON()).toEqual(made.toJSON())
    }
  })

  it.each([
    [{ clipValue: 0 }, 'clipValue'],
    [{ clipValue: '1' }, 'clipValue'],
    [{ clipNorm: { per: 'parameter' } }, 'clipNorm.norm'],
    [{ clipNorm: { norm: 1 } }, 'clipNorm.per'],
    [{ clipNorm: { norm: 1, per: 'layer' } }, 'clipNorm.per'],
    [{ clipNorm: { norm: 0, per: 'parameter' } }, 'clipNorm.norm'],
    [{ clipNorm: { norm: 1, per: 'parameter', value: 1 } }, 'value'],
    [{ adaptiveClip: 0 }, 'adaptiveClip'],
    [{ adaptiveClip: {} }, 'adaptiveClip.factor'],
    [{ adaptiveClip: { factor: 0.1, epsilon: 0 } }, 'adaptiveClip.epsilon'],
    [{ groups: { heads: { clipValue: -1 } } }, 'groups.heads.clipValue'],
  ])('%o is ERR_OPTION', (options, name) => {
    expectError(() => transformation(options), 'ERR_OPTION', name)
  })
})
