import { gptLong, gptShort } from './gpt.js'
import { harder } from './harder.js'
import { labelNoise, mnist } from './mnist.js'
import { noisyQuadratic } from './noisyQuadratic.js'
import { regression } from './regression.js'
import { rosenbrock } from './rosenbrock.js'
import type { Task } from './task.js'

/** All tasks, in the order of the report. */
export const tasks: readonly Task[] = [
  mnist,
  labelNoise,
  regression,
  gptShort,
  gptLong,
  noisyQuadratic,
  rosenbrock,
  ...harder,
]
