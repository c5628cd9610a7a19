import { beforeAll, describe, expect, test } from 'vitest'

import { framework as brain } from '../src/frameworks/brain.js'
import { loadTask, trainEpoch, type Task } from './training.js'

const paper = ['adam', 'sgd', 'identity', 'log', 'rms']

let task: Task
beforeAll(async () => {
  task = await loadTask(12)
})

const train = (id: string, options = {}) => trainEpoch(brain, task, id, options)

describe('brain.js', () => {
  test('is available', async () => {
    expect(await brain.available()).toMatchObject({ ok: true, detail: expect.stringMatching(/784-64-10/) })
  })

  test('has its own settings for the optimisers of the paper', () => {
    expect(brain.settings!.map(({ id }) => id)).toEqual(paper)
  })

  test.each(['adam', 'sgd', 'identity', 'rms'])('learns digits with %s', async (id) => {
    const { steps, epochs } = await train(id)
    expect(steps).toHaveLength(12)
    expect(epochs.map(({ epoch }) => epoch)).toEqual([0, 1])
    expect(epochs[0]!.testAccuracy).toBeLessThan(0.25)
    expect(epochs[1]!.testAccuracy).toBeGreaterThan(0.5)
    expect(steps.at(-1)!.loss).toBeLessThan(steps[0]!.loss)
  })

  test('reports a factor for our optimisers and none for its own', async () => {
    const [identity, log, adam] = [await train('identity'), await train('log'), await train('adam')]
    for (const { scale, dualNorm } of identity.steps) {
      expect(scale).toBeGreaterThan(0)
      expect(scale).toBeLessThan(1)
      expect(dualNorm).toBeGreaterThan(0)
    }
    expect(log.steps.some(({ scale }) => scale! > 1)).toBe(true)
    expect(adam.steps).toMatchObject(identity.steps.map(() => ({ scale: null, dualNorm: null })))
  })

  test('starts every optimiser from the same weights, and does not change them', async () => {
    const before = task.network.map(({ data }) => data.slice())
    const [identity, sgd] = [await train('identity'), await train('sgd')]
    expect(identity.epochs[0]).toEqual(sgd.epochs[0])
    expect(task.network.map(({ data }) => data)).toEqual(before)
  })

  test('stops when aborted', async () => {
    const controller = new AbortController()
    const { steps, epochs } = await train('sgd', {
      signal: controller.signal,
      onStep: () => controller.abort(),
    })
    expect(steps).toHaveLength(1)
    expect(epochs).toHaveLength(1)
  })
})
