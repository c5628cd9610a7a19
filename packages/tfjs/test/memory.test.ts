import * as tf from '@tensorflow/tfjs'
import {
  adam,
  cosine,
  inducedMetric,
  log,
  logDamped,
  muon,
  rmsprop,
  sgd,
  type Transformation,
} from '@induced-metric/core'
import { inducedOptimizer } from '@induced-metric/tfjs'
import { beforeEach, expect, it } from 'vitest'
import { describeModes } from './backends.js'
import { line, memory, network, normal } from './support.js'

const transformations: [string, Transformation][] = [
  ['sgd without slots, ξ = 0', inducedMetric(sgd(), { learningRate: 0.01, xi: 0 })],
  ['sgd, log', inducedMetric(sgd({ momentum: 0.9 }), { learningRate: 0.01, embedding: log() })],
  ['adam, all options', inducedMetric(adam(), { learningRate: 0.01, weightDecay: 0.1, clipNorm: 1 })],
  ['centered rmsprop', inducedMetric(rmsprop({ centered: true, momentum: 0.5 }), { learningRate: 0.01 })],
  ['muon with its fallback', inducedMetric(muon(), { learningRate: 0.01 })],
  [
    'schedules, whose numbers are new in every step',
    inducedMetric(adam({ beta1: cosine({ from: 0.9, to: 0.8, steps: 9 }) }), {
      learningRate: cosine({ from: 0.1, steps: 9 }),
      xi: cosine({ from: 1, steps: 9 }),
      embedding: logDamped(),
    }),
  ],
  [
    'a scope for each parameter',
    inducedMetric(adam(), { learningRate: 0.01, metricScope: 'parameter', embedding: log() }),
  ],
]

