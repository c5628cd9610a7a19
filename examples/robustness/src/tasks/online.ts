import { createRandom } from '@induced-metric/example-mnist'

import { normal } from '../normal.js'
import type { Problem, Task } from './task.js'

const INPUTS = 20
const POINTS = 500
const STEPS = 3000

/** Batches of one example. Their losses say little about the whole: one in ten is less than a hundredth of the mean. */
export const online: Task = {
  id: 'online',
  title: 'One example at a time',
  description:
    `Linear regression in ${INPUTS} normal variables with normal noise, on ${POINTS} points, one random point per step; ${STEPS} steps. ` +
    'No weights have a loss below about a half.',
  loss: 'half of the mean squared error',
  untrained: 10,
  steps: STEPS,
  isHarder: true,
  open: openOnline,
}

/** The seed determines the points and their order. */
export function openOnline(seed: number): Problem {
  const random = createRandom(seed)
  const draw = (): Float64Array => Float64Array.from({ length: INPUTS }, () => normal(random))
  const truth = draw()
  const points = Array.from({ length: POINTS }, () => {
    const input = draw()
    return { input, target: dot(input, truth) + normal(random) }
  })
  const chosen = Array.from({ length: STEPS }, () => Math.floor(random() * POINTS))
  const data = new Float64Array(INPUTS)
  const gradient = new Float64Array(INPUTS)
  return {
    parameters: [{ name: 'weights', shape: [INPUTS], data }],
    gradients: [gradient],
    differentiate(step) {
      const { input, target } = points[chosen[step - 1]!]!
      const error = dot(input, data) - target
      input.forEach((value, i) => (gradient[i] = error * value))
      return error ** 2 / 2
    },
    evaluate: () => ({
      loss: points.reduce((sum, { input, target }) => sum + (dot(input, data) - target) ** 2, 0) / 2 / POINTS,
    }),
    release: () => {},
  }
}

function dot(one: Float64Array, other: Float64Array): number {
  return one.reduce((sum, value, i) => sum + value * other[i]!, 0)
}
