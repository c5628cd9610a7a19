import { describe, expect, test } from 'vitest'

import { optimizers } from '../src/optimizers/index.js'
import type { StudyOptimizer } from '../src/optimizers/optimizer.js'
import { openRosenbrock } from '../src/tasks/rosenbrock.js'
import { runOne } from '../src/run.js'

/** An optimiser of one number, in double precision. */
function of(id: string, rate: number, value: number): { data: Float64Array; optimizer: StudyOptimizer } {
  const data = Float64Array.of(value)
  const parameters = [{ name: 'x', shape: [1], data }]
  return {
    data,
    optimizer: optimizers.find((entry) => entry.id === id)!.create({ parameters, rate, steps: 10 }),
  }
}

describe('MoMo-Adam', () => {
  // L = θ² at 2: d = .4, D = 4, f̄ = .4 and ⟨d, θ⟩ = γ̄ = .8, so that the gap is .4 and Σ d²/D is .04.
  test('steps to where its model of the loss is 0', () => {
    const { data, optimizer } = of('momo-adam', 10, 2)
    optimizer.step([Float64Array.of(4)], 4)
    expect(data[0]).toBeCloseTo(1, 7)
  })

  test('is Adam where that is farther than the learning rate', () => {
    const { data, optimizer } = of('momo-adam', 0.5, 2)
    optimizer.step([Float64Array.of(4)], 4)
    expect(data[0]).toBeCloseTo(1.5, 7)
    const adam = of('adam', 0.01, 2)
    const momo = of('momo-adam', 0.01, 2)
    for (const gradient of [4, -1, 3]) {
      adam.optimizer.step([Float64Array.of(gradient)], 100)
      momo.optimizer.step([Float64Array.of(gradient)], 100)
    }
    expect(momo.data[0]).toBeCloseTo(adam.data[0]!, 9)
  })

  test('averages the loss and its slope', () => {
    const { data, optimizer } = of('momo-adam', 10, 2)
    optimizer.step([Float64Array.of(4)], 4)
    // From θ = 1 with g = 2 and L = 1: d = .56, v̂ = (.999·.016 + .004)/(1 − .999²), f̄ = .46, γ̄ = .92.
    optimizer.step([Float64Array.of(2)], 1)
    // gap = .46 + .56 − .92 = .1; the step is gap/d, as D cancels out.
    expect(data[0]).toBeCloseTo(1 - 0.1 / 0.56, 6)
  })
})

describe('Schedule-Free Adam', () => {
  test('leads with Adam and follows with an average', () => {
    const { data, optimizer } = of('schedule-free-adam', 0.1, 1)
    optimizer.step([Float64Array.of(2)], 1)
    // z = 1 − .1·√.001·2/√.004; the average is of z alone.
    expect(data[0]).toBeCloseTo(0.9, 7)
    expect(optimizer.evaluated!()[0]![0]).toBeCloseTo(0.9, 7)
    optimizer.step([Float64Array.of(1)], 1)
    // γ² = 1e−2·(1 − .999²), v = .999·.004 + .001·1, and the new weight is 1.999/2.999.
    const leading = 0.9 - (0.1 * Math.sqrt(0.001999)) / Math.sqrt(0.004996)
    const average = (1 / 2.999) * 0.9 + (1.999 / 2.999) * leading
    expect(optimizer.evaluated!()[0]![0]).toBeCloseTo(average, 7)
    expect(data[0]).toBeCloseTo(0.1 * leading + 0.9 * average, 7)
  })
})

describe('Prodigy', () => {
  test('steps by the estimated distance', () => {
    const { data, optimizer } = of('prodigy', 1, 1)
    const steps: number[] = []
    for (let step = 0; step < 3; step++) {
      const before = data[0]!
      optimizer.step([Float64Array.of(2)], 1)
      steps.push(before - data[0]!)
    }
    // d = 1e−6: m = 2e−7, v = 4e−15.
    const first = 1e-6 * (2e-7 / Math.sqrt(4e-15))
    expect(steps[0]! / first).toBeCloseTo(1, 5)
    // m = 3.8e−7, v = 7.996e−15.
    expect(steps[1]! / (1e-6 * (3.8e-7 / Math.sqrt(7.996e-15)))).toBeCloseTo(1, 5)
    // Then d = r/|s| = 2·first/(2(1 + √.999)).
    const distance = first / (1 + Math.sqrt(0.999))
    const momentum = 0.9 * 3.8e-7 + 0.1 * distance * 2
    const square = 0.999 * 7.996e-15 + 0.001 * (distance * 2) ** 2
    expect(steps[2]! / (distance * (momentum / Math.sqrt(square)))).toBeCloseTo(1, 5)
  })

  test('finds a far minimum from a guess that is a million times too small', () => {
    const { data, optimizer } = of('prodigy', 1, 10)
    for (let step = 0; step < 400; step++) optimizer.step([Float64Array.of(Math.sign(data[0]! - 3))], 1)
    expect(Math.abs(data[0]! - 3)).toBeLessThan(3)
  })
})

test('the first step of Adam is the learning rate', () => {
  const { data, optimizer } = of('adam', 0.25, 1)
  optimizer.step([Float64Array.of(3)], 5)
  expect(data[0]).toBeCloseTo(0.75, 7)
})

test('with the square root of the loss a learning rate of 1000 does no harm', async () => {
  const problem = openRosenbrock(0)
  const start = problem.parameters.map(({ data }) => data.slice())
  const run = (id: string): Promise<{ loss: number | null }> =>
    runOne(
      problem,
      start,
      optimizers.find((entry) => entry.id === id)!,
      { rate: 1000, steps: 2000 },
    )
  expect((await run('sgd-root')).loss).toBeLessThan(20)
  expect((await run('sgd')).loss).toBeNull()
})
