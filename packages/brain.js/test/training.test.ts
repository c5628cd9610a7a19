import { useOptimizer } from '@induced-metric/brain.js'
import { adam, inducedMetric, InducedMetricError, lion, sgd } from '@induced-metric/core'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { feedForward, numbersOf, seeded, versions, xor, xorNetwork } from './support/brain.js'
import type { Dense, Pattern, Status } from './support/types.js'

// Everything that people do with a network works as before when an optimiser is attached.

const transformation = inducedMetric(adam(), { learningRate: 0.05 })
/** The outputs are too low at first, so a far too large step makes units larger than any number. */
const ones = [{ input: [1, 1], output: [1] }]
const answers = (network: Dense): number[] => xor.map(({ input }) => Math.round(network.run(input)[0]!))

afterEach(() => {
  vi.restoreAllMocks()
})

describe.each(versions)('a NeuralNetwork of brain.js $version', ({ version, brain }) => {
  it('trains to the error threshold', () => {
    const network = xorNetwork(brain)
    const handle = useOptimizer(network, transformation)
    const { error, iterations } = network.train(xor, { errorThresh: 0.005, iterations: 5000 })
    expect(error).toBeLessThan(0.005)
    expect(iterations).toBeLessThan(5000)
    expect(handle.report.step).toBe(4 * iterations)
    expect(answers(network)).toEqual([0, 1, 1, 0])
  })

  it('solves xor in no more epochs than with brain.js’s own Adam, by the median of seven seeds', () => {
    const rate = 0.05
    const epochs = (seed: number, isOurs: boolean): number =>
      seeded(seed, () => {
        const options = { hiddenLayers: [4], learningRate: rate, ...(!isOurs && { praxis: 'adam' }) }
        const network = new brain.NeuralNetwork(options)
        if (isOurs) useOptimizer(network, transformation)
        return network.train(xor, { iterations: 3000, errorThresh: 0.005 }).iterations
      })
    const median = (isOurs: boolean): number =>
      [1, 2, 3, 4, 5, 6, 7].map((seed) => epochs(seed, isOurs)).sort((a, b) => a - b)[3]!
    expect(median(true)).toBeLessThanOrEqual(median(false))
    expect(median(true)).toBeLessThan(400)
  })

  it('is attached to before it has weights', () => {
    const network = new brain.NeuralNetwork({ hiddenLayers: [4] })
    const handle = useOptimizer(network, transformation)
    expect(handle.report.step).toBe(0)
    expect(() => handle.save()).toThrow(expect.objectContaining({ code: 'ERR_CHECKPOINT' }))
    expect(() => handle.load(new Uint8Array(40))).toThrow(expect.objectContaining({ code: 'ERR_CHECKPOINT' }))
    network.train(xor, { iterations: 10 })
    expect(handle.report.step).toBe(40)
  })

  it('is attached to when it is trained, and goes on from its weights', () => {
    const network = xorNetwork(brain)
    network.train(xor, { iterations: 5000, errorThresh: 0.01 })
    const before = numbersOf(network)
    const handle = useOptimizer(network, inducedMetric(sgd(), { learningRate: 1e-30 }))
    network.train(xor, { iterations: 2, errorThresh: 1e-9 })
    expect(handle.report.step).toBe(8)
    expect(numbersOf(network)).toEqual(before)
  })

  it('trains objects and typed arrays as well as arrays', () => {
    const network = new brain.NeuralNetwork({ hiddenLayers: [4] })
    useOptimizer(network, transformation)
    const data = xor.map(({ input, output }) => ({
      input: { a: input[0]!, b: input[1]! },
      output: { c: output[0]! },
    }))
    expect(network.train(data, { iterations: 5000 }).error).toBeLessThan(0.005)
    expect((network.run({ a: 1, b: 0 }) as unknown as { c: number }).c).toBeGreaterThan(0.8)
  })

  it('logs', () => {
    const network = xorNetwork(brain)
    useOptimizer(network, transformation)
    const log = vi.fn<() => void>()
    network.train(xor, { iterations: 9, errorThresh: 1e-9, log, logPeriod: 3 })
    expect(log).toHaveBeenCalledTimes(3)
  })

  it('calls back', () => {
    const network = xorNetwork(brain)
    useOptimizer(network, transformation)
    const seen: Status[] = []
    const callback = (status: Status): void => void seen.push({ ...status })
    network.train(xor, { iterations: 10, errorThresh: 1e-9, callback, callbackPeriod: 4 })
    expect(seen.map(({ iterations }) => iterations)).toEqual([4, 8])
    expect(seen.every(({ error }) => error > 0)).toBe(true)
  })

  it('stops after `iterations`', () => {
    const network = xorNetwork(brain)
    const handle = useOptimizer(network, transformation)
    expect(network.train(xor, { iterations: 7, errorThresh: 1e-9 }).iterations).toBe(7)
    expect(handle.report.step).toBe(28)
  })

  it('stops at `timeout`', () => {
    const network = xorNetwork(brain)
    useOptimizer(network, transformation)
    let now = 0
    vi.spyOn(Date, 'now').mockImplementation(() => (now += 10))
    const { iterations } = network.train(xor, { iterations: 1e6, errorThresh: 1e-9, timeout: 100 })
    expect(iterations).toBeGreaterThan(1)
    expect(iterations).toBeLessThan(12)
  })

  it('trains asynchronously, to the same weights', async () => {
    const [synchronous, asynchronous] = [xorNetwork(brain), xorNetwork(brain)]
    useOptimizer(synchronous, transformation)
    useOptimizer(asynchronous, transformation)
    const options = { iterations: 30, errorThresh: 1e-9 }
    let turns = 0
    const timer = setInterval(() => turns++, 0)
    const status = await asynchronous.trainAsync(xor, options)
    clearInterval(timer)
    expect(status).toEqual(synchronous.train(xor, options))
    expect(numbersOf(asynchronous)).toEqual(numbersOf(synchronous))
    expect(turns).toBeGreaterThan(0)
  })

  it('rejects where asynchronous training fails', async () => {
    const network = xorNetwork(brain)
    useOptimizer(network, inducedMetric(adam(), { learningRate: 0.05, onNonFinite: 'throw' }))
    const data = [...xor, { input: [NaN, 1], output: [1] }]
    await expect(network.trainAsync(data, { iterations: 3 })).rejects.toMatchObject({
      code: 'ERR_NON_FINITE',
    })
  })

  it('becomes a function', () => {
    const network = xorNetwork(brain)
    useOptimizer(network, transformation)
    network.train(xor, { iterations: 300 })
    const compiled = network.toFunction()
    for (const { input } of xor) expect(compiled(input)[0]).toBeCloseTo(network.run(input)[0]!, 5)
  })

  it('becomes JSON and comes back', () => {
    const network = xorNetwork(brain)
    useOptimizer(network, transformation)
    network.train(xor, { iterations: 300 })
    const json = JSON.parse(JSON.stringify(network.toJSON())) as object
    const copy = new brain.NeuralNetwork().fromJSON(json)
    for (const { input } of xor) expect(copy.run(input)[0]).toBeCloseTo(network.run(input)[0]!, 6)
    useOptimizer(copy, transformation)
    expect(copy.train(xor, { iterations: 5000 }).error).toBeLessThan(0.005)
  })

  it('takes other weights from JSON while it is attached, and starts over with them', () => {
    const network = xorNetwork(brain)
    const handle = useOptimizer(network, transformation)
    network.train(xor, { iterations: 20, errorThresh: 1e-9 })
    const other = seeded(5, () => {
      const made = new brain.NeuralNetwork({ hiddenLayers: [5] })
      made.train(xor, { iterations: 10 })
      return made
    })
    network.fromJSON(JSON.parse(JSON.stringify(other.toJSON())) as object)
    for (const { input } of xor) expect(network.run(input)[0]).toBeCloseTo(other.run(input)[0]!, 6)

    network.trainPattern({ input: [0, 1], output: [1] })
    expect(handle.report.step).toBe(1)
    expect(handle.save().parameters[0]).toMatchObject({ name: 'weights.1', shape: [5, 2] })
    expect(network.train(xor, { iterations: 5000 }).error).toBeLessThan(0.005)
  })

  it('takes over single rows that were replaced', () => {
    const [network, twin] = [xorNetwork(brain), xorNetwork(brain)]
    const [handle] = [useOptimizer(network, transformation), useOptimizer(twin, transformation)]
    network.train(xor, { iterations: 5, errorThresh: 1e-9 })
    twin.train(xor, { iterations: 5, errorThresh: 1e-9 })
    network.weights[1]![2] = Float32Array.of(0.25, -0.5)
    twin.weights[1]![2]!.set([0.25, -0.5])
    network.trainPattern(xor[1]!)
    twin.trainPattern(xor[1]!)
    expect(handle.report.step).toBe(21)
    expect(numbersOf(network)).toEqual(numbersOf(twin))
  })

  it('cross-validates', () => {
    const reports: (() => number)[] = []
    const attach = (network: Dense): Dense => {
      const handle = useOptimizer(network, transformation)
      reports.push(() => handle.report.step)
      return network
    }
    class Attached extends brain.NeuralNetwork {
      constructor(options?: object) {
        super(options)
        attach(this)
      }
    }
    const options = { hiddenLayers: [4] }
    const crossValidate = version.startsWith('1')
      ? new brain.CrossValidate(Attached, options)
      : new brain.CrossValidate(() => attach(new brain.NeuralNetwork(options)))
    const data: Pattern[] = [...xor, ...xor, ...xor]
    const { sets } = crossValidate.train(data, { iterations: 20, errorThresh: 1e-9 }, 3)
    expect(sets).toHaveLength(3)
    expect(sets.map(({ iterations }) => iterations)).toEqual([20, 20, 20])
    expect(reports.map((step) => step())).toEqual([160, 160, 160])
  })

  it.each([1, 3])('trains from a stream, %s at a time', async (batchSize) => {
    const { TrainStream } = brain
    if (!TrainStream) return
    const network = new brain.NeuralNetwork({ hiddenLayers: [4] })
    const handle = useOptimizer(network, transformation, { batchSize })
    const steps: number[] = []
    const status = await new Promise<Status>((resolve) => {
      const stream = new TrainStream({
        neuralNetwork: network,
        iterations: 6,
        errorThresh: 1e-9,
        callbackPeriod: 1,
        callback: () => steps.push(handle.report.step),
        floodCallback: () => flood(),
        doneTrainingCallback: resolve,
      })
      const flood = (): void => {
        for (const pattern of xor) stream.write(pattern)
        stream.endInputs()
      }
      flood()
    })
    expect(status.iterations).toBe(6)
    // The first three of four patterns make a step, and the fourth makes one at the end of the epoch.
    const perEpoch = batchSize === 1 ? 4 : 2
    expect(steps).toEqual([1, 2, 3, 4, 5, 6].map((epoch) => epoch * perEpoch))
  })

  it("wins over praxis: 'adam', and says so once", () => {
    const warn = vi.spyOn(console, 'warn').mockImplementation(() => {})
    const [network, twin] = [xorNetwork(brain, { praxis: 'adam' }), xorNetwork(brain)]
    useOptimizer(network, transformation)
    useOptimizer(twin, transformation)
    network.train(xor, { iterations: 20, errorThresh: 1e-9, praxis: 'adam' })
    twin.train(xor, { iterations: 20, errorThresh: 1e-9 })
    expect(numbersOf(network)).toEqual(numbersOf(twin))
    expect(warn).toHaveBeenCalledTimes(1)
    expect(warn).toHaveBeenCalledWith(expect.stringMatching(/praxis: 'adam' has no effect/))
  })

  it("notices praxis: 'adam' that comes later", () => {
    const warn = vi.spyOn(console, 'warn').mockImplementation(() => {})
    const network = new brain.NeuralNetwork({ hiddenLayers: [4] })
    const handle = useOptimizer(network, transformation)
    expect(warn).not.toHaveBeenCalled()
    network.train(xor, { iterations: 2, errorThresh: 1e-9, praxis: 'adam' })
    expect(warn).toHaveBeenCalledTimes(1)
    expect(handle.report.step).toBe(8)
    // The network has made its own Adam in the meantime, which trains it when it is detached.
    handle.detach()
    const adjust = network.adjustWeights
    expect(adjust).toBe((network as unknown as { _adjustWeightsAdam: unknown })._adjustWeightsAdam)
    expect(network.train(xor, { iterations: 300 }).error).toBeLessThan(0.3)
  })

  it('is a stock network again when detached', () => {
    const [network, twin] = [xorNetwork(brain), xorNetwork(brain)]
    for (const each of [network, twin]) each.train(xor, { iterations: 1 })
    const names = Object.getOwnPropertyNames(network)
    const handle = useOptimizer(network, transformation)
    network.train(xor, { iterations: 20, errorThresh: 1e-9 })
    handle.detach()
    handle.detach()

    expect(Object.getOwnPropertyNames(network).sort()).toEqual(names.sort())
    expect(Object.hasOwn(network, 'adjustWeights')).toBe(false)
    expect(network.calculateDeltas).toBe(twin.calculateDeltas)
    const { buffer } = network.weights[1]![0]!
    expect(buffer.byteLength).toBe(8)

    // With the same weights, stock training changes both in the same way.
    numbersInto(twin, network)
    network.train(xor, { iterations: 10, errorThresh: 1e-9 })
    twin.train(xor, { iterations: 10, errorThresh: 1e-9 })
    expect(numbersOf(network)).toEqual(numbersOf(twin))
    expect(handle.report.step).toBe(80)
    for (const call of [() => handle.save(), () => handle.load(new Uint8Array()), () => handle.flush()]) {
      expect(call).toThrow(expect.objectContaining({ code: 'ERR_DISPOSED' }))
    }
  })

  it('can be attached to again after it was detached', () => {
    const network = xorNetwork(brain)
    const first = useOptimizer(network, transformation)
    expect(() => useOptimizer(network, transformation)).toThrow(/detach\(\)/)
    network.train(xor, { iterations: 5, errorThresh: 1e-9 })
    first.detach()
    const second = useOptimizer(network, inducedMetric(lion(), { learningRate: 0.001 }))
    network.train(xor, { iterations: 5, errorThresh: 1e-9 })
    expect([first.report.step, second.report.step]).toEqual([20, 20])
    first.detach()
    expect(() => useOptimizer(network, transformation)).toThrow(/detach\(\)/)
  })

  it('diverges with a clear error', () => {
    const network = xorNetwork(brain, { activation: 'relu' })
    for (const biases of network.biases.slice(1)) biases.fill(0.5)
    useOptimizer(network, inducedMetric(sgd(), { learningRate: 1e18, xi: 0, onNonFinite: 'throw' }))
    expect(() => network.train(ones, { iterations: 30, errorThresh: 1e-9 })).toThrow(InducedMetricError)
    expect(numbersOf(network).every(Number.isFinite)).toBe(true)
  })

  it('diverges with skipped steps, and its weights stay finite', () => {
    const network = xorNetwork(brain, { activation: 'relu' })
    for (const biases of network.biases.slice(1)) biases.fill(0.5)
    const handle = useOptimizer(network, inducedMetric(sgd(), { learningRate: 1e18, xi: 0 }))
    network.train(ones, { iterations: 30, errorThresh: 1e-9 })
    expect(handle.report.skippedSteps).toBeGreaterThan(0)
    expect(numbersOf(network).every(Number.isFinite)).toBe(true)
  })

  it('skips patterns that are not numbers, and learns the rest', () => {
    const network = xorNetwork(brain)
    const handle = useOptimizer(network, transformation)
    const data = [...xor, { input: [NaN, 1], output: [1] }]
    network.train(data, { iterations: 500, errorThresh: 1e-9 })
    expect(handle.report.skippedSteps).toBe(500)
    expect(answers(network)).toEqual([0, 1, 1, 0])
  })
})

