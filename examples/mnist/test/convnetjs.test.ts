import { beforeAll, describe, expect, test } from 'vitest'

import { framework as convnetjs } from '../src/frameworks/convnetjs.js'
import { loadTask, trainEpoch, type Task } from './training.js'

const paper = ['adam', 'sgd', 'identity', 'log', 'rms']

let task: Task
beforeAll(async () => {
  task = await loadTask(40)
})

describe('convnetjs', () => {
  test('is available, with its own settings for every optimiser of the demonstration', async () => {
    expect(await convnetjs.available()).toMatchObject({
      ok: true,
      detail: expect.stringMatching(/^convnetjs \d/),
    })
    expect(convnetjs.settings!.map(({ id }) => id)).toEqual(paper)
  })

  test('learns digits by convolution with every optimiser, from the same weights', async () => {
    const before = task.network.map(({ data }) => data.slice())
    const runs = await Promise.all(paper.map((id) => trainEpoch(convnetjs, task, id)))
    for (const { steps, epochs } of runs) {
      expect(steps).toHaveLength(40)
      expect(epochs[0]).toEqual(runs[0]!.epochs[0])
      expect(epochs[0]!.testAccuracy).toBeLessThan(0.25)
      expect(epochs[1]!.testAccuracy).toBeGreaterThan(0.5)
    }
    expect(task.network.map(({ data }) => data)).toEqual(before)
    const [, sgd, identity] = runs
    expect(sgd!.steps.every(({ scale }) => scale === null)).toBe(true)
    expect(identity!.steps.every(({ scale }) => scale! > 0 && scale! < 1)).toBe(true)
  })
})
