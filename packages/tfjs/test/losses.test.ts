import * as tf from '@tensorflow/tfjs'
import { inducedMetric, log, sgd } from '@induced-metric/core'
import { inducedOptimizer } from '@induced-metric/tfjs'
import { describe, expect, it } from 'vitest'
import { describeModes } from './backends.js'
import { memory, values } from './support.js'

// A loss belongs to the gradients it was computed with.

describeModes(({ options }) => {
  const transformation = inducedMetric(sgd(), { learningRate: 0.1, xi: 1, embedding: log() })
  const start = (value = 2): tf.Variable => tf.variable(tf.tensor1d([value]))
  const loss = (x: tf.Variable, factor: number) => (): tf.Scalar => x.square().mul(factor).sum().asScalar()
  const make = (given = transformation) => inducedOptimizer(tf, given, options)
  const required = expect.objectContaining({ code: 'ERR_LOSS_REQUIRED' }) as Error

  describe('the loss of a step', () => {
    it('must be passed with gradients that were added up', async () => {
      const x = start()
      const optimizer = make()
      const parts = [1, 2, 3, 4].map((factor) => optimizer.computeGradients(loss(x, factor), [x]))
      const mean = tf.addN(parts.map(({ grads }) => grads[x.name]!)).div(4)
      expect(() => optimizer.applyGradients({ [x.name]: mean })).toThrow(required)
      expect(() => optimizer.applyGradients({ [x.name]: mean })).toThrow(/mean/)
      expect([...(await x.data())]).toEqual([2])

      const total = tf.addN(parts.map(({ value }) => value)).div(4) as tf.Scalar
      optimizer.applyGradients({ [x.name]: mean }, total)
      const other = start()
      const reference = make()
      reference.minimize(loss(other, 2.5), false, [other])
      expect((await optimizer.report()).loss).toBeCloseTo(10, 5)
      expect((await x.data())[0]).toBeCloseTo((await other.data())[0]!, 6)
    })

    it('is that of the applied gradients, not of those computed last', async () => {
      const [x, y] = [start(2), start(3)]
      const optimizer = make()
      const first = optimizer.computeGradients(() => loss(x, 1)().add(loss(y, 1)()).asScalar(), [x, y])
      const second = optimizer.computeGradients(loss(x, 5), [x])
      optimizer.applyGradients({ [x.name]: first.grads[x.name]! })
      expect((await optimizer.report()).loss).toBe(13)
      optimizer.applyGradients(second.grads)
      expect((await optimizer.report()).loss).toBe(20)
      // The rest of the first gradients, which have the same loss.
      optimizer.applyGradients([{ name: y.name, tensor: first.grads[y.name]! }])
      expect((await optimizer.report()).loss).toBe(13)
    })

    it.each<[string, (g: tf.Tensor) => tf.Tensor]>([
      ['clipped', (g) => g.clipByValue(-1, 1)],
      ['copied', (g) => g.clone()],
    ])('is not taken for that of gradients that were %s', (_, change) => {
      const x = start()
      const optimizer = make()
      const { grads } = optimizer.computeGradients(loss(x, 1), [x])
      expect(() => optimizer.applyGradients({ [x.name]: change(grads[x.name]!) })).toThrow(required)
    })

    it('is unknown for gradients with two losses, and for gradients that a step has used', () => {
      const [x, y] = [start(2), start(3)]
      const optimizer = make()
      const [a, b] = [x, y].map((v) => optimizer.computeGradients(loss(v, 1), [v]).grads)
      expect(() => optimizer.applyGradients({ ...a, ...b })).toThrow(required)
      optimizer.applyGradients(a!)
      expect(() => optimizer.applyGradients(a!)).toThrow(required)
    })

    it('is still known after a step that failed', () => {
      const x = start()
      const optimizer = make()
      const { grads } = optimizer.computeGradients(loss(x, 1), [x])
      expect(() => optimizer.applyGradients({ ...grads, nobody: grads[x.name]! })).toThrow(/ERR_SHAPE/)
      optimizer.applyGradients(grads)
      expect(optimizer.iterations).toBe(1)
    })

    it('is unknown, and absent from the report, where the embedding does not read it', async () => {
      const x = start()
      const optimizer = make(inducedMetric(sgd(), { learningRate: 0.1 }))
      const { grads } = optimizer.computeGradients(loss(x, 1), [x])
      optimizer.applyGradients({ [x.name]: grads[x.name]!.mul(2) })
      expect(await optimizer.report()).toMatchObject({ step: 1, loss: null })
      expect((await values([x]))[0]![0]).toBeLessThan(2)
    })
  })

  it('losses are disposed of with their gradients, and after a step has used these', () => {
    const x = start()
    const optimizer = make()
    for (let i = 0; i < 3; i++) optimizer.minimize(loss(x, 1), false, [x])
    const before = memory()
    for (let i = 0; i < 3; i++) {
      const { value, grads } = optimizer.computeGradients(loss(x, 1), [x])
      tf.dispose([value, grads])
    }
    optimizer.minimize(loss(x, 1), false, [x])
    expect(memory()).toEqual(before)
  })
})
