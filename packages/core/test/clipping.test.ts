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
