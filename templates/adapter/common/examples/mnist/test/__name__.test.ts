import { expect, test } from 'vitest'

import { framework } from '../src/frameworks/__name__.js'
import { loadTask, trainEpoch } from './training.js'

test('__name__ learns digits, from the same weights as the others', async ({ skip }) => {
  const availability = await framework.available()
  if (!availability.ok) skip(`__name__ is left out of the demonstration: ${availability.reason}`)
  const task = await loadTask(40)
  const before = task.network.map(({ data }) => data.slice())
  const { steps, epochs } = await trainEpoch(framework, task, 'identity')
  expect(steps).toHaveLength(40)
  expect(epochs.at(-1)!.testAccuracy).toBeGreaterThan(0.5)
  expect(task.network.map(({ data }) => data)).toEqual(before)
})
