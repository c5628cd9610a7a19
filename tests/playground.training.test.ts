import { describe, expect, it, vi } from 'vitest'
import { compare, compareTraining, compareWithLoop } from '../docs/playground/benchmark/compare.js'
import { createLoop, learningRate } from '../docs/playground/benchmark/loop.js'
import { defaults } from '../docs/playground/settings.js'
import { Network, type Examples, type Layer } from '../docs/playground/training/network.js'
import { TrainingSession } from '../docs/playground/training/session.js'
import { principalPlane } from '../docs/playground/training/slice.js'
import { createTask } from '../docs/playground/training/tasks.js'
import { digitsPlugin } from '../docs/site/digits.js'
import { adam, createOptimizer, inducedMetric } from '@induced-metric/core'

// The trainings and the benchmark of the playground.

const layer = (inputs: number, outputs: number, seed: number): Layer => ({
  inputs,
  outputs,
  weights: Float32Array.from({ length: inputs * outputs }, (_, i) => Math.sin(seed + 7 * i)),
  biases: Float32Array.from({ length: outputs }, (_, i) => Math.cos(seed + i)),
})
const like = ({ inputs, outputs }: Layer): Layer => ({
  inputs,
  outputs,
  weights: new Float32Array(inputs * outputs),
  biases: new Float32Array(outputs),
})

/** The mean loss of a network, by plain loops in double precision. */
function plainLoss(
  layers: readonly Layer[],
  { width, inputs, labels }: Examples,
  chosen: Uint32Array,
): number {
  const losses = Array.from(chosen, (example) => {
    let given = [...inputs.subarray(example * width, (example + 1) * width)]
    layers.forEach(({ outputs, weights, biases }, index) => {
      const sums = Array.from({ length: outputs }, (_, row) =>
        given.reduce((sum, x, i) => sum + x * weights[row * given.length + i]!, biases[row]!),
      )
      given = index === layers.length - 1 ? sums : sums.map(Math.tanh)
    })
    return Math.log(given.reduce((sum, x) => sum + Math.exp(x), 0)) - given[labels[example]!]!
  })
  return losses.reduce((a, b) => a + b) / losses.length
}

it('the network has the loss of plain loops, and the gradient that differences of that have', async () => {
  const { train } = await createTask('spirals')
  const layers = [layer(2, 5, 1), layer(5, 4, 2), layer(4, 2, 3)]
  const gradients = layers.map(like)
  const network = new Network(layers, gradients)
  const chosen = Uint32Array.of(3, 50, 51, 200)
  expect(network.differentiate(train, chosen)).toBeCloseTo(plainLoss(layers, train, chosen), 6)
  const all = Uint32Array.from(train.labels, (_, i) => i)
  expect(network.score(train).loss).toBeCloseTo(plainLoss(layers, train, all), 6)
  layers.forEach(({ weights, biases }, index) => {
    for (const [array, slopes] of [
      [weights, gradients[index]!.weights],
      [biases, gradients[index]!.biases],
    ] as const)
      for (let i = 0; i < array.length; i += 3) {
        const own = array[i]!
        array[i] = own + 2 ** -7
        const [above, high] = [plainLoss(layers, train, chosen), array[i]!]
        array[i] = own - 2 ** -7
        const [below, low] = [plainLoss(layers, train, chosen), array[i]!]
        array[i] = own
        expect(Math.abs(slopes[i]! - (above - below) / (high - low))).toBeLessThan(1e-4)
      }
  })
})

it('the losses of many networks are those of each', async () => {
  const { train } = await createTask('spirals')
  const many = [1, 2, 3].map((seed) => [layer(2, 5, seed), layer(5, 2, seed + 1)])
  const network = new Network(many[0]!, many[0]!.map(like))
  const all = Uint32Array.from(train.labels, (_, i) => i)
  const losses = network.lossesWith(many, train)
  expect(losses).toHaveLength(3)
  many.forEach((layers, i) => expect(losses[i]).toBeCloseTo(plainLoss(layers, train, all), 5))
})

