import { adam, inducedMetric } from '@induced-metric/core'
import { useOptimizer } from '@induced-metric/brain.js'
import { recurrent } from 'brain.js'

import { seeded } from './random.js'

/** What is to be learnt: which line it is, the first letter tells; all that follows is certain. */
export const rhyme = [
  'one two buckle my shoe',
  'three four knock at the door',
  'five six pick up sticks',
  'seven eight lay them straight',
  'nine ten a big fat hen',
]

/** Where gradients come from: the adapter's back-propagation, or brain.js's. */
export type Gradients = 'exact' | 'stock'

/** How well a network knows the rhyme. */
export interface Result {
  /** Mean of −ln p over the characters: that p of each that the network gives to the one that comes. */
  readonly loss: number
  /** Lines that it goes on with rightly after their first four letters. */
  readonly recited: number
}

/** The least loss there is: one of five lines is not to be foreseen, all else is. */
export const leastLoss =
  Math.log(rhyme.length) / (rhyme.reduce((sum, line) => sum + line.length + 1, 0) / rhyme.length)

/**
 * Trains a gated recurrent network of twenty units on the rhyme: the same weights, data and optimiser, whichever
 * gradients it is given.
 */
export function learn(gradients: Gradients, seed: number, epochs = 100): Result {
  return seeded(seed, () => {
    const network = new recurrent.GRU({ hiddenLayers: [20] })
    const handle = useOptimizer(network, inducedMetric(adam(), { learningRate: 0.05 }), {
      exactGradients: gradients === 'exact',
    })
    network.train(rhyme, { iterations: epochs, errorThresh: 1e-9 })
    const recited = rhyme.filter((line) => network.run(line.slice(0, 4)) === line.slice(4)).length

    // The loss the optimiser is told is the sum over a line, before its step: a step of length 0 only reads it.
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
