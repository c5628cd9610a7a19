import { useOptimizer } from '@induced-metric/brain.js'
import { adam, inducedMetric, log, sgd } from '@induced-metric/core'
import { describe, expect, it, vi } from 'vitest'
import { seeded, timeStepClasses, tokenClasses, versions } from './support/brain.js'
import { compareGradients, subjectsOf } from './support/gradients.js'
import type { Recurrent, Status } from './support/types.js'

const transformation = inducedMetric(adam(), { learningRate: 0.03 })
const words = ['abca', 'bcab', 'cabc']
const series = [
  [0.1, 0.2, 0.3, 0.4],
  [0.5, 0.4, 0.3],
]
const numbersOf = ({ model }: Recurrent): number[] =>
  model.allMatrices.flatMap(({ weights }) => Array.from(weights))

describe.each(versions)('recurrent networks of brain.js $version', (version) => {
  const { brain } = version
  const make = (Class: string, seed = 5): Recurrent =>
    seeded(seed, () => new brain.recurrent[Class]!({ hiddenLayers: [8] }))
  const data = (Class: string): readonly unknown[] => (tokenClasses.includes(Class) ? words : series)
  const trained = (Class: string, iterations = 5): Recurrent => {
    const network = make(Class)
    seeded(1, () => network.train(data(Class), { iterations, errorThresh: 1e-9 }))
    return network
  }

  it.each(tokenClasses)('%s learns words', (Class) => {
    const network = make(Class)
    const handle = useOptimizer(network, transformation)
    seeded(1, () => network.train(words, { iterations: 150, errorThresh: 1e-9 }))
    expect(handle.report.step).toBe(450)
    // The first letter determines the others, so only that letter must be guessed.
    expect(handle.report.loss).toBeLessThan(1.5)
    expect(network.run('bc')).toBe('ab')
  })

  it.each(timeStepClasses)('%s learns series', (Class) => {
    const network = make(Class)
    const handle = useOptimizer(network, inducedMetric(adam(), { learningRate: 0.01 }))
    const { iterations } = seeded(1, () => network.train(series, { iterations: 400, errorThresh: 1e-9 }))
    expect(handle.report.step).toBe(2 * iterations)
    expect(network.run([0.1, 0.2, 0.3])).toBeCloseTo(0.4, 1)
    expect(network.forecast([0.5, 0.4], 2)[0]).toBeCloseTo(0.3, 1)
  })

  it.each([...tokenClasses, ...timeStepClasses])('%s trains with all options as before', (Class) => {
    const network = make(Class)
    useOptimizer(network, transformation)
    const seen: Status[] = []
    const written = vi.fn<() => void>()
    const { iterations } = network.train(data(Class), {
      iterations: 6,
      errorThresh: 1e-9,
      log: written,
      logPeriod: 2,
      callback: (status) => void seen.push(status),
      callbackPeriod: 3,
    })
    expect(iterations).toBe(6)
    expect(written).toHaveBeenCalledTimes(3)
    expect(seen.map(({ iterations }) => iterations)).toEqual([0, 3])
    expect(network.train(data(Class), { iterations: 5000, errorThresh: 0.9 }).iterations).toBeLessThan(5000)
  })

  it.each([...tokenClasses, ...timeStepClasses])(
    '%s becomes JSON and comes back, attached or not',
    (Class) => {
      const network = trained(Class)
      const handle = useOptimizer(network, transformation)
      seeded(1, () => network.train(data(Class), { iterations: 5, errorThresh: 1e-9 }))
      const json = JSON.parse(JSON.stringify(network.toJSON())) as object
      const copy = make(Class, 6)
      copy.fromJSON(json)
      expect(numbersOf(copy)).toEqual(numbersOf(network))

      network.fromJSON(JSON.parse(JSON.stringify(trained(Class, 2).toJSON())) as object)
      network.train(data(Class), { iterations: 1, errorThresh: 1e-9 })
      expect(handle.report.step).toBe(data(Class).length)
    },
  )

  it.each(tokenClasses)('%s becomes a function', (Class) => {
    // `toFunction` of 2.0.0-beta.24 looks for a function that its bundle has renamed.
    if (!version.version.startsWith('1')) return
    const network = make(Class)
    useOptimizer(network, transformation)
    seeded(1, () => network.train(words, { iterations: 150, errorThresh: 1e-9 }))
    expect(network.toFunction()('bc')).toBe(network.run('bc'))
  })

  it.each([...tokenClasses, ...timeStepClasses])('%s is a stock network again when detached', (Class) => {
    const [network, twin] = [trained(Class), trained(Class)]
    const names = Object.getOwnPropertyNames(network)
    const handle = useOptimizer(network, transformation)
    network.train(data(Class), { iterations: 3, errorThresh: 1e-9 })
    handle.detach()
    expect(Object.getOwnPropertyNames(network)).toEqual(names)
    network.model.allMatrices.forEach((matrix, i) => {
      expect(matrix.weights.buffer.byteLength).toBe(4 * matrix.rows * matrix.columns)
      expect(matrix.deltas.buffer.byteLength).toBe(4 * matrix.rows * matrix.columns)
      twin.model.allMatrices[i]!.weights.set(matrix.weights)
      twin.model.allMatrices[i]!.deltas.set(matrix.deltas)
    })
    network.train(data(Class), { iterations: 3, errorThresh: 1e-9 })
    expect(handle.report.step).toBe(3 * data(Class).length)
    expect(numbersOf(network).every(Number.isFinite)).toBe(true)
  })

  const { recurrent, stale } = subjectsOf(version)
  it.each([...recurrent, ...stale])(
    '$name: exactGradients: false leaves brain.js its own gradient',
    (subject) => {
      const make = (): Recurrent => {
        const network = seeded(2, () => subject.make(2) as Recurrent)
        subject.before?.(network)
        return network
      }
      const [stock, attached] = [make(), make()]
      // The step changes nothing, so that the deltas can be read after it.
      useOptimizer(attached, inducedMetric(sgd(), { learningRate: 0 }), { exactGradients: false })
      subject.train(stock)
      subject.train(attached)
      stock.model.allMatrices.forEach(({ deltas }, i) => {
        expect(Array.from(attached.model.allMatrices[i]!.deltas)).toEqual(Array.from(deltas))
      })
    },
  )

  it.each(recurrent)('$name: the loss is the one that is differentiated', (subject) => {
    const network = seeded(2, () => subject.make(2) as Recurrent)
    subject.before?.(network)
    const handle = useOptimizer(network, inducedMetric(sgd(), { learningRate: 0.01, embedding: log() }))
    const before = subject.parameters(network).map((values) => Float64Array.from(values))
    subject.train(network)
    expect(handle.report.loss).toBeCloseTo(subject.loss(network, before), 5)
  })

  it('refuses an operation that it does not know', () => {
    class Other extends brain.recurrent['RNN']! {
      bindEquation(): void {
        const base = Object.getPrototypeOf(Other.prototype) as { bindEquation(): void }
        base.bindEquation.call(this)
        const { states } = this.model.equations.at(-1) as { states: { forwardFn: unknown }[] }
        const { forwardFn } = states[1]! as { forwardFn: (...given: unknown[]) => void }
        states[1]!.forwardFn = function doubled(...given: unknown[]) {
          forwardFn(...given)
        }
      }
    }
    const network = new Other({ hiddenLayers: [8] })
    const handle = useOptimizer(network, transformation)
    expect(() => network.train(words, { iterations: 2 })).toThrow(
      /ERR_NOT_SUPPORTED.*doubled.*exactGradients: false/,
    )
    handle.detach()
    useOptimizer(network, transformation, { exactGradients: false })
    network.train(words, { iterations: 2 })
  })

  it('learns from the gradients it is given: a step of plain SGD is the gradient', () => {
    expect(compareGradients(recurrent[0]!, 9).exact).toBeLessThan(1e-5)
  })
})
