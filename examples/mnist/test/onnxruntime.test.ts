import { beforeAll, describe, expect, test } from 'vitest'

import { cutBatches, wholeBatch, type Batch } from '../src/data/batches.js'
import { loadMnist } from '../src/data/mnist.js'
import { onnxruntime } from '../src/frameworks/onnxruntime.js'
import { tfjs } from '../src/frameworks/tfjs.js'
import { initializeNetwork, type NetworkArray } from '../src/network/network.js'
import { createRandom } from '../src/random.js'
import { settings } from '../src/settings.js'
import type { EpochRecord, Framework, StepRecord } from '../src/training/framework.js'

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

async function train(
  framework: Framework,
  id: string,
  limit: number,
  signal = new AbortController().signal,
  onStep?: () => void,
) {
  const steps: StepRecord[] = []
  const epochs: EpochRecord[] = []
  await framework.train({
    network,
    batches: batches.slice(0, limit),
    test: wholeTest,
    epochs: 1,
    setting: settings.find((setting) => setting.id === id)!,
    signal,
    onStep(record) {
      steps.push(record)
      onStep?.()
    },
    onEpoch: (record) => epochs.push(record),
  })
  return { steps, epochs }
}

describe('ONNX Runtime', () => {
  test('is there', async () => {
    expect(await onnxruntime.available()).toMatchObject({
      ok: true,
      detail: expect.stringMatching(/^ONNX Runtime 1\.\d+\.\d+, CPU$/),
    })
  })

  test.each(settings.map(({ id }) => id))('with %s is after an epoch where TensorFlow.js is', async (id) => {
    const [here, there] = [await train(onnxruntime, id, 58), await train(tfjs, id, 58)]
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

  test('starts every optimiser from the same weights, which it leaves alone', async () => {
    const before = network.map(({ data }) => data.slice())
    const [identity, sgd] = [await train(onnxruntime, 'identity', 2), await train(onnxruntime, 'sgd', 2)]
    expect(identity.epochs[0]).toEqual(sgd.epochs[0])
    expect(network.map(({ data }) => data)).toEqual(before)
  })

  test('stops when it is told to', async () => {
    const controller = new AbortController()
    const { steps, epochs } = await train(onnxruntime, 'sgd', 9, controller.signal, () => controller.abort())
    expect([steps.length, epochs.length]).toEqual([1, 1])
  })
})
