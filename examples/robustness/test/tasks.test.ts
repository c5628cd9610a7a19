import type { TypedArray } from '@induced-metric/core'
import { cutBatches, createRandom, loadMnist } from '@induced-metric/example-mnist'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'

import { optimizers } from '../src/optimizers/index.js'
import { runOne } from '../src/run.js'
import { openGpt } from '../src/tasks/gpt.js'
import { inSinglePrecision, lifted, withFirstLoss, withLargeWeights } from '../src/tasks/harder.js'
import { openDigits, withNoise } from '../src/tasks/mnist.js'
import { noisyQuadratic, openNoisyQuadratic } from '../src/tasks/noisyQuadratic.js'
import { openOnline } from '../src/tasks/online.js'
import { openRegression } from '../src/tasks/regression.js'
import { openRosenbrock, rosenbrock } from '../src/tasks/rosenbrock.js'
import { tasks } from '../src/tasks/index.js'
import type { Problem } from '../src/tasks/task.js'
import { loadText } from '../src/tasks/text.js'

const STEPS = 4

interface Small {
  readonly id: string
  readonly parameters: number
  readonly open: () => Problem | Promise<Problem>
  /** The optimisers to try, if not all. */
  readonly tried?: readonly string[]
}

/** Every kind of task, with less data where a task takes long. */
const small: readonly Small[] = [
  {
    id: 'mnist',
    parameters: 55_050,
    open: () => openDigits(0, { limit: 4 }),
    tried: ['adam', 'adam-root', 'rate-free', 'muon-root', 'momo-adam', 'schedule-free-adam', 'prodigy'],
  },
  {
    id: 'label-noise',
    parameters: 55_050,
    open: () => openDigits(0, { noise: 0.2, limit: 4 }),
    tried: ['adam', 'adam-root'],
  },
  { id: 'regression', parameters: 1249, open: () => openRegression(0) },
  {
    id: 'gpt',
    parameters: 109_632,
    open: () => openGpt(0, STEPS, 1),
    tried: ['adam', 'rate-free', 'muon-root'],
  },
  { id: 'rosenbrock', parameters: 20, open: () => openRosenbrock(0) },
  { id: 'noisy-quadratic', parameters: 100, open: () => openNoisyQuadratic(0) },
]

function squaredLength(values: TypedArray): number {
  let sum = 0
  for (const value of values) sum += value ** 2
  return sum
}

describe.each(small)('$id', ({ id, parameters, open, tried }) => {
  let problem: Problem
  let start: TypedArray[]
  beforeAll(async () => {
    problem = await open()
    start = problem.parameters.map(({ data }) => data.slice())
  })
  afterAll(() => problem.release())

  test('has the documented size', () => {
    expect(problem.parameters.reduce((sum, { data }) => sum + data.length, 0)).toBe(parameters)
    expect(problem.gradients.map(({ length }) => length)).toEqual(
      problem.parameters.map(({ data }) => data.length),
    )
  })

  // The noise of the quadratic is only in its gradient; it has its own test.
  test.skipIf(id === 'noisy-quadratic')('has the gradient of its loss', async () => {
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
    // Along the gradient the slope is its length.
    const distance = start[0] instanceof Float64Array ? 1e-6 : 1e-2
    const slope = ((await lossAlong(distance)) - (await lossAlong(-distance))) / (2 * distance)
    expect(slope / norm).toBeGreaterThan(0.99)
    expect(slope / norm).toBeLessThan(1.01)
    problem.parameters.forEach(({ data }, place) => data.set(start[place]!))
  })

  test.each(optimizers.filter(({ id }) => tried?.includes(id) ?? true))(
    '$id trains it, the same way each time',
    async (optimizer) => {
      const run = async () => {
        const { seconds, ...rest } = await runOne(problem, start, optimizer, { rate: 1e-3, steps: STEPS })
        return rest
      }
      const first = await run()
      expect(problem.parameters.map(({ data }) => data)).toEqual(start)
      expect(first.loss).toEqual(expect.any(Number))
      expect(first.curve).toHaveLength(STEPS)
      expect(first.accuracy === undefined).toBe(!['mnist', 'label-noise'].includes(id))
      expect(await run()).toEqual(first)
    },
  )
})

test('every task has a small counterpart here', () => {
  const ids = tasks.filter(({ isHarder }) => isHarder !== true).map(({ id }) => id.replace(/-\d+$/, ''))
  expect(new Set(ids)).toEqual(new Set(small.map(({ id }) => id)))
})

