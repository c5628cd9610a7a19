import { beforeAll, describe, expect, test } from 'vitest'

import { framework as onnxruntime } from '../src/frameworks/onnxruntime.js'
import { framework as tfjs } from '../src/frameworks/tfjs.js'
import { settings } from '../src/settings.js'
import { loadTask, trainEpoch, type Task } from './training.js'

const compared = settings.filter(({ rate }) => !rate).map(({ id }) => id)

let task: Task
beforeAll(async () => {
  task = await loadTask()
})

describe('ONNX Runtime', () => {
  test('is available', async () => {
    expect(await onnxruntime.available()).toMatchObject({
      ok: true,
      detail: expect.stringMatching(/^ONNX Runtime 1\.\d+\.\d+, CPU$/),
    })
  })

  test.each(compared)('with %s agrees with TensorFlow.js after an epoch', async (id) => {
    const [here, there] = [
      await trainEpoch(onnxruntime, task, id, { limit: 58 }),
      await trainEpoch(tfjs, task, id, { limit: 58 }),
    ]
    expect(here.steps).toHaveLength(58)
    expect(here.epochs.map(({ epoch }) => epoch)).toEqual([0, 1])
    expect(here.epochs[0]!.testLoss).toBeCloseTo(there.epochs[0]!.testLoss, 5)
    expect(Math.abs(here.epochs[1]!.testAccuracy - there.epochs[1]!.testAccuracy)).toBeLessThan(0.005)
    here.steps.slice(0, 5).forEach(({ loss, scale, dualNorm }, place) => {
      const other = there.steps[place]!
      expect(loss).toBeCloseTo(other.loss, 4)
      if (id === 'adam') expect([scale, dualNorm]).toEqual([null, null])
      else expect(scale! / other.scale!).toBeCloseTo(1, 3)
    })
  })

  test('with ξ tied to it, a learning rate a hundred times too large does no harm', async () => {
    const accuracy = async (id: string) =>
      (await trainEpoch(onnxruntime, task, id, { limit: 58 })).epochs[1]!.testAccuracy
    expect(await accuracy('adam-1e0')).toBeLessThan(0.2)
    for (const id of ['adam-root-1e0', 'adam-root-1e2']) expect(await accuracy(id)).toBeGreaterThan(0.935)
  })

  test('starts every optimiser from the same weights, and does not change them', async () => {
    const before = task.network.map(({ data }) => data.slice())
    const [identity, sgd] = [
      await trainEpoch(onnxruntime, task, 'identity', { limit: 2 }),
      await trainEpoch(onnxruntime, task, 'sgd', { limit: 2 }),
    ]
    expect(identity.epochs[0]).toEqual(sgd.epochs[0])
    expect(task.network.map(({ data }) => data)).toEqual(before)
  })

  test('stops when aborted', async () => {
    const controller = new AbortController()
    const { steps, epochs } = await trainEpoch(onnxruntime, task, 'sgd', {
      limit: 9,
      signal: controller.signal,
      onStep: () => controller.abort(),
    })
    expect([steps.length, epochs.length]).toEqual([1, 1])
  })
})