describe('a training', () => {
  it('that goes on from its checkpoints takes the same steps, bit for bit', async () => {
    const task = await createTask('spirals')
    const whole = new TrainingSession(task, defaults)
    for (let i = 0; i < 120; i++) whole.train()
    const first = new TrainingSession(task, defaults)
    for (let i = 0; i < 50; i++) first.train()
    const second = new TrainingSession(task, defaults, structuredClone(first.save()))
    for (let i = 0; i < 70; i++) second.train()
    expect(second.step).toBe(120)
    expect(second.progress()).toEqual(whole.progress())
    expect(second.save()).toEqual(whole.save())
  })

  it('learns the spirals at η = 1 with the metric, and not without', async () => {
    const session = await TrainingSession.create('spirals', defaults)
    for (let i = 0; i < 700; i++) session.train()
    const { induced, beside } = session.progress()
    expect(induced.accuracy).toBeGreaterThan(0.95)
    expect(beside.accuracy).toBeLessThan(0.7)
  })

  it('has a slice whose loss at its end is the loss, and leaves the weights alone', async () => {
    const session = await TrainingSession.create('spirals', defaults)
    for (let i = 0; i < 100; i++) session.train()
    const before = session.save()
    const { losses, path, view, columns, rows } = session.slice()
    expect(session.save()).toEqual(before)
    expect(losses).toHaveLength(columns * rows)
    expect(Array.from(path.slice(-2))).toEqual([0, 0])
    // The cells around the end have losses on both sides of its own, or near it.
    const column = Math.round((-view[0] / (view[2] - view[0])) * (columns - 1))
    const row = Math.round((-view[1] / (view[3] - view[1])) * (rows - 1))
    expect(losses[row * columns + column]).toBeLessThan(Math.max(...losses) / 2)
  })
})

it('principal axes hold a way that lies in a plane, with all its distances', () => {
  const [a, b] = [Float64Array.of(1, 0, 2, 0, -1), Float64Array.of(0, 3, 0, 1, 0)]
  const places = [
    [0, 0],
    [1, 2],
    [3, -1],
    [-2, 0.5],
  ] as const
  const iterates = places.map(([s, t]) => a.map((x, i) => s * x + t * b[i]!))
  const { path } = principalPlane(iterates)
  for (let i = 0; i < 4; i++)
    for (let j = 0; j < i; j++) {
      const distance = Math.hypot(...iterates[i]!.map((x, k) => x - iterates[j]![k]!))
      expect(Math.hypot(path[2 * i]! - path[2 * j]!, path[2 * i + 1]! - path[2 * j + 1]!)).toBeCloseTo(
        distance,
        8,
      )
    }
})

it('the digits are those of MNIST, in half their resolution', async () => {
  const { load, resolveId } = digitsPlugin()
  const code = load(resolveId('virtual:digits')!)!
  const { side, sets } = (await import(
    /* @vite-ignore */ `data:text/javascript,${encodeURIComponent(code)}`
  )) as typeof import('virtual:digits')
  expect(side).toBe(14)
  expect(sets.train.labels.slice(0, 10)).toBe('5041921314')
  expect(sets.test.labels.slice(0, 10)).toBe('7210414959')
  expect(Buffer.from(sets.train.pixels, 'base64')).toHaveLength((800 * 14 * 14) / 2)
  // Ink in the middle, none in the corners.
  const first = Buffer.from(sets.train.pixels, 'base64').subarray(0, 98)
  expect(first.subarray(0, 7).every((byte) => byte === 0)).toBe(true)
  expect(first.subarray(42, 56).some((byte) => byte > 0)).toBe(true)
})

describe('the benchmark', () => {
  it("compares with a loop that takes Adam's steps", () => {
    const data = Float64Array.of(1, -2, 3)
    const weights = Float64Array.from(data)
    const optimizer = createOptimizer(inducedMetric(adam(), { learningRate, xi: 0 }), [
      { name: 'w', shape: [3], data },
    ])
    const step = createLoop(weights)
    for (let i = 0; i < 20; i++) {
      const gradient = data.map((w) => Math.sin(w + i))
      optimizer.step([gradient])
      step(gradient)
    }
    weights.forEach((w, i) => expect(w).toBeCloseTo(data[i]!, 12))
  })

  it('measures a ratio of times', async () => {
    let now = 0
    const clock = vi.spyOn(performance, 'now').mockImplementation(() => now)
    const takes = (milliseconds: number) => (times: number) => void (now += times * milliseconds)
    const { ratio, ours, other } = await compare('waiting', takes(0.5), takes(2), { rounds: 5, slice: 4 })
    clock.mockRestore()
    expect(ours).toBeCloseTo(0.5, 12)
    expect(other).toBeCloseTo(2, 12)
    expect(ratio).toBeCloseTo(4, 12)
  })

  it('has figures for steps and for a training', async () => {
    const brief = { rounds: 3, slice: 5 }
    const step = await compareWithLoop(1000, brief)
    const training = await compareTraining(await createTask('spirals'), 5, brief)
    for (const { ours, other, ratio } of [step, training]) {
      expect(ours).toBeGreaterThan(0)
      expect(other).toBeGreaterThan(0)
      expect(ratio).toBeGreaterThan(0)
    }
  })
})
