import * as tf from '@tensorflow/tfjs'
import {
  adam,
  heavyBall,
  inducedMetric,
  log,
  logDamped,
  sgd,
  type InducedMetricOptions,
  type Transformation,
} from '@induced-metric/core'
import { inducedOptimizer, type InducedOptimizer } from '@induced-metric/tfjs'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { describeModes, useBackend } from './backends.js'
import { distance, memory, mirror, normal, values } from './support.js'

describeModes(({ options }) => {
  const make = (transformation: Transformation): InducedOptimizer =>
    inducedOptimizer(tf, transformation, options)
  const logged = inducedMetric(sgd({ momentum: 0.5 }), { learningRate: 0.1, xi: 0.5, embedding: log() })

  let x: tf.Tensor
  let w: tf.Variable
  let b: tf.Variable
  let left: ReturnType<typeof memory>
  beforeEach(() => {
    left = memory()
    x = normal([8, 3], 1)
    w = tf.tidy(() => tf.variable(normal([3, 1], 2), true))
    b = tf.tidy(() => tf.variable(tf.scalar(0.5), true))
  })
  afterEach(() => {
    tf.dispose([x, w, b])
    // Every test disposes of its own tensors, so the rest is left by the optimiser.
    expect(memory()).toEqual(left)
  })
  const loss = (): tf.Scalar => x.matMul(w).add(b).square().mean().add(0.25)

  describe('minimize', () => {
    it('trains all trainable variables, and steps as the core does', async () => {
      const untouched = tf.tidy(() => tf.variable(tf.scalar(2), false))
      const expected = await mirror(logged, [w, b])
      const optimizer = make(logged)
      for (let step = 0; step < 3; step++) {
        await expected.step(loss)
        expect(optimizer.minimize(loss)).toBeNull()
      }
      expect(distance(await values([w, b]), expected.data)).toBeLessThan(1e-5)
      expect(await values([untouched])).toEqual([Float32Array.of(2)])
      tf.dispose([untouched])
      optimizer.dispose()
    })

    it('returns the cost, which is the loss before the step', async () => {
      const first = tf.tidy(loss)
      const [before] = await first.data()
      const optimizer = make(logged)
      const cost = optimizer.minimize(loss, true)!
      expect((await cost.data())[0]).toBe(before)
      expect((await optimizer.report()).loss).toBe(before)
      optimizer.dispose()
      // The cost is the caller's.
      expect(cost.isDisposed).toBe(false)
      tf.dispose([first, cost])
    })

    it('trains the variables of a list and no others', async () => {
      const [wBefore, bBefore] = await values([w, b])
      const optimizer = make(logged)
      optimizer.minimize(loss, false, [b])
      const [wAfter, bAfter] = await values([w, b])
      expect(wAfter).toEqual(wBefore)
      expect(bAfter).not.toEqual(bBefore)
      optimizer.dispose()
    })

    it('takes turns between lists of variables, and keeps the state of each', async () => {
      const transformation = inducedMetric(adam(), { learningRate: 0.1, xi: 0.25, embedding: logDamped() })
      const expected = await mirror(transformation, [w, b])
      const optimizer = make(transformation)
      for (let step = 0; step < 8; step++) {
        const [trained, other] = step % 3 === 0 ? [w, b] : [b, w]
        await expected.step(loss, [other])
        optimizer.minimize(loss, false, [trained])
      }
      expect(distance(await values([w, b]), expected.data)).toBeLessThan(1e-5)
      optimizer.dispose()
    })
  })

  describe('computeGradients and applyGradients', () => {
    it.each(['a map', 'an array', 'an array in another order'])('take gradients as %s', async (form) => {
      const expected = await mirror(logged, [w, b])
      const optimizer = make(logged)
      for (let step = 0; step < 3; step++) {
        await expected.step(loss)
        const { value, grads } = optimizer.computeGradients(loss)
        const list = [w, b].map(({ name }) => ({ name, tensor: grads[name]! }))
        if (form === 'an array in another order') list.reverse()
        optimizer.applyGradients(form === 'a map' ? grads : list)
        tf.dispose([value, grads])
      }
      expect(distance(await values([w, b]), expected.data)).toBeLessThan(1e-5)
      optimizer.dispose()
    })

    it('keep the loss even when the caller has disposed of it', async () => {
      const optimizer = make(logged)
      const { value, grads } = optimizer.computeGradients(loss)
      const [before] = await value.data()
      value.dispose()
      optimizer.applyGradients(grads)
      expect((await optimizer.report()).loss).toBe(before)
      tf.dispose(grads)
      optimizer.dispose()
    })

    it('use each loss once: gradients without a new one are refused', async () => {
      const optimizer = make(logged)
      const { value, grads } = optimizer.computeGradients(loss)
      optimizer.applyGradients(grads)
      const before = await values([w, b])
      expect(() => optimizer.applyGradients(grads)).toThrow(
        expect.objectContaining({ code: 'ERR_LOSS_REQUIRED' }) as Error,
      )
      expect(await values([w, b])).toEqual(before)
      tf.dispose([value, grads])
      optimizer.dispose()
    })

    it('leave a variable whose gradient is null alone: value, state and step count', async () => {
      const transformation = inducedMetric(adam(), { learningRate: 0.1, xi: 0.25 })
      const expected = await mirror(transformation, [w, b])
      const optimizer = make(transformation)
      for (let step = 0; step < 5; step++) {
        const without = step === 1 || step === 2 ? b : undefined
        await expected.step(loss, without ? [without] : [])
        const { value, grads } = optimizer.computeGradients(loss)
        const given = [w, b].map((variable) => ({
          name: variable.name,
          tensor: variable === without ? null : grads[variable.name]!,
        }))
        optimizer.applyGradients(given as never)
        tf.dispose([value, grads])
      }
      expect(distance(await values([w, b]), expected.data)).toBeLessThan(1e-5)
      const { parameters } = await optimizer.save()
      expect(parameters.map(({ steps }) => steps)).toEqual([5, 3])
      optimizer.dispose()
    })

    it('skip a step without any gradient', async () => {
      const optimizer = make(logged)
      const before = await values([w, b])
      const none = { [w.name]: null, [b.name]: null } as never
      optimizer.applyGradients(none, 1)
      expect(await optimizer.report()).toMatchObject({ step: 0, skipped: true, skippedSteps: 1 })
      expect(await values([w, b])).toEqual(before)
      optimizer.dispose()
    })
  })

  describe('gradients of tf.variableGrads', () => {
    it.each(['a scalar', 'a number'])('come with the loss as %s', async (form) => {
      const expected = await mirror(logged, [w, b])
      const optimizer = make(logged)
      for (let step = 0; step < 3; step++) {
        await expected.step(loss)
        const { value, grads } = tf.variableGrads(loss)
        optimizer.applyGradients(grads, form === 'a scalar' ? value : (await value.data())[0]!)
        // The optimiser neither keeps nor disposes of its arguments.
        expect(value.isDisposed).toBe(false)
        tf.dispose([value, grads])
      }
      expect(distance(await values([w, b]), expected.data)).toBeLessThan(1e-5)
      expect((await optimizer.report()).loss).toBeCloseTo(expected.optimizer.report.loss!, 5)
      optimizer.dispose()
    })

    it.each<[string, InducedMetricOptions['embedding']]>([
      ['log', log()],
      ['logDamped', logDamped()],
    ])('without the loss are ERR_LOSS_REQUIRED under %s, and nothing changes', async (name, embedding) => {
      const optimizer = make(inducedMetric(adam(), { learningRate: 0.1, embedding: embedding! }))
      const { value, grads } = tf.variableGrads(loss)
      const before = await values([w, b])
      expect(() => optimizer.applyGradients(grads)).toThrow(
        expect.objectContaining({
          code: 'ERR_LOSS_REQUIRED',
          message: expect.stringMatching(
            new RegExp(`${name}.*applyGradients\\(gradients, loss\\)`),
          ) as string,
        }) as Error,
      )
      expect(await values([w, b])).toEqual(before)
      // And it takes the next one.
      optimizer.applyGradients(grads, value)
      expect((await optimizer.report()).step).toBe(1)
      tf.dispose([value, grads])
      optimizer.dispose()
    })

    it('need no loss under identity', async () => {
      const optimizer = make(inducedMetric(adam(), { learningRate: 0.1 }))
      const { value, grads } = tf.variableGrads(loss)
      optimizer.applyGradients(grads)
      expect(await optimizer.report()).toMatchObject({ step: 1, loss: null })
      tf.dispose([value, grads])
      optimizer.dispose()
    })
  })

  it('works inside a tf.tidy of the caller, whose end disposes of no state', async () => {
    const transformation = inducedMetric(adam(), { learningRate: 0.1, xi: 0.25, embedding: logDamped() })
    const expected = await mirror(transformation, [w, b])
    const optimizer = make(transformation)
    for (let step = 0; step < 4; step++) {
      await expected.step(loss)
      tf.tidy(() => {
        const { value, grads } = optimizer.computeGradients(loss)
        optimizer.applyGradients(grads, value)
      })
      // The report outlives the tidy as well.
      expect((await optimizer.report()).loss).toBeCloseTo(expected.optimizer.report.loss!, 5)
    }
    expect(distance(await values([w, b]), expected.data)).toBeLessThan(1e-5)
    optimizer.dispose()
  })

  it('keeps the loss when the gradients are computed in a tf.tidy and applied after it', async () => {
    const optimizer = make(logged)
    const grads = tf.tidy(() => optimizer.computeGradients(loss).grads)
    optimizer.applyGradients(grads)
    expect(await optimizer.report()).toMatchObject({ step: 1, skipped: false })
    tf.dispose(grads)
    optimizer.dispose()
  })
})

