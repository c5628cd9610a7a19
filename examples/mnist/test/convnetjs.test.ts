import { beforeAll, describe, expect, test } from 'vitest'

import { cutBatches, wholeBatch, type Batch } from '../src/data/batches.js'
import { loadMnist } from '../src/data/mnist.js'
import { convnetjs } from '../src/frameworks/convnetjs.js'
import { initializeNetwork, type NetworkArray } from '../src/network/network.js'
import { createRandom } from '../src/random.js'
import { settings } from '../src/settings.js'
import type { EpochRecord, StepRecord } from '../src/training/framework.js'

let network: NetworkArray[]
let batches: Batch[]
let wholeTest: Batch

beforeAll(async () => {
  const mnist = await loadMnist()
  const random = createRandom(0)
  network = initializeNetwork(random)
  batches = cutBatches(mnist.train, 1024, random, 40)
  wholeTest = wholeBatch(mnist.test)
})

async function train(id: string) {
  const steps: StepRecord[] = []
  const epochs: EpochRecord[] = []
  await convnetjs.train({
    network,
    batches,
    test: wholeTest,
    epochs: 1,
    signal: new AbortController().signal,
    setting: convnetjs.settings!.find((setting) => setting.id === id)!,
    onStep: (record) => steps.push(record),
    onEpoch: (record) => epochs.push(record),
  })
  return { steps, epochs }
}

describe('convnetjs', () => {
  test('is there, with its own settings for every optimiser of the demonstration', async () => {
    expect(await convnetjs.available()).toMatchObject({
      ok: true,
      detail: expect.stringMatching(/^convnetjs \d/),
    })
    expect(convnetjs.settings!.map(({ id }) => id)).toEqual(settings.map(({ id }) => id))
  })

  test('learns digits by convolution with every one, from the same weights', async () => {
    const before = network.map(({ data }) => data.slice())
    const runs = await Promise.all(settings.map(({ id }) => train(id)))
    for (const { steps, epochs } of runs) {
      expect(steps).toHaveLength(40)
      expect(epochs[0]).toEqual(runs[0]!.epochs[0])
      expect(epochs[0]!.testAccuracy).toBeLessThan(0.25)
      expect(epochs[1]!.testAccuracy).toBeGreaterThan(0.5)
    }
    expect(network.map(({ data }) => data)).toEqual(before)
    const [, sgd, identity] = runs
    expect(sgd!.steps.every(({ scale }) => scale === null)).toBe(true)
    expect(identity!.steps.every(({ scale }) => scale! > 0 && scale! < 1)).toBe(true)
  })
})
