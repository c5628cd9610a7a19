import { beforeAll, describe, expect, test } from 'vitest'

import { framework as jaxJs } from '../src/frameworks/jax-js.js'
import { settings, type Setting } from '../src/settings.js'
import { loadTask, trainEpoch, type Task } from './training.js'

let task: Task
beforeAll(async () => {
  task = await loadTask()
})

const settingOf = (id: string): Setting => settings.find((setting) => setting.id === id)!

describe('jax-js', () => {
  test('runs on wasm', async () => {
    expect(await jaxJs.available()).toMatchObject({
      ok: true,
      detail: expect.stringMatching(/^jax-js \d.*wasm$/),
    })
  })

  test.each(['adam', 'identity'])('with %s agrees with the paper after one epoch', async (id) => {
    const { epochs, steps } = await trainEpoch(jaxJs, task, id, { limit: 58 })
    expect(steps).toHaveLength(58)
    expect(Math.abs(epochs.at(-1)!.testAccuracy - settingOf(id).published.byEpoch[1]!)).toBeLessThanOrEqual(
      0.01,
    )
  })

  test('reports the figures of each optimiser', async () => {
    const read = async (id: string) => (await trainEpoch(jaxJs, task, id, { limit: 4 })).steps
    for (const { loss, scale, dualNorm } of await read('log')) {
      expect(scale! * loss).toBeGreaterThan(0)
      expect(scale! * loss).toBeLessThan(1)
      expect(dualNorm).toBeGreaterThan(0)
    }
    expect(await read('sgd')).toMatchObject(Array.from({ length: 4 }, () => ({ scale: 1, dualNorm: null })))
  })

  test('starts every optimiser from the same weights, and does not change them', async () => {
    const before = task.network.map(({ data }) => data.slice())
    const runs = [
      await trainEpoch(jaxJs, task, 'sgd', { limit: 2 }),
      await trainEpoch(jaxJs, task, 'rms', { limit: 2 }),
    ]
    expect(runs[0]!.epochs[0]).toEqual(runs[1]!.epochs[0])
    expect(runs[0]!.steps[0]!.loss).toBe(runs[1]!.steps[0]!.loss)
    expect(runs[0]!.steps[1]!.loss).not.toBe(runs[1]!.steps[1]!.loss)
    expect(task.network.map(({ data }) => data)).toEqual(before)
  })
})