describe.each(versions)('a NeuralNetworkGPU of brain.js $version, on the CPU', ({ brain }) => {
  const make = (options: object = {}): Dense =>
    seeded(3, () => new brain.NeuralNetworkGPU({ hiddenLayers: [4], mode: 'cpu', ...options }))

  // Without a mode, gpu.js chooses the fastest of those that need no GPU.
  it.each(['cpu', undefined])('trains (mode %s)', (mode) => {
    const network = make({ mode })
    const handle = useOptimizer(network, transformation)
    const { error, iterations } = network.train(xor, { iterations: 3000 })
    expect(error).toBeLessThan(0.005)
    expect(handle.report.step).toBe(4 * iterations)
    // In gpu.js's WebAssembly mode, brain.js 2.x trains but cannot run: it trains on inputs of another size.
    if (mode === undefined) return
    expect(answers(network)).toEqual([0, 1, 1, 0])
  })

  it('becomes JSON and comes back', () => {
    const network = make()
    useOptimizer(network, transformation)
    network.train(xor, { iterations: 100 })
    const copy = make().fromJSON(JSON.parse(JSON.stringify(network.toJSON())) as object)
    expect(copy.run([0, 1])[0]).toBeCloseTo(network.run([0, 1])[0]!, 6)
  })

  it('goes on with its own update when detached, from the weights it has then', () => {
    const network = make()
    network.train(xor, { iterations: 100, errorThresh: 1e-9 })
    const handle = useOptimizer(network, transformation)
    const { error } = network.train(xor, { iterations: 1000 })
    handle.detach()
    const after = network.train(xor, { iterations: 100, errorThresh: 1e-9 })
    expect(after.error).toBeLessThan(2 * error)
    expect(answers(network)).toEqual([0, 1, 1, 0])
  })

  it('is refused on a GPU', () => {
    const network = make()
    Object.defineProperty(network, 'gpu', { value: { mode: 'headlessgl', getMode: () => 'gpu' } })
    expect(() => useOptimizer(network, transformation)).toThrow(/ERR_NOT_SUPPORTED.*mode: 'cpu'/)
    expect(Object.hasOwn(network, 'adjustWeights')).toBe(false)
  })

  it('is refused where its values turn out to be on a GPU', () => {
    const network = make()
    network.train(xor, { iterations: 1 })
    useOptimizer(network, transformation)
    network.errors[network.outputLayer] = { texture: {} } as never
    expect(() => network.adjustWeights()).toThrow(/ERR_NOT_SUPPORTED.*GPU/)
  })

  it('says that it computes NaN with more inputs than units behind them', () => {
    const network = make({ hiddenLayers: [3] })
    useOptimizer(network, transformation)
    const data = [{ input: [0, 1, 0, 1, 0], output: [1] }]
    expect(() => network.train(data, { iterations: 2 })).toThrow(/ERR_NOT_SUPPORTED.*5 to 3/)
  })
})

