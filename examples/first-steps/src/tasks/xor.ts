import { useOptimizer } from '@induced-metric/brain.js'
import { NeuralNetwork } from 'brain.js'

import { seedRandom } from '../random.js'
import type { Choice, Task } from '../task.js'

const patterns = [
  { input: [0, 0], output: [0] },
  { input: [0, 1], output: [1] },
  { input: [1, 0], output: [1] },
  { input: [1, 1], output: [0] },
]
const MOST_ITERATIONS = 20_000
/** A network that has not learnt after this many iterations counts as stuck. */
const PATIENCE = 5000

/** The first example of brain.js's manual, which trains pattern by pattern until the error is below .005. */
export const xor: Task = {
  id: 'xor',
  title: 'exclusive or, brain.js',
  own: 'its SGD, rate .3, momentum .1',
  measure: 'iterations to error .005',
  train: (choice, seed) => Promise.resolve(iterationsOf(choice, seed, 1, MOST_ITERATIONS)),
}

function iterationsOf(choice: Choice, seed: number, batchSize: number, most: number): number {
  seedRandom(seed)
  const network = new NeuralNetwork({ hiddenLayers: [3] })
  if (choice !== 'own')
    useOptimizer(network, choice.induced((most * patterns.length) / batchSize), { batchSize })
  return network.train(patterns, { iterations: most }).iterations
}

/** The number of initial weights from which the network does not learn, and the median of the iterations. */
export function countStuck(
  choice: Choice,
  batchSize: number,
  seeds: number,
): { readonly stuck: number; readonly median: number } {
  const iterations = Array.from({ length: seeds }, (_, place) =>
    iterationsOf(choice, place + 1, batchSize, PATIENCE),
  ).toSorted((a, b) => a - b)
  return {
    stuck: iterations.filter((count) => count >= PATIENCE).length,
    median: iterations[seeds >> 1]!,
  }
}
