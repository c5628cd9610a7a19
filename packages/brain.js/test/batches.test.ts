import { useOptimizer } from '@induced-metric/brain.js'
import { adam, inducedMetric, sgd } from '@induced-metric/core'
import { describe, expect, it } from 'vitest'
import {
  feedForward,
  numbersOf,
  seeded,
  timeStepClasses,
  tokenClasses,
  versions,
  xor,
  xorNetwork,
} from './support/brain.js'
import type { Dense, Layered, Recurrent } from './support/types.js'

const learningRate = 1024
const plain = inducedMetric(sgd(), { learningRate, xi: 0 })

/** The gradient of the step that one call of `train` takes. */
function gradientOf(read: () => number[], train: () => void): number[] {
  const before = read()
  train()
  const after = read()
  return before.map((value, i) => (value - after[i]!) / learningRate)
}

function expectMean(actual: readonly number[], parts: readonly (readonly number[])[]): void {
  const mean = actual.map((_, i) => parts.reduce((sum, part) => sum + part[i]!, 0) / parts.length)
  const size = Math.max(...mean.map(Math.abs))
  expect(size).toBeGreaterThan(0)
  actual.forEach((value, i) => expect(Math.abs(value - mean[i]!)).toBeLessThan(1e-5 * size))
}

describe.each(versions)('batches of brain.js $version', ({ brain }) => {
  it('step by the mean gradient and the mean loss', () => {
    const one = (index: number): { gradient: number[]; loss: number } => {
      const network = xorNetwork(brain)
      const handle = useOptimizer(network, plain)
      const gradient = gradientOf(
        () => numbersOf(network),
        () => network.trainPattern(xor[index]!),
      )
      return { gradient, loss: handle.report.loss! }
    }
    const network = xorNetwork(brain)
    const handle = useOptimizer(network, plain, { batchSize: 3 })
    const gradient = gradientOf(
      () => numbersOf(network),
      () => [0, 1, 2].forEach((index) => network.trainPattern(xor[index]!)),
    )
    const parts = [0, 1, 2].map(one)
    expect(handle.report.step).toBe(1)
    expectMean(
      gradient,
      parts.map(({ gradient }) => gradient),
    )
    expect(handle.report.loss).toBeCloseTo(
      parts.reduce((sum, { loss }) => sum + loss / 3, 0),
      6,
    )
  })

  it('leave the weights alone until they are full', () => {
    const network = xorNetwork(brain)
    const handle = useOptimizer(network, plain, { batchSize: 3 })
    const before = numbersOf(network)
    network.trainPattern(xor[0]!)
    network.trainPattern(xor[1]!)
    expect(numbersOf(network)).toEqual(before)
    expect(handle.flush().step).toBe(1)
    expect(numbersOf(network)).not.toEqual(before)
    expect(handle.flush().step).toBe(1)
  })

  it('end with the epoch: the rest makes a step by its own mean', () => {
    const [whole, rest] = [xorNetwork(brain), xorNetwork(brain)]
    const handle = useOptimizer(whole, plain, { batchSize: 16 })
    useOptimizer(rest, plain, { batchSize: 4 })
    const read = (network: Dense) => () => numbersOf(network)
    const gradient = gradientOf(read(whole), () => void whole.train(xor, { iterations: 1 }))
    expect(handle.report.step).toBe(1)
    expectMean(gradient, [gradientOf(read(rest), () => void rest.train(xor, { iterations: 1 }))])
    whole.train(xor, { iterations: 3, errorThresh: 1e-9, log: () => {}, logPeriod: 2 })
    expect(handle.report.step).toBe(4)
  })

  it('count from the start after a step that failed', () => {
    const network = xorNetwork(brain)
    const handle = useOptimizer(network, inducedMetric(sgd(), { learningRate: 1, onNonFinite: 'throw' }), {
      batchSize: 2,
    })
    network.trainPattern({ input: [NaN, 1], output: [1] })
    expect(() => network.trainPattern(xor[0]!)).toThrow(/ERR_NON_FINITE/)
    network.trainPattern(xor[0]!)
    network.trainPattern(xor[1]!)
    expect(handle.report).toMatchObject({ step: 1, skipped: false })
  })

  it('make their step before the network is detached', () => {
    const network = xorNetwork(brain)
    const handle = useOptimizer(network, plain, { batchSize: 8 })
    network.trainPattern(xor[1]!)
    handle.detach()
    expect(handle.report.step).toBe(1)
  })

  it('learn', () => {
    const network = xorNetwork(brain)
    const handle = useOptimizer(network, inducedMetric(adam(), { learningRate: 0.1 }), { batchSize: 2 })
    const { error, iterations } = network.train(xor, { iterations: 3000 })
    expect(error).toBeLessThan(0.005)
    expect(handle.report.step).toBe(2 * iterations)
  })

  it.each([...tokenClasses, ...timeStepClasses])('are batches of sequences for %s', (Class) => {
    const data = tokenClasses.includes(Class)
      ? ['abc', 'ca', 'bbc']
      : [
          [0.1, 0.2, 0.3, 0.4],
          [0.5, 0.4],
          [0.2, 0.1, 0.4],
        ]
    const make = (): Recurrent => {
      const network = seeded(5, () => new brain.recurrent[Class]!({ hiddenLayers: [6] }))
      seeded(6, () => network.train(data, { iterations: 1 }))
      return network
    }
    const read = ({ model }: Recurrent): number[] =>
      model.allMatrices.flatMap(({ weights }) => Array.from(weights))
    const network = make()
    const handle = useOptimizer(network, plain, { batchSize: 8 })
    const gradient = gradientOf(
      () => read(network),
      () => void network.train(data, { iterations: 1 }),
    )
    expect(handle.report.step).toBe(1)
    // The sequences that the network makes of its data are given to its trainPattern; train on each alone.
    const sequences: ArrayLike<unknown>[] = []
    const watched = make()
    const trainPattern = watched.trainPattern.bind(watched)
    watched.trainPattern = (sequence, logErrorRate) => {
      sequences.push(sequence)
      return trainPattern(sequence, logErrorRate)
    }
    watched.train(data, { iterations: 1 })
    expectMean(
      gradient,
      sequences.map((sequence) => {
        const network = make()
        useOptimizer(network, plain)
        return gradientOf(
          () => read(network),
          () => void network.trainPattern(sequence),
        )
      }),
    )

    const other = make()
    const second = useOptimizer(other, inducedMetric(adam(), { learningRate: 0.01 }), { batchSize: 2 })
    other.train(data, { iterations: 4, errorThresh: 1e-9 })
    expect(second.report.step).toBe(8)
  })
})

describe('batches of a FeedForward network of brain.js 2.x', () => {
  const { brain } = versions[1]!

  it('step by the mean gradient, at the latest at the end of the epoch', () => {
    const make = (): Layered => {
      const network = seeded(3, () => feedForward(brain, 2, [4, 1]))
      seeded(3, () => network.initialize())
      return network
    }
    const read = (network: Layered) => (): number[] =>
      network._model.flatMap(({ weights }) => weights.flatMap((row) => Array.from(row)))
    const train = (network: Layered, index: number): void => {
      const { input, output } = xor[index]!
      network._trainPattern(Float32Array.from(input), Float32Array.from(output), false)
    }
    const network = make()
    const handle = useOptimizer(network, plain, { batchSize: 3 })
    const gradient = gradientOf(read(network), () => [0, 1, 2].forEach((index) => train(network, index)))
    expectMean(
      gradient,
      [0, 1, 2].map((index) => {
        const network = make()
        useOptimizer(network, plain)
        return gradientOf(read(network), () => train(network, index))
      }),
    )
    network.train(xor, { iterations: 2, errorThresh: 1e-9 })
    expect(handle.report.step).toBe(5)
  })
})
