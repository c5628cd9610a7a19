import { describe, expect, it } from 'vitest'
import {
  adam,
  createOptimizer,
  inducedMetric,
  perExample,
  sgd,
  type Preconditioner,
} from '@induced-metric/core'
import { randomArray } from './support.js'

const H = 16
const N = 3 * H + 1
const xs = Array.from({ length: 64 }, (_, i) => -Math.PI + (2 * Math.PI * i) / 63)

/** The weights of a 1-16-1 net of tanh: into the hidden layer, its biases, out of it, the last bias. */
function netOf(seed: number): Float64Array {
  const data = randomArray('float64', N, seed) as Float64Array
  return data.map((x, k) => (k < 2 * H ? 2 * x : k < 3 * H ? x / 2 : 0))
}

/** Residuals against the sine, and their rows. */
function fit(w: Float64Array): { residuals: Float64Array; rows: Float64Array } {
  const residuals = new Float64Array(xs.length)
  const rows = new Float64Array(xs.length * N)
  xs.forEach((x, i) => {
    const row = rows.subarray(i * N, (i + 1) * N)
    let output = w[3 * H]!
    row[3 * H] = 1
    for (let h = 0; h < H; h++) {
      const t = Math.tanh(w[h]! * x + w[H + h]!)
      const back = w[2 * H + h]! * (1 - t * t)
      output += w[2 * H + h]! * t
      row[h] = back * x
      row[H + h] = back
      row[2 * H + h] = t
    }
    residuals[i] = output - Math.sin(x)
  })
  return { residuals, rows }
}

const errorOf = (residuals: Float64Array): number => residuals.reduce((sum, r) => sum + r * r, 0) / xs.length

/** Steps until the mean squared error is 1e-5; at most `most`. */
function stepsOf(data: Float64Array, most: number, take: (at: ReturnType<typeof fit>) => void): number {
  for (let step = 0; ; step++) {
    const at = fit(data)
    if (errorOf(at.residuals) < 1e-5 || step === most) return step
    take(at)
  }
}

function perExampleSteps(seed: number, base: Preconditioner, learningRate: number): number {
  const data = netOf(seed)
  const optimizer = perExample(base, [{ name: 'net', shape: [N], data }], { learningRate })
  return stepsOf(data, 100, ({ rows, residuals }) => optimizer.step(rows, { residuals }))
}

describe('a sine by a 1-16-1 net', () => {
  it.each([1, 2, 3])('takes fewer than 100 steps to a mean squared error of 1e-5, seed %i', (seed) => {
    expect(perExampleSteps(seed, sgd(), 1000)).toBeLessThan(100)
    expect(perExampleSteps(seed, adam({ beta1: 0 }), 100)).toBeLessThan(100)
  })

  it('takes Adam more than 400', () => {
    const data = netOf(1)
    const steps = [0.003, 0.01, 0.03].map((learningRate) => {
      const own = data.slice()
      const optimizer = createOptimizer(inducedMetric(adam(), { learningRate, xi: 0 }), [
        { name: 'net', shape: [N], data: own },
      ])
      return stepsOf(own, 401, ({ rows, residuals }) => {
        const gradient = new Float64Array(N)
        rows.forEach((x, k) => (gradient[k % N]! += (x * residuals[Math.floor(k / N)]!) / xs.length))
        optimizer.step([gradient])
      })
    })
    expect(Math.min(...steps)).toBe(401)
  })
})
