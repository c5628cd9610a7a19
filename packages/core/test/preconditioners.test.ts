import { describe, expect, it } from 'vitest'
import {
  adagrad,
  createOptimizer,
  heavyBall,
  inducedMetric,
  lion,
  rmsprop,
  sgd,
  type Preconditioner,
} from '@induced-metric/core'

/** Where a scalar goes from 0 with learning rate 1 and ξ = 0: minus the sum of the directions. */
function path(base: Preconditioner, gradients: readonly number[]): number[] {
  const data = new Float64Array([0])
  const transformation = inducedMetric(base, { learningRate: 1, xi: 0 })
  const optimizer = createOptimizer(transformation, [{ name: 'x', shape: [], data }], { engine: 'reference' })
  return gradients.map((gradient) => {
    optimizer.step([new Float64Array([gradient])])
    return data[0]!
  })
}

describe('conventions', () => {
  it('sgd averages its momentum and corrects the bias: a constant gradient is its own direction', () => {
    const steps = path(sgd({ momentum: 0.9 }), [1, 1, 1])
    steps.forEach((x, i) => expect(x).toBeCloseTo(-(i + 1), 14))
  })

  it('heavyBall sums it: the first buffer is the gradient, which nothing dampens', () => {
    expect(path(heavyBall({ momentum: 0.5 }), [1, 1, 1])).toEqual([-1, -2.5, -4.25])
    expect(path(heavyBall({ momentum: 0.5, dampening: 0.25 }), [1, 1, 1])).toEqual([-1, -2.25, -3.625])
  })

  it('heavyBall with nesterov looks ahead by μ times the buffer', () => {
    expect(path(heavyBall({ momentum: 0.5, nesterov: true }), [1, 1])).toEqual([-1.5, -1.5 - 1.75])
  })

  it('heavyBall without momentum is plain descent, whatever the dampening', () => {
    expect(path(heavyBall({ momentum: 0, dampening: 0.5 }), [1, 2])).toEqual([-1, -3])
  })

  it('adagrad begins with the accumulator it is given', () => {
    const [x] = path(adagrad({ initialAccumulator: 3, epsilon: 0 }), [1])
    expect(x).toBe(-0.5)
  })

  it('lion takes the sign of one average and keeps another', () => {
    // m = 0.01 after the first step; 0.9·0.01 − 0.1·0.05 is still positive.
    expect(path(lion(), [1, -0.05, -0.2])).toEqual([-1, -2, -1])
  })

  it('rmsprop, centered, never takes the root of a variance that rounding made negative', () => {
    // Where the variance is 0, single precision brings it to either side.
    for (const gradient of [13, 15, 17, 26, 27, 30, 34, 37].map((k) => k / 997)) {
      const data = new Float32Array([0])
      const base = rmsprop({ decay: 0.5, centered: true })
      const transformation = inducedMetric(base, { learningRate: 1e-6, xi: 0 })
      const optimizer = createOptimizer(transformation, [{ name: 'x', shape: [], data }], {
        engine: 'reference',
      })
      for (let i = 0; i < 30; i++) optimizer.step([new Float32Array([gradient])])
      expect(data[0]).not.toBeNaN()
      expect(optimizer.report.skippedSteps).toBe(0)
    }
  })
})
