import { useOptimizer } from '@induced-metric/brain.js'
import {
  adam,
  createOptimizer,
  decodeCheckpoint,
  encodeCheckpoint,
  inducedMetric,
  lion,
  log,
  muon,
  rmsprop,
  sgd,
  type Checkpoint,
  type Transformation,
} from '@induced-metric/core'
import { sizeOf } from '@induced-metric/core/adapter'
import { describe, expect, it } from 'vitest'
import { numbersOf, seeded, tokenClasses, versions, xor, xorNetwork } from './support/brain.js'
import type { Dense, Recurrent } from './support/types.js'

const once = { iterations: 1, errorThresh: 1e-9 }
const transformations: readonly (readonly [string, Transformation])[] = [
  ['adam', inducedMetric(adam(), { learningRate: 0.05 })],
  ['muon', inducedMetric(muon(), { learningRate: 0.02 })],
]

/** Gradients of a pattern as −δxᵀ and −δ, in the order of the adapter's parameters. */
function gradientsOf({ deltas, outputs, outputLayer }: Dense): Float32Array[] {
  return Array.from({ length: outputLayer }, (_, i) => [
    Float32Array.from(
      Array.from(deltas[i + 1]!).flatMap((delta) =>
        Array.from(outputs[i]!, (input) => Math.fround(-delta * input)),
      ),
    ),
    Float32Array.from(deltas[i + 1]!, (delta) => -delta),
  ]).flat()
}

function parametersOf({ weights, biases, outputLayer }: Dense) {
  return Array.from({ length: outputLayer }, (_, i) => {
    const [rows, vector] = [weights[i + 1]!, biases[i + 1]!]
    return [
      {
        name: `weights.${i + 1}`,
        shape: [rows.length, rows[0]!.length],
        data: Float32Array.from(rows.flatMap((row) => Array.from(row))),
      },
      { name: `biases.${i + 1}`, shape: [vector.length], data: Float32Array.from(vector) },
    ]
  }).flat()
}

