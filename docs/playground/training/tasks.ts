import { createNoise } from '../noise.js'
import type { Examples } from './network.js'

/** Something to learn, and the network that learns it. */
export interface TrainingTask {
  readonly train: Examples
  readonly test: Examples
  /** Units from the inputs to the classes. */
  readonly sizes: readonly number[]
  readonly batchSize: number
}

/** The tasks to choose. */
export const taskTitles = { spirals: 'Two spirals', digits: 'Handwritten digits' } as const

/** The name of a task. */
export type TaskId = keyof typeof taskTitles

/** Two arms of a spiral with a little noise, in turn. */
function spirals(count: number, seed: number): Examples {
  const normal = createNoise(seed)
  const inputs = new Float32Array(2 * count)
  const labels = new Uint8Array(count)
  for (let i = 0; i < count; i++) {
    const share = Math.floor(i / 2) / (count / 2)
    const angle = 0.6 + 3.1 * Math.PI * share + (i % 2) * Math.PI
    const radius = 0.08 + 0.9 * share
    inputs[2 * i] = radius * Math.cos(angle) + 0.018 * normal()
    inputs[2 * i + 1] = radius * Math.sin(angle) + 0.018 * normal()
    labels[i] = i % 2
  }
  return { width: 2, inputs, labels }
}

/** Unpacks two pixels of 16 shades a byte to numbers from 0 to 1. */
function unpack({ pixels, labels }: { pixels: string; labels: string }, width: number): Examples {
  const bytes = atob(pixels)
  const inputs = new Float32Array(labels.length * width)
  for (let i = 0; i < inputs.length; i++) {
    const byte = bytes.charCodeAt(i >> 1)
    inputs[i] = (i % 2 === 0 ? byte >> 4 : byte & 15) / 15
  }
  return { width, inputs, labels: Uint8Array.from(labels, Number) }
}

/** Prepares a task; the digits are loaded first. */
export async function createTask(id: TaskId): Promise<TrainingTask> {
  if (id === 'spirals')
    return { train: spirals(240, 1), test: spirals(120, 2), sizes: [2, 20, 20, 2], batchSize: 60 }
  const { side, sets } = await import('virtual:digits')
  const width = side ** 2
  return {
    train: unpack(sets.train, width),
    test: unpack(sets.test, width),
    sizes: [width, 24, 10],
    batchSize: 50,
  }
}