describe('a FeedForward network of brain.js 2.x', () => {
  const { brain } = versions[1]!

  it('trains', () => {
    const network = seeded(3, () => feedForward(brain, 2, [4, 1]))
    const handle = useOptimizer(network, transformation)
    const { error, iterations } = network.train(xor, { iterations: 3000 })
    expect(error).toBeLessThan(0.005)
    expect(handle.report.step).toBe(4 * iterations)
    expect(xor.map(({ input }) => Math.round(network.run(input)[0]![0]!))).toEqual([0, 1, 1, 0])
  })

  it('learns several outputs, which brain.js cannot', () => {
    const data = xor.map(({ input, output: [y] }) => ({ input, output: [y!, 1 - y!] }))
    const [stock, network] = [1, 2].map(() => seeded(3, () => feedForward(brain, 2, [6, 2]))) as [
      never,
      never,
    ]
    const train = (network: ReturnType<typeof feedForward>): number[] => {
      network.train(data, { iterations: 1500 })
      return network.run([0, 1]).map((row) => Math.round(row[0]!))
    }
    useOptimizer(stock, transformation, { exactGradients: false })
    useOptimizer(network, transformation)
    expect(train(stock)).not.toEqual([1, 0])
    expect(train(network)).toEqual([1, 0])
  })

  it('logs, calls back, and stops', () => {
    const network = feedForward(brain, 2, [4, 1])
    const handle = useOptimizer(network, transformation)
    const [log, callback] = [vi.fn<() => void>(), vi.fn<() => void>()]
    const options = { log, logPeriod: 2, callback, callbackPeriod: 1, errorCheckInterval: 1 }
    network.train(xor, { iterations: 4, errorThresh: 1e-9, ...options })
    expect(log).toHaveBeenCalledTimes(2)
    expect(callback).toHaveBeenCalledTimes(4)
    expect(handle.report.step).toBe(16)
  })

  it('trains asynchronously', async () => {
    const network = feedForward(brain, 2, [4, 1])
    const handle = useOptimizer(network, transformation)
    await network.trainAsync(xor, { iterations: 5, errorThresh: 1e-9 })
    expect(handle.report.step).toBe(20)
    handle.detach()
    useOptimizer(network, inducedMetric(adam(), { learningRate: 0.05, onNonFinite: 'throw' }))
    const broken = [{ input: [NaN, 1], output: [1] }]
    await expect(network.trainAsync(broken, { iterations: 5 })).rejects.toMatchObject({
      code: 'ERR_NON_FINITE',
    })
  })

  it('becomes JSON', () => {
    const network = feedForward(brain, 2, [4, 1])
    useOptimizer(network, transformation)
    network.train(xor, { iterations: 5 })
    const { layers } = network.toJSON() as { layers: { weights: number[][] }[] }
    const [first] = network._model
    expect(layers.map(({ weights }) => JSON.stringify(weights))).toContain(
      JSON.stringify(first!.weights.map((row) => Array.from(row))),
    )
  })

  it('is a stock network again when detached', () => {
    const network = feedForward(brain, 2, [4, 2])
    network.initialize()
    const { compareKernel } = network._outputLayer
    const names = Object.getOwnPropertyNames(network)
    const handle = useOptimizer(network, transformation)
    const data = xor.map(({ input, output: [y] }) => ({ input, output: [y!, 1 - y!] }))
    network.train(data, { iterations: 5 })
    expect(network._outputLayer.compareKernel).not.toBe(compareKernel)
    handle.detach()
    expect(network._outputLayer.compareKernel).toBe(compareKernel)
    expect(Object.getOwnPropertyNames(network)).toEqual(names)
    expect(network._model[0]!.weights[0]!.buffer.byteLength).toBe(8)
    network.train(data, { iterations: 5 })
    expect(handle.report.step).toBe(20)
  })

  it('must end in a target', () => {
    const { FeedForward, layer } = brain
    const network = new FeedForward!({
      inputLayer: () => layer['input']!({ height: 2 }),
      hiddenLayers: [(below: object) => layer['feedForward']!({ height: 3 }, below)],
      outputLayer: (below: object) => layer['softMax']!(layer['feedForward']!({ height: 2 }, below)),
    })
    useOptimizer(network, transformation)
    expect(() => network._trainPattern([0, 1], [1], false)).toThrow()
    network.initialize()
    network._outputLayer.errors = []
    expect(() => (network as unknown as Dense).adjustWeights()).toThrow(/ERR_NOT_SUPPORTED.*layer\.target/)
  })
})

function numbersInto(to: Dense, from: Dense): void {
  for (let layer = 1; layer <= from.outputLayer; layer++) {
    from.weights[layer]!.forEach((row, i) => to.weights[layer]![i]!.set(row))
    to.biases[layer]!.set(from.biases[layer]!)
    const changes = (network: Dense) => (network as unknown as { changes: Float32Array[][] }).changes[layer]!
    changes(from).forEach((row) => row.fill(0))
    changes(to).forEach((row) => row.fill(0))
  }
}