describe.each(versions)('the optimiser of a network of brain.js $version', ({ brain }) => {
  describe.each(transformations)('%s', (_, transformation) => {
    it('takes the steps of the core, from the deltas of the network', () => {
      const network = xorNetwork(brain)
      const reference = createOptimizer(transformation, parametersOf(network), { engine: 'reference' })
      const handle = useOptimizer(network, transformation)
      for (let step = 0; step < 12; step++) {
        network.trainPattern(xor[step % 4]!)
        const loss = network.errors[network.outputLayer]!.reduce((sum, error) => sum + error ** 2 / 2, 0)
        const report = reference.step(gradientsOf(network), { loss })
        expect(handle.report.loss).toBeCloseTo(loss, 12)
        expect(handle.report.scale).toBeCloseTo(report.scale, 5)
        expect(handle.report.dualNorm / report.dualNorm).toBeCloseTo(1, 5)
      }
      const expected = reference.parameters.flatMap(({ data }) => Array.from(data))
      numbersOf(network).forEach((value, i) => expect(value).toBeCloseTo(expected[i]!, 5))
    })

    it('goes on from what was saved, as if nothing had happened', () => {
      const [straight, saved] = [xorNetwork(brain), xorNetwork(brain)]
      useOptimizer(straight, transformation)
      const handle = useOptimizer(saved, transformation)
      for (const network of [straight, saved]) for (let i = 0; i < 3; i++) network.train(xor, once)
      const bytes = encodeCheckpoint(handle.save())
      const json = JSON.parse(JSON.stringify(saved.toJSON())) as object

      const resumed = new brain.NeuralNetwork({ hiddenLayers: [4] }).fromJSON(json)
      const next = useOptimizer(resumed, transformation)
      next.load(bytes)
      expect(next.report.step).toBe(12)
      for (const network of [straight, resumed]) for (let i = 0; i < 3; i++) network.train(xor, once)
      expect(numbersOf(resumed)).toEqual(numbersOf(straight))
    })

    it('is handed to the core and back', () => {
      const [straight, handed] = [xorNetwork(brain), xorNetwork(brain)]
      const steady = useOptimizer(straight, transformation)
      const handle = useOptimizer(handed, transformation)
      for (const network of [straight, handed]) network.train(xor, once)

      // The core goes on with gradients of a network that it does not train.
      const other = createOptimizer(transformation, parametersOf(handed), { engine: 'reference' })
      other.load(encodeCheckpoint(handle.save()))
      handle.detach()
      for (const pattern of xor) {
        handed.runInput(pattern.input)
        handed.calculateDeltas(pattern.output)
        other.step(gradientsOf(handed), { loss: 1 })
        write(
          handed,
          other.parameters.map(({ data }) => data as Float32Array),
        )
      }
      const back = useOptimizer(handed, transformation)
      back.load(decodeCheckpoint(encodeCheckpoint(other.save())))
      handed.train(xor, once)
      for (let i = 0; i < 2; i++) straight.train(xor, once)
      expect(back.report.step).toBe(steady.report.step)
      const expected = numbersOf(straight)
      numbersOf(handed).forEach((value, i) => expect(value).toBeCloseTo(expected[i]!, 4))
    })

    it('saves every parameter under its name, with its slots', () => {
      const network = xorNetwork(brain)
      const handle = useOptimizer(network, transformation)
      network.train(xor, once)
      const { parameters, step } = handle.save()
      expect(step).toBe(4)
      expect(parameters.map(({ name }) => name)).toEqual(['weights.1', 'biases.1', 'weights.2', 'biases.2'])
      expect(parameters.map(({ shape }) => shape)).toEqual([[4, 2], [4], [1, 4], [1]])
      for (const { shape, slots } of parameters) {
        for (const slot of Object.values(slots)) expect(slot).toHaveLength(sizeOf(shape))
      }
    })

    it.each<[string, (checkpoint: Checkpoint) => Checkpoint | Uint8Array, RegExp]>([
      [
        'of another network',
        ({ parameters, ...rest }) => ({ ...rest, parameters: parameters.slice(1) }),
        /weights\.1/,
      ],
      [
        'with a parameter more',
        ({ parameters, ...rest }) => ({
          ...rest,
          parameters: [...parameters, { ...parameters[0]!, name: 'x' }],
        }),
        /x/,
      ],
      [
        'of another shape',
        ({ parameters: [first, ...others], ...rest }) => ({
          ...rest,
          parameters: [{ ...first!, shape: [2, 4] }, ...others],
        }),
        /shape/,
      ],
      ['of another transformation', (checkpoint) => ({ ...checkpoint, hash: 'other' }), /another form/],
      ['cut short', (checkpoint) => encodeCheckpoint(checkpoint).slice(0, -9), /truncated/],
    ])('refuses a checkpoint %s, and goes on', (_, change, message) => {
      const [network, twin] = [xorNetwork(brain), xorNetwork(brain)]
      const handle = useOptimizer(network, transformation)
      useOptimizer(twin, transformation)
      for (const each of [network, twin]) each.train(xor, once)
      const bad = change(handle.save())
      expect(() => handle.load(bad)).toThrow(expect.objectContaining({ code: 'ERR_CHECKPOINT' }))
      expect(() => handle.load(bad)).toThrow(message)
      for (const each of [network, twin]) each.train(xor, once)
      expect(numbersOf(network)).toEqual(numbersOf(twin))
    })
  })

  it('goes on with parameters that were updated unequally often', () => {
    const transformation = inducedMetric(adam(), { learningRate: 0.05 })
    const network = xorNetwork(brain)
    const handle = useOptimizer(network, transformation)
    network.train(xor, once)
    const { parameters, ...rest } = handle.save()
    const [first, ...others] = parameters
    const uneven = { ...rest, parameters: [{ ...first!, steps: 2 }, ...others] }
    handle.load(uneven)
    expect(handle.save().parameters.map(({ steps }) => steps)).toEqual([2, 4, 4, 4])

    const reference = createOptimizer(transformation, parametersOf(network), { engine: 'reference' })
    reference.load(uneven)
    network.trainPattern(xor[1]!)
    reference.step(gradientsOf(network))
    expect(handle.save().parameters.map(({ steps }) => steps)).toEqual([3, 5, 5, 5])
    const expected = reference.parameters.flatMap(({ data }) => Array.from(data))
    numbersOf(network).forEach((value, i) => expect(value).toBeCloseTo(expected[i]!, 6))
  })

  it('drops the pending part of a batch when it loads', () => {
    const network = xorNetwork(brain)
    const handle = useOptimizer(network, inducedMetric(sgd(), { learningRate: 1 }), { batchSize: 2 })
    network.train(xor, once)
    const checkpoint = handle.save()
    network.trainPattern(xor[0]!)
    handle.load(checkpoint)
    network.trainPattern(xor[1]!)
    expect(handle.report.step).toBe(2)
    network.trainPattern(xor[1]!)
    expect(handle.report.step).toBe(3)
  })

  it.each(tokenClasses)('%s goes on from what was saved', (Class) => {
    const words = ['abc', 'cab']
    const make = (): Recurrent => {
      const network = seeded(5, () => new brain.recurrent[Class]!({ hiddenLayers: [5] }))
      seeded(5, () => network.train(words, { iterations: 1 }))
      return network
    }
    const transformation = inducedMetric(rmsprop(), { learningRate: 0.01 })
    const [straight, saved, resumed] = [make(), make(), make()]
    useOptimizer(straight, transformation)
    const handle = useOptimizer(saved, transformation)
    const next = useOptimizer(resumed, transformation)
    for (const network of [straight, saved]) network.train(words, once)
    resumed.fromJSON(JSON.parse(JSON.stringify(saved.toJSON())) as object)
    next.load(handle.save())
    for (const network of [straight, resumed]) network.train(words, once)
    const [a, b] = [straight, resumed].map(({ model }) =>
      model.allMatrices.map(({ weights }) => Array.from(weights)),
    )
    expect(b).toEqual(a)
    expect(
      next
        .save()
        .parameters.map(({ name }) => name)
        .slice(0, 2),
    ).toEqual(['input', handle.save().parameters[1]!.name])
  })

  it('moves the network to its own memory: one buffer, rows as views', () => {
    const network = xorNetwork(brain)
    const start = numbersOf(network)
    const handle = useOptimizer(network, inducedMetric(lion(), { learningRate: 0 }))
    network.trainPattern(xor[1]!)
    expect(numbersOf(network)).toEqual(start)
    const arrays = [...network.weights[1]!, network.biases[1]!, ...network.weights[2]!, network.biases[2]!]
    expect(new Set(arrays.map(({ buffer }) => buffer)).size).toBe(1)
    const [first] = arrays
    let at = first!.byteOffset
    for (const { byteOffset, byteLength } of arrays) {
      expect(byteOffset).toBe(at)
      at += byteLength
    }
    network.train(xor, once)
    expect([...network.weights[1]!, network.biases[1]!].every((array, i) => array === arrays[i])).toBe(true)
    expect(handle.report.step).toBe(5)
  })

  it('sets options by group, clips, decays and reads the loss', () => {
    const network = xorNetwork(brain)
    const handle = useOptimizer(
      network,
      inducedMetric(adam(), {
        learningRate: 0.01,
        embedding: log({ floor: -1 }),
        weightDecay: 0.1,
        decayMask: 'matrices',
        clipNorm: 1,
        groups: { frozen: { learningRate: 0 } },
      }),
      { groupOf: ({ name }) => (name.endsWith('.1') ? 'frozen' : undefined) },
    )
    const before = numbersOf(network)
    network.train(xor, once)
    const after = numbersOf(network)
    expect(after.slice(0, 12)).toEqual(before.slice(0, 12))
    expect(after.slice(12)).not.toEqual(before.slice(12))
    expect(handle.report.units).toHaveLength(2)
  })
})

function write(network: Dense, values: readonly Float32Array[]): void {
  for (let layer = 1; layer <= network.outputLayer; layer++) {
    const width = network.sizes[layer - 1]!
    network.weights[layer]!.forEach((row, i) =>
      row.set(values[2 * layer - 2]!.subarray(i * width, (i + 1) * width)),
    )
    network.biases[layer]!.set(values[2 * layer - 1]!)
  }
}