describeModes(({ options }) => {
  describe('with ξ = 0 and the identity', () => {
    it.each<[string, Transformation, () => tf.Optimizer]>([
      [
        'adam is tf.train.adam',
        inducedMetric(adam({ beta1: 0.8, beta2: 0.95, epsilon: 1e-7 }), { learningRate: 0.05, xi: 0 }),
        () => tf.train.adam(0.05, 0.8, 0.95, 1e-7),
      ],
      ['sgd is tf.train.sgd', inducedMetric(sgd(), { learningRate: 0.05, xi: 0 }), () => tf.train.sgd(0.05)],
      [
        'heavyBall is tf.train.momentum',
        inducedMetric(heavyBall({ momentum: 0.8 }), { learningRate: 0.05, xi: 0 }),
        () => tf.train.momentum(0.05, 0.8),
      ],
    ])('%s', async (_name, transformation, builtIn) => {
      const variables = tf.tidy(() => [tf.variable(normal([3, 1], 2)), tf.variable(normal([1], 3))])
      const [w, b] = variables as [tf.Variable, tf.Variable]
      const x = normal([8, 3], 1)
      const loss = (): tf.Scalar => x.matMul(w).add(b).square().mean()
      const start = await values(variables)
      const run = async (optimizer: tf.Optimizer): Promise<Float32Array[]> => {
        tf.tidy(() =>
          variables.forEach((variable, i) => variable.assign(tf.tensor(start[i]!, variable.shape))),
        )
        for (let step = 0; step < 20; step++) optimizer.minimize(loss, false, variables)
        optimizer.dispose()
        return values(variables)
      }
      const theirs = await run(builtIn())
      const ours = await run(inducedOptimizer(tf, transformation, options))
      expect(distance(ours, theirs)).toBeLessThan(1e-5)
      expect(distance(ours, start)).toBeGreaterThan(0.1)
    })
  })
})

