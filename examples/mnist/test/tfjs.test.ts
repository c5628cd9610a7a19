import * as tf from '@tensorflow/tfjs'
import { beforeAll, describe, expect, test } from 'vitest'

import { framework as tfjs } from '../src/frameworks/tfjs.js'
import { settings, type Setting } from '../src/settings.js'
import { loadTask, trainEpoch, type Task } from './training.js'

let task: Task
beforeAll(async () => {
  task = await loadTask()
})

const settingOf = (id: string): Setting => settings.find((setting) => setting.id === id)!

describe('TensorFlow.js', () => {
  test('runs on wasm with SIMD', async () => {
    expect(await tfjs.available()).toMatchObject({
      ok: true,
      detail: expect.stringContaining('wasm with SIMD'),
    })
    expect(tf.getBackend()).toBe('wasm')
  })

  test.each(['adam', 'identity'])('with %s agrees with the paper after one epoch', async (id) => {
    const { epochs, steps } = await trainEpoch(tfjs, task, id, { limit: 58 })
    expect(steps).toHaveLength(58)
    expect(Math.abs(epochs.at(-1)!.testAccuracy - settingOf(id).published.byEpoch[1]!)).toBeLessThanOrEqual(
      0.01,
    )
  })

  test('reports the figures of each optimiser', async () => {
    const read = async (id: string) => (await trainEpoch(tfjs, task, id, { limit: 4 })).steps
    for (const { loss, scale, dualNorm } of await read('log')) {
      expect(scale! * loss).toBeGreaterThan(0)
      expect(scale! * loss).toBeLessThan(1)
      expect(dualNorm).toBeGreaterThan(0)
    }
    for (const { scale, dualNorm } of await read('rms')) {
      expect(scale).toBeGreaterThan(0.8)
      expect(scale).toBeLessThan(1)
      expect(dualNorm).toBeGreaterThan(1)
    }
    expect(await read('sgd')).toMatchObject(Array.from({ length: 4 }, () => ({ scale: 1, dualNorm: null })))
    const adam = await read('adam')
    expect(adam).toMatchObject(Array.from({ length: 4 }, () => ({ scale: null, dualNorm: null })))
    expect(adam[0]!.loss).toBeCloseTo(Math.log(10), 0)
    expect(adam[3]!.loss).toBeLessThan(adam[0]!.loss)
  })

  test('starts every optimiser from the same weights, and does not change them', async () => {
    const before = task.network.map(({ data }) => data.slice())
    const runs = [
      await trainEpoch(tfjs, task, 'sgd', { limit: 2 }),
      await trainEpoch(tfjs, task, 'rms', { limit: 2 }),
    ]
    expect(runs[0]!.epochs[0]).toEqual(runs[1]!.epochs[0])
    expect(runs[0]!.steps[0]!.loss).toBe(runs[1]!.steps[0]!.loss)
    expect(runs[0]!.steps[1]!.loss).not.toBe(runs[1]!.steps[1]!.loss)
    expect(task.network.map(({ data }) => data)).toEqual(before)
  })

  test('leaves no tensors behind, also between steps', async () => {
    await trainEpoch(tfjs, task, 'rms', { limit: 1 })
    const before = tf.memory().numTensors
    const within: number[] = []
    for (const id of ['adam', 'rms']) {
      await tfjs.train({
        ...task,
        batches: task.batches.slice(0, 6),
        epochs: 1,
        setting: settingOf(id),
        signal: new AbortController().signal,
        onStep: () => within.push(tf.memory().numTensors),
        onEpoch: () => {},
      })
      expect(new Set(within.slice(3)).size, id).toBe(1)
      within.length = 0
    }
    expect(tf.memory().numTensors).toBe(before)
  })

  test('stops after the current step', async () => {
    const controller = new AbortController()
    const steps: number[] = []
    await tfjs.train({
      ...task,
      epochs: 1,
      setting: settingOf('sgd'),
      signal: controller.signal,
      onStep: ({ step }) => {
        steps.push(step)
        if (step === 2) controller.abort()
      },
      onEpoch: () => {},
    })
    expect(steps).toEqual([1, 2])
  })
})
