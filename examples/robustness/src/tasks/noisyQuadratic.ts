import { createRandom } from '@induced-metric/example-mnist'

import { normal } from '../normal.js'
import type { Problem, Task } from './task.js'

const VARIABLES = 100
const STEPS = 2000

/**
 * The noisy quadratic model (Zhang and others, arXiv:1907.04164): curvatures hᵢ = 1/i, and gradients whose noise has the
 * covariance of the Hessian.
 */
export const noisyQuadratic: Task = {
  id: 'noisy-quadratic',
  title: 'Noisy quadratic',
  description:
    `½ Σ hᵢ θᵢ² in ${VARIABLES} variables with hᵢ = 1/i, from a standard normal start; the gradient is hᵢθᵢ + √hᵢ·ε/10 with standard ` +
    `normal ε, the loss is known exactly (arXiv:1907.04164); ${STEPS} steps.`,
  loss: 'loss',
  untrained: 2.6,
  steps: STEPS,
  open: openNoisyQuadratic,
}

const NOISE = 0.1

/** The seed determines the start and the noise of every step. */
export function openNoisyQuadratic(seed: number): Problem {
  const random = createRandom(seed)
  const data = Float64Array.from({ length: VARIABLES }, () => normal(random))
  const gradient = new Float64Array(VARIABLES)
  const noises: Float64Array[] = []
  const loss = (): number => data.reduce((sum, value, place) => sum + value ** 2 / (place + 1) / 2, 0)
  return {
    parameters: [{ name: 'position', shape: [VARIABLES], data }],
    gradients: [gradient],
    differentiate(step) {
      while (noises.length < step)
        noises.push(Float64Array.from({ length: VARIABLES }, () => NOISE * normal(random)))
      const noise = noises[step - 1]!
      for (let place = 0; place < VARIABLES; place++)
        gradient[place] = data[place]! / (place + 1) + noise[place]! / Math.sqrt(place + 1)
      return loss()
    },
    evaluate: () => ({ loss: loss() }),
    release: () => {},
  }
}