describe('harder tasks', () => {
  test('begin with larger weights', async () => {
    const [plain, large] = [openRosenbrock(0), await withLargeWeights(rosenbrock, 3).open(0)]
    expect(large.parameters[0]!.data).toEqual(plain.parameters[0]!.data.map((value) => 3 * value))
  })

  test('report a wrong first loss', async () => {
    const [plain, high] = [openRosenbrock(0), await withFirstLoss(rosenbrock, 10).open(0)]
    const loss = await plain.differentiate(1)
    expect(await high.differentiate(1)).toBe(10 * loss)
    expect(await high.differentiate(2)).toBe(loss)
  })

  test('take one example at a time', async () => {
    const problem = openOnline(0)
    const { loss } = await problem.evaluate()
    let sum = 0
    for (let step = 1; step <= 3000; step++) sum += await problem.differentiate(step)
    expect(Math.abs(sum / 3000 / loss - 1)).toBeLessThan(0.1)
    const value = await problem.differentiate(1)
    const exact = problem.gradients[0]!.slice()
    problem.parameters[0]!.data[2] = 1e-6
    expect(((await problem.differentiate(1)) - value) / 1e-6).toBeCloseTo(exact[2]!, 4)
  })

  test('report a loss that is too large, and are judged without the excess', async () => {
    const [plain, high] = [openRosenbrock(0), await lifted(rosenbrock, 5).open(0)]
    const loss = await plain.differentiate(1)
    expect(await high.differentiate(1)).toBe(loss + 5)
    expect(high.gradients).toEqual(plain.gradients)
    expect(await high.evaluate()).toEqual({ loss })
    expect(lifted(rosenbrock, 5).floor).toBe(5)
  })

  test('are in single precision, with the noise of the double one', async () => {
    const [double, single] = [openNoisyQuadratic(0), await inSinglePrecision(noisyQuadratic).open(0)]
    const data = single.parameters[0]!.data
    expect(data).toEqual(Float32Array.from(double.parameters[0]!.data))
    const loss = await single.differentiate(1)
    expect(loss).toBe(Math.fround(loss))
    expect(loss).toBeCloseTo(await double.differentiate(1), 5)
    expect(Math.abs(single.gradients[0]![3]! - double.gradients[0]![3]!)).toBeLessThan(1e-7)
    data.fill(0)
    expect(await single.evaluate()).toEqual({ loss: 0 })
  })

  test('have a few batches that are too bright, and are judged without them', async () => {
    const [plain, corrupt] = [await openDigits(0), await openDigits(0, { corrupt: 0.02 })]
    const losses = async (problem: Problem) => {
      const all: number[] = []
      for (let step = 1; step <= 200; step++) all.push(await problem.differentiate(step))
      return all
    }
    const [right, wrong] = [await losses(plain), await losses(corrupt)]
    const changed = wrong.filter((loss, place) => loss !== right[place]).length
    expect(changed).toBeGreaterThan(0)
    expect(changed).toBeLessThan(15)
    expect(await corrupt.evaluate()).toEqual(await plain.evaluate())
    await Promise.all([plain.release(), corrupt.release()])
  })
})

test('the noise of the quadratic is 0 on average and has the documented size', async () => {
  const problem = openNoisyQuadratic(3)
  const [data, gradient] = [problem.parameters[0]!.data, problem.gradients[0]!]
  const count = 2000
  const variable = 3
  let [sum, squares] = [0, 0]
  for (let step = 1; step <= count; step++) {
    await problem.differentiate(step)
    const noise = gradient[variable]! - data[variable]! / (variable + 1)
    sum += noise
    squares += noise ** 2
  }
  const deviation = 0.1 / Math.sqrt(variable + 1)
  expect(Math.abs(sum / count)).toBeLessThan((4 * deviation) / Math.sqrt(count))
  expect(Math.abs(Math.sqrt(squares / count) / deviation - 1)).toBeLessThan(0.1)
})

test('random labels are a fifth, of which nine tenths are wrong', async () => {
  const { train } = await loadMnist()
  const [batch] = cutBatches(train, 20_000, createRandom(0), 1)
  const noisy = withNoise(batch!, 0.2, createRandom(5))
  const changed = noisy.labels.filter((label, place) => label !== batch!.labels[place]).length
  expect(noisy.images).toBe(batch!.images)
  expect(Math.abs(changed / batch!.count - 0.18)).toBeLessThan(0.012)
  expect(Math.max(...noisy.labels)).toBe(9)
})

test('the targets of the regression have variance 1', async () => {
  const problem = await openRegression(0)
  problem.parameters.forEach(({ data }) => data.fill(0))
  // The training part; the whole data were scaled.
  expect((await problem.evaluate()).loss).toBeGreaterThan(0.7)
  expect((await problem.evaluate()).loss).toBeLessThan(1.3)
  await problem.release()
})

test('the text is prose without tags', async () => {
  const { tokens, alphabet } = await loadText()
  const text = Array.from(tokens.subarray(0, 60), (token) => alphabet[token]).join('')
  expect(text).toBe('The Fulton County Grand Jury said Friday an investigation of')
  expect(tokens.length).toBeGreaterThan(6e6)
  const gpt = tasks.find(({ id }) => id === 'gpt-300')!
  expect(gpt.untrained).toBeCloseTo(Math.log(alphabet.length), 10)
})
