import { readdirSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

import { inducedMetric, sgd, type TypedArray } from '@induced-metric/core'
import type { Problem } from '@induced-metric/example-robustness'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'

import { bases, race, rateFreeBases, selfTuning, tuned, workloads } from '../src/index.js'
import { targetOf, readTargets } from '../src/targets.js'
import { trialFactors } from '../src/trials.js'

const noisyQuadratic = workloads.find(({ id }) => id === 'noisy-quadratic')!

test('there are eight workloads with a target each', () => {
  const targets = readTargets()
  expect(Object.keys(targets)).toEqual(workloads.map(({ id }) => id))
  expect(workloads).toHaveLength(8)
  expect(Object.values(targets).every((target) => target > 0)).toBe(true)
  expect(() => targetOf(targets, 'unknown')).toThrow('no target for unknown: run the study of targets')
})

test('every base of the core takes part, at the rate of its page', () => {
  const folder = fileURLToPath(new URL('../../../docs/bases', import.meta.url))
  const pages = readdirSync(folder).map((file) => file.replace(/\.md$/, ''))
  expect(Object.keys(bases).sort()).toEqual(pages.sort())
  for (const [name, { rate }] of Object.entries(bases)) {
    const page = readFileSync(`${folder}/${name}.md`, 'utf8')
    const shown = /learningRate: (?:cosine\(\{ from: )?([\d.e-]+)/.exec(page)?.[1]
    expect(rate, name).toBe(Number(shown))
  }
})

test('all optimisers have the same trials', () => {
  expect(trialFactors()).toEqual([1, 4.6, 22, 100])
  const rateOf = (base: string, factor: number) =>
    JSON.stringify(tuned(base, 'plain', factor, 10).toJSON().learningRate)
  expect(rateOf('adam', 22)).toContain('0.022')
  expect(rateOf('scheduleFree', 22)).toBe('0.055')
})

test('rateFree takes the bases with an average of gradients', () => {
  const taken = rateFreeBases()
  expect(taken).toEqual(expect.arrayContaining(['adam', 'lion', 'muon', 'sgd']))
  for (const refused of ['adopt', 'prodigy', 'dadaptation', 'novograd', 'ftrl'])
    expect(taken).not.toContain(refused)
  expect(() => selfTuning('sdg', 'plain', 10)).toThrow('There is no base "sdg"; there are adabelief,')
})

describe.each(workloads)('$id', ({ id, open }) => {
  let problem: Problem
  beforeAll(async () => {
    problem = await open(1)
  })
  afterAll(() => problem.release())

  test('is the same for the same seed', async () => {
    const again = await open(1)
    const losses = await Promise.all([problem, again].map(async (one) => one.differentiate(1)))
    expect(losses[1]).toBe(losses[0])
    expect(await again.evaluate()).toEqual(await problem.evaluate())
    await again.release()
  })

  // The noise of the quadratic is only in its gradient.
  test.skipIf(id === 'noisy-quadratic')('has the gradient of its loss', async () => {
    const start = problem.parameters.map(({ data }) => data.slice())
    await problem.differentiate(1)
    const exact = problem.gradients.map((gradient) => gradient.slice())
    const norm = Math.sqrt(exact.reduce((sum, gradient) => sum + squaredLength(gradient), 0))
    const lossAlong = async (distance: number): Promise<number> => {
      problem.parameters.forEach(({ data }, place) => {
        for (let i = 0; i < data.length; i++)
          data[i] = start[place]![i]! + (distance * exact[place]![i]!) / norm
      })
      return problem.differentiate(1)
    }
    const slope = ((await lossAlong(1e-2)) - (await lossAlong(-1e-2))) / 2e-2
    expect(slope / norm).toBeGreaterThan(0.98)
    expect(slope / norm).toBeLessThan(1.02)
    problem.parameters.forEach(({ data }, place) => data.set(start[place]!))
  })
})

describe('a race', () => {
  const descent = (learningRate: number) => inducedMetric(sgd(), { learningRate, xi: 0 })

  test('ends at the target', async () => {
    const whole = await race(noisyQuadratic, 1, descent(0.5), -Infinity)
    expect(whole.steps).toBeNull()
    const half = await race(noisyQuadratic, 1, descent(0.5), 2 * whole.loss)
    expect(half.loss).toBeLessThanOrEqual(2 * whole.loss)
    expect(half.steps! % 40).toBe(0)
    expect(half.steps).toBeLessThan(1000)
    // The measurement before that was above it.
    const short = await race(noisyQuadratic, 1, descent(0.5), 2 * whole.loss, half.steps! - 40)
    expect(short.steps).toBeNull()
    expect(half.seconds).toBeGreaterThan(0)
  })

  test('ends when it is hopeless', async () => {
    const { steps, loss } = await race(noisyQuadratic, 1, descent(50), 1e-3)
    expect(steps).toBeNull()
    expect(loss).toBeLessThan(10)
  })

  test('is judged with the weights to evaluate with', async () => {
    const averaged = inducedMetric(sgd(), { learningRate: 1, xi: 0, averageWeights: { ema: 0.99 } })
    const [plain, smooth] = [
      await race(noisyQuadratic, 1, descent(1), -Infinity),
      await race(noisyQuadratic, 1, averaged, -Infinity),
    ]
    // Averages remove the noise of the gradients.
    expect(smooth.loss).toBeLessThan(0.7 * plain.loss)
  })
})

function squaredLength(values: TypedArray): number {
  let sum = 0
  for (const value of values) sum += value ** 2
  return sum
}