describeModes(({ options }) => {
  it('trains the weights of a graph model, promoted to variables', async () => {
    const model = await tf.loadGraphModel(tf.io.fromMemory(graph()))
    const { weights } = model
    for (const [name, tensors] of Object.entries(weights)) {
      weights[name] = tensors.map((tensor) => tf.variable(tensor, true, `graph/${name}`))
    }
    const [kernel] = weights['kernel'] as tf.Variable[]
    const x = normal([32, 3], 4)
    const y = tf.tidy(() => x.matMul(tf.tensor2d([[1], [-1], [2]])))
    const optimizer = inducedOptimizer(tf, inducedMetric(adam(), { learningRate: 0.2 }), options)
    const loss = (): tf.Scalar => tf.losses.meanSquaredError(y, model.predict(x) as tf.Tensor)
    for (let step = 0; step < 60; step++) optimizer.minimize(loss, false, [kernel!])
    const [got] = await values([kernel!])
    expect(distance([got!], [[1, -1, 2]])).toBeLessThan(0.02)
    optimizer.dispose()
    model.dispose()
    tf.dispose([x, y])
  })
})

/** y = x·kernel, as in a converted model. */
function graph(): tf.io.ModelArtifacts {
  const float = { type: 'DT_FLOAT' }
  const dim = (...sizes: number[]) => ({ dim: sizes.map((size) => ({ size: String(size) })) })
  return {
    format: 'graph-model',
    modelTopology: {
      node: [
        { name: 'x', op: 'Placeholder', attr: { dtype: float, shape: { shape: dim(-1, 3) } } },
        {
          name: 'kernel',
          op: 'Const',
          attr: { dtype: float, value: { tensor: { dtype: 'DT_FLOAT', tensorShape: dim(3, 1) } } },
        },
        {
          name: 'y',
          op: 'MatMul',
          input: ['x', 'kernel'],
          attr: { T: float, transpose_a: { b: false }, transpose_b: { b: false } },
        },
      ],
      versions: { producer: 27 },
    },
    weightSpecs: [{ name: 'kernel', shape: [3, 1], dtype: 'float32' }],
    weightData: Float32Array.of(0.5, 0.5, 0.5).buffer,
  }
}

describe('when the backend changes between steps', () => {
  it.each([{}, { engine: 'ops' }, { engine: 'ops', stepGuard: 'device' }] as const)(
    'variables and state move along, with %j',
    async (options) => {
      await useBackend('cpu')
      const transformation = inducedMetric(adam(), { learningRate: 0.1, xi: 0.5, embedding: logDamped() })
      const w = tf.tidy(() => tf.variable(normal([3, 2], 1)))
      const optimizer = inducedOptimizer(tf, transformation, options)
      const loss = (): tf.Scalar => w.square().mean().add(0.5)
      const expected = await mirror(transformation, [w])
      for (const backend of ['cpu', 'wasm', 'cpu'] as const) {
        await useBackend(backend)
        for (let step = 0; step < 2; step++) {
          await expected.step(loss)
          optimizer.minimize(loss, false, [w])
        }
        expect(distance(await values([w]), expected.data)).toBeLessThan(1e-5)
        expect((await optimizer.report()).loss).toBeCloseTo(expected.optimizer.report.loss!, 5)
      }
      optimizer.dispose()
      w.dispose()
    },
  )
})
