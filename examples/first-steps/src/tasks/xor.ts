import { useOptimizer } from '@induced-metric/brain.js'
import { NeuralNetwork } from 'brain.js'

import { seedRandom } from '../random.js'
import type { Task } from '../task.js'

const patterns = [
  { input: [0, 0], output: [0] },
  { input: [0, 1], output: [1] },
  { input: [1, 0], output: [1] },
  { input: [1, 1], output: [0] },
]
const MOST_ITERATIONS = 20_000

/** The first example of brain.js's manual, which trains pattern by pattern until the error is below .005. */
export const xor: Task = {
  id: 'xor',
  title: 'exclusive or, brain.js',
  own: 'its SGD, rate .3, momentum .1',
  measure: 'iterations to error .005',
  train(choice, seed) {
    seedRandom(seed)
    const network = new NeuralNetwork({ hiddenLayers: [3] })
    if (choice !== 'own') useOptimizer(network, choice.induced(MOST_ITERATIONS * patterns.length))
    const { iterations } = network.train(patterns, { iterations: MOST_ITERATIONS })
    return Promise.resolve(iterations)
  },
}
