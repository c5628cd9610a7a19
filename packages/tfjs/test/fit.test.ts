import * as tf from '@tensorflow/tfjs'
import {
  adam,
  heavyBall,
  inducedMetric,
  linear,
  log,
  logDamped,
  muon,
  root,
  sgd,
  warmup,
  type Transformation,
} from '@induced-metric/core'
import { inducedOptimizer, type InducedOptimizer } from '@induced-metric/tfjs'
import { describe, expect, it } from 'vitest'
import { describeModes } from './backends.js'
import { distance, line, mirror, network, rings, values, variablesOf, weightsOf } from './support.js'

describeModes(({ backend, options }) => {
  const make = (transformation: Transformation): InducedOptimizer =>
    inducedOptimizer(tf, transformation, options)

  describe('compile and fit', () => {
    it.each<[string, Transformation]>([
      ['sgd under identity', inducedMetric(sgd({ momentum: 0.9 }), { learningRate: 0.5 })],
      // A Polyak step assumes that the loss can reach the floor; a learning rate of 1 would take the step in full.
      ['sgd under log', inducedMetric(sgd(), { learningRate: 0.25, xi: 1, embedding: log() })],
      ['adam under identity', inducedMetric(adam(), { learningRate: 0.05 })],
      ['adam under logDamped', inducedMetric(adam(), { learningRate: 0.1, embedding: logDamped() })],
      ['muon under root', inducedMetric(muon(), { learningRate: 0.1, xi: 'rate', embedding: root() })],
    ])('learn a line: %s', async (_name, transformation) => {
      const { x, y } = line(96)
      const model = network([1], { inputs: 3 })
      const optimizer = make(transformation)
      model.compile({ optimizer, loss: 'meanSquaredError' })
      const { history } = await model.fit(x, y, { epochs: 30, batchSize: 32, shuffle: false, verbose: 0 })
      const losses = history['loss'] as number[]
      expect(losses[0]).toBeGreaterThan(0.5)
      expect(losses.at(-1)).toBeLessThan(0.05)
      expect((await optimizer.report()).step).toBe(90)
    })

    it('learn a class that no line separates', async () => {
      const { x, y } = rings(160)
      const model = network([16, 1], { inputs: 2, activation: 'relu', last: 'sigmoid' })
      model.compile({
        optimizer: make(inducedMetric(adam(), { learningRate: 0.05, xi: 'auto' })),
        loss: 'binaryCrossentropy',
        metrics: ['accuracy'],
      })
      const { history } = await model.fit(x, y, { epochs: 25, batchSize: 40, shuffle: false, verbose: 0 })
      const accuracy = history['acc'] as number[]
      expect(accuracy[0]).toBeLessThan(0.85)
      expect(accuracy.at(-1)).toBeGreaterThan(0.93)
    })

    it('train a model of two outputs on the sum of its losses', async () => {
      const { x, y } = line(32)
      const input = tf.input({ shape: [3] })
      const body = tf.layers.dense({ units: 4, activation: 'tanh' }).apply(input)
      const outputs = ['left', 'right'].map(
        (name) =>
          tf.layers
            .dense({ units: 1, name: `${name}${backend}${options.engine}${options.stepGuard}` })
            .apply(body) as tf.SymbolicTensor,
      )
      const model = tf.model({ inputs: input, outputs })
      const transformation = inducedMetric(sgd({ momentum: 0.5 }), {
        learningRate: 0.2,
        xi: 0.1,
        embedding: log(),
      })
      const optimizer = make(transformation)
      model.compile({ optimizer, loss: ['meanSquaredError', 'meanSquaredError'] })
      const variables = variablesOf(model)
      const expected = await mirror(transformation, variables)
      const negative = tf.neg(y)
      const loss = (): tf.Scalar =>
        tf.tidy(() => {
          const [left, right] = model.apply(x, { training: true }) as tf.Tensor[]
          // TensorFlow.js differentiates the sum of the outputs' losses.
          return tf.losses.meanSquaredError(y, left!).add(tf.losses.meanSquaredError(negative, right!))
        })
      for (let step = 0; step < 3; step++) {
        await expected.step(loss)
        await model.trainOnBatch(x, [y, negative])
      }
      expect(distance(await values(variables), expected.data)).toBeLessThan(1e-5)
      expect((await optimizer.report()).loss).toBeCloseTo(expected.optimizer.report.loss!, 4)
    })
  })

  describe('trainOnBatch', () => {
    const transformations: [string, Transformation][] = [
      ['sgd, log', inducedMetric(sgd({ momentum: 0.9 }), { learningRate: 0.1, xi: 0.5, embedding: log() })],
      [
        'heavyBall, identity',
        inducedMetric(heavyBall({ nesterov: true }), { learningRate: 0.02, weightDecay: 0.1 }),
      ],
      ['adam, logDamped', inducedMetric(adam(), { learningRate: 0.01, embedding: logDamped({ floor: -1 }) })],
      [
        'muon with its fallback',
        inducedMetric(muon({ rows: 'outputs' }), { learningRate: 0.02, weightDecay: 0.01 }),
      ],
      [
        'a scope for each parameter',
        inducedMetric(adam(), { learningRate: 0.01, xi: 0.1, metricScope: 'parameter' }),
      ],
      ['clipped', inducedMetric(sgd(), { learningRate: 0.5, clipNorm: 0.25 })],
    ]

    it.each(transformations)('steps as the core does: %s', async (_name, transformation) => {
      const { x, y } = line(24)
      const model = network([5, 1], { inputs: 3, regularizer: 0.02 })
      const optimizer = make(transformation)
      model.compile({ optimizer, loss: 'meanSquaredError' })
      const variables = variablesOf(model)
      const expected = await mirror(transformation, variables)
      for (let step = 0; step < 4; step++) {
        await expected.step(() => regularized(model, x, y, 0.02))
        await model.trainOnBatch(x, y)
      }
      expect(distance(await values(variables), expected.data)).toBeLessThan(2e-5)
      const [report, reference] = [await optimizer.report(), expected.optimizer.report]
      expect(report.step).toBe(4)
      expect(report.scale / reference.scale).toBeCloseTo(1, 4)
      expect(report.dualNorm / reference.dualNorm).toBeCloseTo(1, 3)
      expect(report.units?.length).toBe(reference.units?.length)
    })

    it('gives log the loss that fit differentiates, regularisers and all', async () => {
      const { x, y } = line(24)
      // As where another file in this process has made a network of the same name.
      const taken = network([5, 1], { inputs: 3, prefix: 'taken' })
      const model = network([5, 1], { inputs: 3, prefix: 'taken', regularizer: 0.5 })
      taken.dispose()
      const optimizer = make(inducedMetric(sgd(), { learningRate: 0.01, xi: 1, embedding: log() }))
      model.compile({ optimizer, loss: 'meanSquaredError' })
      const [whole, data] = tf.tidy(() => [
        regularized(model, x, y, 0.5).dataSync()[0]!,
        regularized(model, x, y, 0).dataSync()[0]!,
      ])
      await model.trainOnBatch(x, y)
      const { loss } = await optimizer.report()
      expect(loss! / whole).toBeCloseTo(1, 5)
      expect(Math.abs(loss! - data)).toBeGreaterThan(0.1)
    })
  })

  it('follows a schedule from batch to batch', async () => {
    const { x, y } = line(32)
    const rate = warmup(linear({ from: 0.08, to: 0.02, steps: 4 }), { steps: 2, from: 0 })
    const optimizer = make(
      inducedMetric(adam(), { learningRate: rate, xi: linear({ from: 1, to: 0.25, steps: 4 }) }),
    )
    const model = network([1], { inputs: 3 })
    model.compile({ optimizer, loss: 'meanSquaredError' })
    const seen: [number, number][] = []
    await model.fit(x, y, {
      epochs: 2,
      batchSize: 8,
      shuffle: false,
      verbose: 0,
      callbacks: {
        onBatchEnd: async () => {
          const { learningRate, xi } = await optimizer.report()
          seen.push([learningRate, xi])
        },
      },
    })
    expect(seen).toHaveLength(8)
    const xi = linear({ from: 1, to: 0.25, steps: 4 })
    expect(seen).toEqual(seen.map((_, i) => [rate(i + 1), xi(i + 1)]))
    expect(new Set(seen.map(([learningRate]) => learningRate)).size).toBeGreaterThan(4)
  })

  it('leaves frozen layers alone, and goes on when the model is compiled again', async () => {
    const { x, y } = line(24)
    const model = network([4, 4, 1], { inputs: 3 })
    const transformation = inducedMetric(adam(), { learningRate: 0.02, xi: 0.1, embedding: logDamped() })
    const optimizer = make(transformation)
    const variables = variablesOf(model)
    const expected = await mirror(transformation, variables)
    const compile = (): void => model.compile({ optimizer, loss: 'meanSquaredError' })
    const train = async (steps: number, without: readonly tf.Variable[]): Promise<void> => {
      for (let step = 0; step < steps; step++) {
        await expected.step(() => regularized(model, x, y, 0), without)
        await model.trainOnBatch(x, y)
      }
    }
    compile()
    await train(3, [])
    model.layers[0]!.trainable = false
    compile()
    const frozen = variables.slice(0, 2)
    const before = await values(frozen)
    await train(3, frozen)
    expect(await values(frozen)).toEqual(before)
    model.layers[0]!.trainable = true
    compile()
    await train(2, [])
    expect(await values(frozen)).not.toEqual(before)
    // The core counts the steps of each parameter; ξ is a number here, since N is that of the trained variables.
    expect(distance(await values(variables), expected.data)).toBeLessThan(2e-5)
  })

  it('works with a second optimiser on other layers of the same model', async () => {
    const { x, y } = line(24)
    const model = network([4, 1], { inputs: 3 })
    const variables = variablesOf(model)
    const lists = [variables.slice(0, 2), variables.slice(2)]
    const transformations = [
      inducedMetric(adam(), { learningRate: 0.02 }),
      inducedMetric(sgd({ momentum: 0.5 }), { learningRate: 0.1, xi: 0.5, embedding: log() }),
    ]
    const optimizers = transformations.map(make)
    const loss = (): tf.Scalar => regularized(model, x, y, 0)
    const expected = [
      await mirror(transformations[0]!, lists[0]!),
      await mirror(transformations[1]!, lists[1]!),
    ]
    for (let step = 0; step < 6; step++) {
      const turn = step % 2
      await expected[turn]!.step(loss)
      optimizers[turn]!.minimize(loss, false, lists[turn])
    }
    expect(distance(await values(lists[0]!), expected[0]!.data)).toBeLessThan(2e-5)
    expect(distance(await values(lists[1]!), expected[1]!.data)).toBeLessThan(2e-5)
  })

  it('puts variables into groups by groupOf', async () => {
    const { x, y } = line(24)
    const model = network([4, 1], { inputs: 3 })
    const transformation = inducedMetric(sgd(), {
      learningRate: 0.05,
      groups: { head: { learningRate: 0.25, xi: 2 }, still: { learningRate: 0 } },
    })
    const variables = variablesOf(model)
    const groupOf = (name: string): string | undefined =>
      name === variables[0]!.name ? 'still' : name === variables[2]!.name ? 'head' : undefined
    const optimizer = inducedOptimizer(tf, transformation, {
      ...options,
      groupOf: ({ name }) => groupOf(name),
    })
    model.compile({ optimizer, loss: 'meanSquaredError' })
    const before = await weightsOf(model)
    const expected = await mirror(transformation, variables, groupOf)
    for (let step = 0; step < 3; step++) {
      await expected.step(() => regularized(model, x, y, 0))
      await model.trainOnBatch(x, y)
    }
    const after = await values(variables)
    expect(distance(after, expected.data)).toBeLessThan(2e-5)
    expect(after[0]).toEqual(before[0])
    const { units } = await optimizer.report()
    expect(units!.map(({ key }) => key)).toEqual(expected.optimizer.report.units!.map(({ key }) => key))
  })
})

/** The loss that a model of `network` differentiates. */
function regularized(model: tf.LayersModel, x: tf.Tensor, y: tf.Tensor, l2: number): tf.Scalar {
  return tf.tidy(() => {
    const data = tf.losses.meanSquaredError(y, model.apply(x, { training: true }) as tf.Tensor)
    // TensorFlow.js counts on where a name is taken, as by another file's network: net1_0/kernel_1.
    const kernels = model.trainableWeights.filter(({ name }) => /kernel(_\d+)?$/.test(name))
    expect(kernels).not.toEqual([])
    return tf.addN([data, ...kernels.map((kernel) => kernel.read().square().sum().mul(l2))]) as tf.Scalar
  })
}
