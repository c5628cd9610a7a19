import { adam, inducedMetric, lion, sgd } from '@induced-metric/core'
import { useOptimizer, usePerExample } from '@induced-metric/brain.js'
import { describe, expect, it } from 'vitest'
import { seeded, versions } from './support/brain.js'

const xs = Array.from({ length: 32 }, (_, i) => i / 31)
const sine = xs.map((x) => ({ input: [x], output: [Math.sin(6 * x) / 2, Math.cos(3 * x) / 2] }))

function thrownBy(call: () => unknown): { readonly code: string; readonly message: string } {
  try {
    call()
  } catch (error) {
    return error as { code: string; message: string }
  }
  throw new Error('nothing was thrown')
}

describe.each(versions)('brain.js $version', ({ brain }) => {
  /** A network with weights. */
  const make = (options: object = {}, seed = 5) =>
    seeded(seed, () => {
      const network = new brain.NeuralNetwork({ hiddenLayers: [8], activation: 'tanh', ...options })
      network.train(sine, { iterations: 1, learningRate: 0.001 })
      return network
    })
  const weightsOf = ({ weights, biases }: ReturnType<typeof make>): number[] =>
    [1, 2].flatMap((layer) => [
      ...(weights[layer] as ArrayLike<number>[]).flatMap((row) => Array.from(row)),
      ...Array.from(biases[layer] as ArrayLike<number>),
    ])

  it('fits in a few steps, which its own training and Adam do not in hundreds', () => {
    const [network, adamNetwork, stock] = [make(), make(), make()]
    const handle = usePerExample(network, adam({ beta1: 0 }))
    useOptimizer(adamNetwork, inducedMetric(adam(), { learningRate: 0.03, xi: 0 }), { batchSize: 32 })
    const train = (one: typeof network, iterations: number): { iterations: number; error: number } =>
      one.train(sine, { iterations, errorThresh: 1e-5 })
    const result = train(network, 100)
    expect(result.error).toBeLessThan(1e-5)
    expect(result.iterations).toBeLessThan(100)
    expect(handle.report.step).toBe(result.iterations)
    // With two outputs the loss ½Σ equals the mean that brain.js returns.
    expect(handle.report.loss).toBeCloseTo(result.error, 7)
    expect(train(adamNetwork, 300).error).toBeGreaterThan(1e-5)
    expect(train(stock, 300).error).toBeGreaterThan(1e-5)
  })

  it.each(['sigmoid', 'tanh', 'relu', 'leaky-relu'])('has the row of each output: %s', (activation) => {
    for (const k of [0, 1]) {
      const [network, other] = [make({ activation }, 12), make({ activation }, 12)]
      const { input } = sine[7]!
      // The other output is right, so that only the row of this one matters.
      const output = Array.from(network.run(input), (y, i) => (i === k ? y + 1 : y))
      const before = weightsOf(network)
      usePerExample(network, sgd(), { learningRate: 1, xi: 0 })
      useOptimizer(other, inducedMetric(sgd(), { learningRate: 1, xi: 0 }))
      for (const one of [network, other]) one.train([{ input, output }], { iterations: 1 })
      const [moved, expected] = [weightsOf(network), weightsOf(other)]
      expect(Math.max(...moved.map((w, i) => Math.abs(w - expected[i]!)))).toBeLessThan(1e-6)
      expect(Math.max(...moved.map((w, i) => Math.abs(w - before[i]!)))).toBeGreaterThan(1e-5)
    }
  })

  it('makes a step of every batch, and one of the rest', () => {
    const network = make()
    const handle = usePerExample(network, sgd(), { learningRate: 1, batchSize: 10 })
    network.train(sine, { iterations: 3 })
    expect(handle.report.step).toBe(12)
  })

  it('goes on from a checkpoint, with its weights from JSON', () => {
    const network = make()
    const options = { learningRate: 10 }
    const handle = usePerExample(network, adam(), options)
    network.train(sine, { iterations: 3 })
    const resumed = new brain.NeuralNetwork().fromJSON(network.toJSON())
    const resumedHandle = usePerExample(resumed, adam(), options)
    resumedHandle.load(handle.save())
    for (const one of [network, resumed]) one.train(sine, { iterations: 3 })
    expect(resumedHandle.report).toEqual(handle.report)
    expect(resumedHandle.report.step).toBe(6)
    expect(weightsOf(resumed)).toEqual(weightsOf(network))
  })

  it('after a reset it trains as a new one', () => {
    const network = make()
    const handle = usePerExample(network, adam(), { learningRate: 10 })
    network.train(sine, { iterations: 3 })
    const other = new brain.NeuralNetwork().fromJSON(network.toJSON())
    const fresh = usePerExample(other, adam(), { learningRate: 10 })
    handle.reset()
    expect(handle.report.step).toBe(0)
    for (const one of [network, other]) one.train(sine, { iterations: 2 })
    expect(handle.report).toEqual(fresh.report)
    expect(weightsOf(network)).toEqual(weightsOf(other))
  })

  it('starts over on a network that was given other weights, and leaves a stock one behind', () => {
    const network = make()
    const handle = usePerExample(network, sgd(), { learningRate: 1 })
    network.train(sine, { iterations: 2 })
    network.fromJSON(make().toJSON())
    network.train(sine, { iterations: 1 })
    expect(handle.report.step).toBe(1)
    handle.detach()
    handle.detach()
    const [stock, same] = [make(), make()]
    usePerExample(stock, sgd(), { learningRate: 1 }).detach()
    for (const one of [stock, same]) one.train(sine, { iterations: 2 })
    expect(weightsOf(stock)).toEqual(weightsOf(same))
    expect(thrownBy(() => handle.save()).code).toBe('ERR_DISPOSED')
  })

  it('takes over single rows that were replaced', () => {
    const [network, twin] = [make(), make()]
    const handles = [network, twin].map((one) => usePerExample(one, sgd(), { learningRate: 1 }))
    for (const one of [network, twin]) one.train(sine, { iterations: 2 })
    network.weights[1]![3] = Float32Array.of(0.25)
    twin.weights[1]![3]!.set([0.25])
    for (const one of [network, twin]) one.train(sine, { iterations: 1 })
    expect(handles.map(({ report }) => report.step)).toEqual([3, 3])
    expect(weightsOf(network)).toEqual(weightsOf(twin))
  })

  it('skips steps that are not finite', () => {
    const network = make()
    const before = weightsOf(network)
    const handle = usePerExample(network, sgd(), { learningRate: 1 })
    network.train([{ input: [0.5], output: [Infinity, 0] }], { iterations: 2 })
    expect(handle.report).toMatchObject({ step: 0, skippedSteps: 2 })
    expect(weightsOf(network)).toEqual(before)
  })

  it('says what it cannot do, and leaves the network as it was', () => {
    const make = () => new brain.NeuralNetwork({ hiddenLayers: [2] })
    const options = { learningRate: 1 }
    const codeOf = (network: object, base = sgd(), given: object = options): string =>
      thrownBy(() => usePerExample(network, base, given)).code
    expect(codeOf(new brain.recurrent['LSTM']!())).toBe('ERR_NOT_SUPPORTED')
    expect(codeOf(undefined as never)).toBe('ERR_NOT_SUPPORTED')
    const network = make()
    expect(codeOf(network, lion())).toBe('ERR_NOT_SUPPORTED')
    expect(codeOf(network, sgd(), { learningRate: -1 })).toBe('ERR_OPTION')
    expect(codeOf(network, sgd(), { ...options, embedding: 1 })).toBe('ERR_OPTION')
    expect(codeOf(network, sgd(), { ...options, batchSize: 0 })).toBe('ERR_OPTION')
    const handle = usePerExample(network, sgd(), options)
    expect(codeOf(network)).toBe('ERR_OPTION')
    expect(thrownBy(() => useOptimizer(network, inducedMetric(sgd(), options))).code).toBe('ERR_OPTION')
    expect(thrownBy(() => handle.save()).code).toBe('ERR_CHECKPOINT')
    const wide = new brain.NeuralNetwork({ hiddenLayers: [200] })
    usePerExample(wide, sgd(), { ...options, batchSize: 600 })
    const many = Array.from({ length: 513 }, () => ({ input: [1], output: [1] }))
    const error = thrownBy(() => wide.train(many, { iterations: 1 }))
    expect([error.code, error.message]).toEqual([
      'ERR_OPTION',
      expect.stringContaining('513 rows and 601 weights'),
    ])
    const whole = new brain.NeuralNetwork({ hiddenLayers: [4] })
    const other = usePerExample(whole, sgd(), options)
    whole.train(many, { iterations: 1 })
    expect(other.report.step).toBe(1)
  })
})
