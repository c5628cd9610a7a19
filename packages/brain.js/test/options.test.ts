import { useOptimizer, type UseOptimizerOptions } from '@induced-metric/brain.js'
import { adam, inducedMetric } from '@induced-metric/core'
import { describe, expect, it } from 'vitest'
import { numbersOf, versions, xorNetwork } from './support/brain.js'

const transformation = inducedMetric(adam(), { learningRate: 0.05 })

describe.each(versions)('useOptimizer with brain.js $version', ({ brain }) => {
  it.each<[string, unknown, RegExp]>([
    ['batchSize 0', { batchSize: 0 }, /batchSize must be a whole number ≥ 1, given 0/],
    ['batchSize 1.5', { batchSize: 1.5 }, /batchSize.*1\.5/],
    ['exactGradients of another type', { exactGradients: 'yes' }, /exactGradients.*yes/],
    ['groupOf of another type', { groupOf: 'a' }, /groupOf.*function/],
    [
      'an unknown option',
      { batchsize: 2 },
      /no option "batchsize"; the nearest is "batchSize"; known options: batchSize/,
    ],
    ['no options', null, /object of options, given null/],
  ])('refuses %s', (_, options, message) => {
    const network = xorNetwork(brain)
    const attach = (): unknown => useOptimizer(network, transformation, options as UseOptimizerOptions)
    expect(attach).toThrow(message)
    expect(attach).toThrow(expect.objectContaining({ code: 'ERR_OPTION' }))
    expect(Object.hasOwn(network, 'adjustWeights')).toBe(false)
    // A correct attempt succeeds afterwards.
    useOptimizer(network, transformation)
  })

  it('refuses a value that is no transformation', () => {
    expect(() => useOptimizer(xorNetwork(brain), adam() as never)).toThrow(/ERR_OPTION/)
  })

  it.each<[string, unknown, RegExp]>([
    ['null', null, /cannot train null/],
    ['a plain object', {}, /cannot train Object.*NeuralNetwork/],
    ['a class', Map, /cannot train the function or class Map: it must be/],
    ['a function', () => 1, /cannot train/],
  ])('refuses %s as a network', (_, network, message) => {
    const attach = (): unknown => useOptimizer(network as object, transformation)
    expect(attach).toThrow(message)
    expect(attach).toThrow(expect.objectContaining({ code: 'ERR_NOT_SUPPORTED' }))
  })

  it('refuses cross-validation and says where to attach', () => {
    const crossValidate = new brain.CrossValidate(brain.NeuralNetwork)
    expect(() => useOptimizer(crossValidate, transformation)).toThrow(/where it makes them/)
  })

  it('throws the errors of the optimiser when there are weights: a group without members', () => {
    const network = xorNetwork(brain)
    useOptimizer(network, inducedMetric(adam(), { learningRate: 0.1, groups: { deep: { learningRate: 1 } } }))
    const before = network.weights[1]![0]
    expect(() => network.train([{ input: [0, 1], output: [1] }], { iterations: 1 })).toThrow(
      /ERR_OPTION.*deep/,
    )
    expect(network.weights[1]![0]).toBe(before)
  })

  it('refuses a pattern whose output lacks numbers, where brain.js would compute NaN, and nothing has changed', () => {
    const network = new brain.NeuralNetwork({ hiddenLayers: [3] })
    const handle = useOptimizer(network, transformation)
    network.train([{ input: [0, 1], output: [1, 0] }], { iterations: 1 })
    const before = numbersOf(network)
    for (const output of [[1], []]) {
      const train = (): unknown =>
        network.trainPattern({ input: Float32Array.of(0, 1), output: Float32Array.from(output) })
      expect(train).toThrow(/ERR_SHAPE.*2 numbers.*given/)
    }
    expect(numbersOf(network)).toEqual(before)
    expect(handle.report.step).toBe(1)
  })
})

describe('networks of brain.js 2.x that others train', () => {
  const { brain } = versions[1]!

  it('attaches to the denoiser of an autoencoder', () => {
    const autoencoder = new brain.AE!({ inputSize: 4, hiddenLayers: [4, 2, 4], outputSize: 4, mode: 'cpu' })
    expect(() => useOptimizer(autoencoder, transformation)).toThrow(/denoiser/)
    const handle = useOptimizer(autoencoder.denoiser, transformation)
    autoencoder.train([[0, 1, 0, 1] as never, [1, 1, 0, 0] as never], { iterations: 3, errorThresh: 1e-9 })
    expect(handle.report.step).toBe(6)
  })

  it('refuses the layered Recurrent', () => {
    const { Recurrent, layer } = brain
    const network = new Recurrent!({
      inputLayer: () => layer['input']!({ height: 1 }),
      hiddenLayers: [],
      outputLayer: () => {},
    })
    expect(() => useOptimizer(network, transformation)).toThrow(/ERR_NOT_SUPPORTED.*Recurrent/)
  })
})
