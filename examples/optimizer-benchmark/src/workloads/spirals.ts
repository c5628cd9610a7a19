import { createRandom, forwardModel, initializeNetwork } from '@induced-metric/example-mnist'
import { normal, openSession } from '@induced-metric/example-robustness'
import * as ort from 'onnxruntime-node'

import type { Workload } from './workload.js'

const BATCH = 64
const STEPS = 500
const VALIDATION = 512
/** Turns of each spiral. */
const TURNS = 1.25
const NOISE = 0.02

/** Two spirals, one inside the other (K. Lang and M. Witbrock, 1988), with fresh points in every batch. */
export const spirals: Workload = {
  id: 'two-spirals',
  title: 'Two spirals',
  description: `2-32-32-2 with GELU tells two spirals of ${TURNS} turns apart, 1,218 parameters; ${STEPS} batches of ${BATCH} fresh points; cross-entropy.`,
  steps: STEPS,
  open(seed) {
    const random = createRandom(seed)
    const network = initializeNetwork(random, [2, 32, 32, 2])
    const validation = drawPoints(VALIDATION, createRandom(9000))
    const batches = Array.from({ length: STEPS }, () => drawPoints(BATCH, random))
    return openSession({
      forward: forwardModel(network),
      loss: 'cross-entropy',
      rowsAre: 'inputs',
      feeds: (step) => batches[step - 1]!,
      training: [validation],
    })
  },
}

function drawPoints(count: number, random: () => number): Record<string, ort.Tensor> {
  const points = new Float32Array(2 * count)
  const labels = new BigInt64Array(count)
  for (let row = 0; row < count; row++) {
    const spiral = row % 2
    const radius = Math.sqrt(random())
    const angle = 2 * Math.PI * TURNS * radius + Math.PI * spiral
    points[2 * row] = 2 * radius * Math.cos(angle) + NOISE * normal(random)
    points[2 * row + 1] = 2 * radius * Math.sin(angle) + NOISE * normal(random)
    labels[row] = BigInt(spiral)
  }
  return {
    input: new ort.Tensor('float32', points, [count, 2]),
    labels: new ort.Tensor('int64', labels, [count]),
  }
}
