import { createOptimizer, inducedMetric, sgd, type Transformation } from '@induced-metric/core'

import { gradient, loss, type Point } from './landscape.js'

const START: Point = [-1.6, 2.4]
const LEARNING_RATE = 0.3
const STEPS = 28

/** The two optimisers of the picture: the same base and learning rate, once with the metric and once without. */
export const optimizers = {
  induced: inducedMetric(sgd(), { learningRate: LEARNING_RATE, xi: 0.1, beta: 0 }),
  plain: inducedMetric(sgd(), { learningRate: LEARNING_RATE, xi: 0 }),
} as const satisfies Record<string, Transformation>

/** The points that an optimiser visits, from the start; a diverging path ends at its first point far outside. */
export function follow(transformation: Transformation): Point[] {
  const data = Float64Array.from(START)
  const optimizer = createOptimizer(transformation, [{ name: 'point', shape: [2], data }])
  const path: Point[] = [START]
  while (path.length <= STEPS && Math.hypot(...path.at(-1)!) < 5) {
    const here = path.at(-1)!
    optimizer.step([Float64Array.from(gradient(here))], { loss: loss(here) })
    path.push([data[0]!, data[1]!])
  }
  optimizer.dispose()
  return path
}
