import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { describe, expect, it } from 'vitest'
import {
  adagrad,
  adam,
  cosine,
  createOptimizer,
  heavyBall,
  inducedMetric,
  lion,
  log,
  muon,
  rmsprop,
  sgd,
  type Preconditioner,
} from '@induced-metric/core'

const size = 4096
const makes: [what: string, base: Preconditioner, slots: string[]][] = [
  ['sgd', sgd(), []],
  ['sgd with momentum', sgd({ momentum: 0.9 }), ['momentum']],
  ['sgd with a momentum that is scheduled, from 0', sgd({ momentum: () => 0 }), ['momentum']],
  ['heavyBall', heavyBall(), ['momentum']],
  ['heavyBall without momentum', heavyBall({ momentum: 0 }), []],
  ['rmsprop', rmsprop(), ['meanSquare']],
  ['rmsprop, centered', rmsprop({ centered: true }), ['meanSquare', 'mean']],
  ['rmsprop with momentum', rmsprop({ momentum: 0.9 }), ['meanSquare', 'momentum']],
  ['adagrad', adagrad(), ['accumulator']],
  ['adam', adam(), ['m', 'v']],
  ['lion', lion(), ['m']],
  ['muon', muon(), ['momentum']],
]

describe('slots are the only state kept per parameter', () => {
  const bytesOf = (slots: Readonly<Record<string, { byteLength: number }>>): number =>
    Object.values(slots).reduce((total, { byteLength }) => total + byteLength, 0)

  it.each(makes)('%s: 4 bytes per slot in float32, 8 in float64', (_, base, names) => {
    for (const [data, width] of [
      [new Float32Array(size), 4],
      [new Float64Array(size), 8],
    ] as const) {
      const transformation = inducedMetric(base, { learningRate: 0.1, embedding: log(), weightDecay: 0.1 })
      const optimizer = createOptimizer(transformation, [{ name: 'w', shape: [64, 64], data }])
      for (let i = 0; i < 3; i++) optimizer.step([data.map((_, j) => j + 1)], { loss: 1 })
      expect(Object.keys(optimizer.slots[0]!)).toEqual(names)
      expect(bytesOf(optimizer.slots[0]!)).toBe(names.length * width * size)
      expect(bytesOf(optimizer.save().parameters[0]!.slots)).toBe(names.length * width * size)
    }
  })

  it('momentum is 4 bytes per float32 parameter, Adam 8', () => {
    const perParameter = (base: Preconditioner): number => {
      const data = new Float32Array(1000)
      const optimizer = createOptimizer(inducedMetric(base, { learningRate: 1 }), [
        { name: 'w', shape: [1000], data },
      ])
      return bytesOf(optimizer.slots[0]!) / 1000
    }
    expect([sgd({ momentum: 0.9 }), heavyBall(), adam()].map(perParameter)).toEqual([4, 4, 8])
  })

  it('and start from 0, or from what the base says', () => {
    const data = new Float32Array(3)
    const base = adagrad({ initialAccumulator: 0.25 })
    const optimizer = createOptimizer(inducedMetric(base, { learningRate: 1 }), [
      { name: 'w', shape: [3], data },
    ])
    expect(optimizer.slots).toEqual([{ accumulator: new Float32Array([0.25, 0.25, 0.25]) }])
    const other = createOptimizer(inducedMetric(adam(), { learningRate: 1 }), [
      { name: 'w', shape: [3], data },
    ])
    expect(other.slots).toEqual([{ m: new Float32Array(3), v: new Float32Array(3) }])
  })
})

describe('memory', () => {
  setFlagsFromString('--expose-gc')
  const collect = runInNewContext('gc') as () => void
  const used = (): number => {
    for (let i = 0; i < 5; i++) collect()
    const { heapUsed, arrayBuffers } = process.memoryUsage()
    return heapUsed + arrayBuffers
  }

  it.each([
    ['reference', 50_000],
    ['auto', 100_000],
  ] as const)('does not grow: engine %s, %i steps', (engine, steps) => {
    const data = [new Float32Array(40), new Float32Array(60)]
    const transformation = inducedMetric(adam(), {
      learningRate: cosine({ from: 0.1, steps: 5000 }),
      embedding: log(),
      weightDecay: 0.01,
      clipNorm: 5,
      groups: { b: { xi: 1 } },
    })
    const parameters = [
      { name: 'k', shape: [40], data: data[0]! },
      { name: 'b', shape: [6, 10], data: data[1]!, group: 'b' },
    ]
    const optimizer = createOptimizer(transformation, parameters, { engine })
    const gradients = data.map((array) => array.map((_, i) => Math.sin(i)))
    // Skipped steps and missing gradients too.
    const step = (i: number): void => {
      if (i % 100 === 7) gradients[0]![3] = NaN
      optimizer.step(i % 10 === 3 ? [gradients[0]!, null] : gradients, { loss: 1 + 1 / (i + 1) })
      gradients[0]![3] = 1
    }
    // Compiled code comes and goes, hundreds of kB of it, and other things of the machine: but what a step leaves behind
    // is there after every fifth of the steps. The least object takes 24 bytes.
    const fifth = steps / 5
    let last = used()
    const growth = [0, 1, 2, 3, 4].map((k) => {
      for (let i = k * fifth; i < (k + 1) * fifth; i++) step(i)
      const before = last
      last = used()
      return last - before
    })
    expect(Math.min(...growth)).toBeLessThan(20 * fifth)
    expect(optimizer.report.step).toBeGreaterThan(0.9 * steps)
  })
})
