import { adam, inducedMetric } from '@induced-metric/core'
import { useOptimizer } from '@induced-metric/brain.js'
import { recurrent } from 'brain.js'

import { seeded } from './random.js'

/** The text to learn: the first letter determines the line, and so all that follows. */
export const rhyme = [
  'one two buckle my shoe',
  'three four knock at the door',
  'five six pick up sticks',
  'seven eight lay them straight',
  'nine ten a big fat hen',
]

/** The source of gradients: the adapter's back-propagation, or brain.js's. */
export type Gradients = 'exact' | 'stock'

/** How well a network knows the rhyme. */
export interface Result {
  /** Mean of −ln p over the characters, where p is the probability that the network gives to the correct one. */
  readonly loss: number
  /** Lines that it continues correctly after their first four letters. */
  readonly recited: number
}

/** The minimum of the loss: which of the five lines it is cannot be predicted, everything else can. */
export const leastLoss =
  Math.log(rhyme.length) / (rhyme.reduce((sum, line) => sum + line.length + 1, 0) / rhyme.length)

/**
 * Trains a gated recurrent network of twenty units on the rhyme. Weights, data and optimiser are the same for both kinds
 * of gradients.
 */
export function learn(gradients: Gradients, seed: number, epochs = 100): Result {
  return seeded(seed, () => {
    const network = new recurrent.GRU({ hiddenLayers: [20] })
    const handle = useOptimizer(network, inducedMetric(adam(), { learningRate: 0.05 }), {
      exactGradients: gradients === 'exact',
    })
    network.train(rhyme, { iterations: epochs, errorThresh: 1e-9 })
    const recited = rhyme.filter((line) => network.run(line.slice(0, 4)) === line.slice(4)).length

    // The optimiser's loss is the sum over a line, before its step. A step of length 0 only reads it.
    handle.detach()
    const reader = useOptimizer(network, inducedMetric(adam(), { learningRate: 0 }))
    let loss = 0
    let characters = 0
    for (const line of rhyme) {
      network.train([line], { iterations: 1 })
      loss += reader.report.loss!
      characters += line.length + 1
    }
    return { loss: loss / characters, recited }
  })
}
