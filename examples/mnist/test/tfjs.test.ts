import * as tf from '@tensorflow/tfjs'
import { beforeAll, describe, expect, test } from 'vitest'

import { cutBatches, wholeBatch, type Batch } from '../src/data/batches.js'
import { loadMnist } from '../src/data/mnist.js'
import { tfjs } from '../src/frameworks/tfjs.js'
import { initializeNetwork, type NetworkArray } from '../src/network/network.js'
import { createRandom } from '../src/random.js'
import { settings, type Setting } from '../src/settings.js'
import type { EpochRecord, StepRecord } from '../src/training/framework.js'

let network: NetworkArray[]
let batches: Batch[]
let wholeTest: Batch

beforeAll(async () => {
  const mnist = await loadMnist()
  const random = createRandom(0)
  network = initializeNetwork(random)
  batches = cutBatches(mnist.train, 1024, random)
  wholeTest = wholeBatch(mnist.test)
})

const settingOf = (id: string): Setting => settings.find((setting) => setting.id === id)!

async function train(setting: Setting, limit: number, signal = new AbortController().signal) {
  const steps: StepRecord[] = []
  const epochs: EpochRecord[] = []
  await tfjs.train({
    network,
    batches: batches.slice(0, limit),
    test: wholeTest,
    epochs: 1,
    setting,
    signal,
    onStep: (record) => steps.push(record),
    onEpoch: (record) => epochs.push(record),
  })
  return { steps, epochs }
}

describe('TensorFlow.js', () => {
  test('runs on wasm with SIMD', async () => {
    expect(await tfjs.available()).toMatchObject({
      ok: true,
      detail: expect.stringContaining('wasm with SIMD'),
    })
    expect(tf.getBackend()).toBe('wasm')
  })

  test.each(['adam', 'identity'])('with %s is after one epoch where the paper is', async (id) => {
    const { epochs, steps } = await train(settingOf(id), 58)
    expect(steps).toHaveLength(58)
    expect(Math.abs(epochs.at(-1)!.testAccuracy - settingOf(id).published.byEpoch[1]!)).toBeLessThanOrEqual(
      0.01,
    )
  })

  test('reports what each optimiser has to report', async () => {
    const read = async (id: string) => (await train(settingOf(id), 4)).steps
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

  test('starts every optimiser from the same weights, which it leaves alone', async () => {
    const before = network.map(({ data }) => data.slice())
    const runs = [await train(settingOf('sgd'), 2), await train(settingOf('rms'), 2)]
    expect(runs[0]!.epochs[0]).toEqual(runs[1]!.epochs[0])
    expect(runs[0]!.steps[0]!.loss).toBe(runs[1]!.steps[0]!.loss)
    expect(runs[0]!.steps[1]!.loss).not.toBe(runs[1]!.steps[1]!.loss)
    expect(network.map(({ data }) => data)).toEqual(before)
  })

  test('leaves no tensor behind, nor between steps', async () => {
    await train(settingOf('rms'), 1)
    const before = tf.memory().numTensors
    const within: number[] = []
    for (const id of ['adam', 'rms']) {
      await tfjs.train({
        network,
        batches: batches.slice(0, 6),
        test: wholeTest,
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

  test('stops after the step under way', async () => {
    const controller = new AbortController()
    const steps: number[] = []
    await tfjs.train({
      network,
      batches,
      test: wholeTest,
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