describeModes(({ options }) => {
  // The backend allocates its own tensors before anything is counted.
  beforeEach(() =>
    tf.tidy(
      () =>
        void tf
          .ones([2, 2])
          .matMul(tf.ones([2, 2]))
          .square()
          .sum(),
    ),
  )

  const withVariables = async (
    body: (variables: tf.Variable[], loss: () => tf.Scalar) => Promise<void> | void,
  ): Promise<void> => {
    const x = normal([4, 3], 1)
    const variables = [[3, 2], [2], []].map((shape, i) => tf.tidy(() => tf.variable(normal(shape, i + 2))))
    const [w, b, s] = variables as [tf.Variable, tf.Variable, tf.Variable]
    try {
      await body(variables, () => x.matMul(w).add(b).mul(s).square().mean().add(1))
    } finally {
      tf.dispose([x, ...variables])
    }
  }

  it.each(transformations)(
    'is constant from step 3 on, and nothing is left after dispose(): %s',
    async (_name, transformation) => {
      await withVariables(async (variables, loss) => {
        const before = memory()
        const optimizer = inducedOptimizer(tf, transformation, options)
        const seen: ReturnType<typeof memory>[] = []
        for (let step = 1; step <= 8; step++) {
          optimizer.minimize(loss, false, variables)
          seen.push(memory())
        }
        // Slots live as long as the optimiser.
        expect(seen[2]!.numTensors).toBeGreaterThanOrEqual(before.numTensors)
        expect(seen.slice(2)).toEqual(Array.from({ length: 6 }, () => seen[2]))
        await optimizer.report()
        expect(memory().numTensors).toBeLessThanOrEqual(seen[2]!.numTensors)
        optimizer.minimize(loss, false, variables)
        expect(memory().numTensors).toBe(seen[2]!.numTensors)
        optimizer.dispose()
        expect(memory()).toEqual(before)
      })
    },
  )

  it('holds no more tensors after steps that are refused, skipped or without gradients', async () => {
    await withVariables(async (variables, loss) => {
      const before = memory()
      const optimizer = inducedOptimizer(
        tf,
        inducedMetric(adam(), { learningRate: 0.01, embedding: log() }),
        options,
      )
      for (let step = 1; step <= 3; step++) optimizer.minimize(loss, false, variables)
      const steady = memory()
      const [w] = variables as [tf.Variable]
      const attempt = (gradients: tf.NamedTensorMap, given?: number | tf.Scalar): void => {
        try {
          optimizer.applyGradients(gradients, given)
        } catch {
          // Other tests check whether it throws.
        }
        tf.dispose([gradients, given])
      }
      for (let round = 0; round < 3; round++) {
        attempt({ [w.name]: tf.ones([2, 3]) }, 1)
        attempt({ absent: tf.ones([1]) }, 1)
        attempt({ [w.name]: tf.ones([3, 2]) })
        attempt({ [w.name]: tf.ones([3, 2]) }, tf.tensor1d([1, 2]) as never)
        attempt({ [w.name]: tf.ones([3, 2]) }, -1)
        attempt({ [w.name]: tf.tidy(() => tf.ones([3, 2]).mul(NaN)) }, 1)
        attempt({ [w.name]: null as never }, 1)
        await optimizer.report().catch(() => undefined)
        const { value, grads } = optimizer.computeGradients(loss, variables)
        // Computed, but never applied.
        tf.dispose([value, grads])
      }
      // The same steps as before, so that the same tensors exist.
      for (let step = 1; step <= 2; step++) optimizer.minimize(loss, false, variables)
      expect(memory()).toEqual(steady)
      optimizer.dispose()
      expect(memory()).toEqual(before)
    })
  })

  it('holds no more tensors when lists of variables alternate', async () => {
    await withVariables((variables, loss) => {
      const before = memory()
      const optimizer = inducedOptimizer(tf, inducedMetric(adam(), { learningRate: 0.01 }), options)
      const round = (): void => {
        for (const variable of variables) optimizer.minimize(loss, false, [variable])
        optimizer.minimize(loss, false, variables)
      }
      round()
      round()
      const steady = memory()
      round()
      round()
      expect(memory()).toEqual(steady)
      optimizer.dispose()
      expect(memory()).toEqual(before)
    })
  })

  it('holds no more tensors after repeated saving and loading', async () => {
    await withVariables(async (variables, loss) => {
      const before = memory()
      const optimizer = inducedOptimizer(
        tf,
        inducedMetric(adam(), { learningRate: 0.01, embedding: log() }),
        options,
      )
      for (let step = 1; step <= 3; step++) optimizer.minimize(loss, false, variables)
      const steady = memory()
      for (let round = 0; round < 3; round++) {
        optimizer.load(await optimizer.save())
        optimizer.load(await optimizer.save(), variables)
        expect(() => optimizer.load(new Uint8Array(3))).toThrow()
        for (let step = 1; step <= 2; step++) optimizer.minimize(loss, false, variables)
        expect(memory()).toEqual(steady)
      }
      // The optimiser disposes of the tensors of getWeights(), as nobody else does.
      for (let round = 0; round < 4; round++) await optimizer.setWeights(await optimizer.getWeights())
      for (let step = 1; step <= 2; step++) optimizer.minimize(loss, false, variables)
      expect(memory().numTensors).toBeLessThanOrEqual(steady.numTensors + 4)
      optimizer.dispose()
      expect(memory()).toEqual(before)
    })
  })

  it('is constant in fit', async () => {
    const { x, y } = line(24)
    const model = network([4, 1], { inputs: 3 })
    const optimizer = inducedOptimizer(
      tf,
      inducedMetric(adam(), { learningRate: 0.01, embedding: log() }),
      options,
    )
    model.compile({ optimizer, loss: 'meanSquaredError' })
    const seen: number[] = []
    const fit = (): Promise<tf.History> =>
      model.fit(x, y, {
        batchSize: 4,
        epochs: 2,
        verbose: 0,
        callbacks: { onBatchEnd: () => void seen.push(tf.memory().numTensors) },
      })
    await fit()
    // Batch 1 creates the slots; after that, every batch leaves as many tensors as the one before.
    expect(new Set(seen.slice(2, 6)).size).toBe(1)
    expect(seen.slice(8)).toEqual(seen.slice(8).map(() => seen[8]))
    const after = memory()
    await fit()
    expect(memory()).toEqual(after)
    optimizer.dispose()
    model.dispose()
    tf.dispose([x, y])
  })
})
