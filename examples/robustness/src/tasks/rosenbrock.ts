import { createRandom } from '@induced-metric/example-mnist'

import { normal } from '../normal.js'
import type { Problem, Task } from './task.js'

const VARIABLES = 20
const STEPS = 20_000

/** Rosenbrock's valley, bent through many dimensions. */
export const rosenbrock: Task = {
  id: 'rosenbrock',
  title: 'Rosenbrock in 20 variables',
  description: `Σ 100(θᵢ₊₁ − θᵢ²)² + (1 − θᵢ)², from a normal start of deviation ½; no noise, ${STEPS.toLocaleString('en')} steps.`,
  loss: 'loss',
  untrained: 1000,
  steps: STEPS,
  open: openRosenbrock,
}

/** The seed determines the start. */
export function openRosenbrock(seed: number): Problem {
  const random = createRandom(seed)
  const data = Float64Array.from({ length: VARIABLES }, () => normal(random) / 2)
  const gradient = new Float64Array(VARIABLES)
  const differentiate = (): number => {
    let loss = 0
    gradient.fill(0)
    for (let place = 0; place + 1 < VARIABLES; place++) {
      const here = data[place]!
      const [bend, short] = [data[place + 1]! - here ** 2, 1 - here]
      loss += 100 * bend ** 2 + short ** 2
      gradient[place]! -= 400 * here * bend + 2 * short
      gradient[place + 1]! += 200 * bend
    }
    return loss
  }
  return {
    parameters: [{ name: 'position', shape: [VARIABLES], data }],
    gradients: [gradient],
    differentiate,
    evaluate: () => ({ loss: differentiate() }),
    release: () => {},
  }
}
