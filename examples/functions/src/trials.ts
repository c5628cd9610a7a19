import { adam, heavyBall, inducedMetric, rateFree, root, type Transformation } from '@induced-metric/core'

import { follow, MAX_ITERATIONS, type Way } from './descend.js'
import { testFunctions, type TestFunction } from './functions.js'

/** A run at a learning rate that was not tuned. */
export interface Trial extends Way {
  readonly title: string
  readonly learningRate: number
  readonly testFunction: TestFunction
}

const tied = { xi: 'rate', embedding: root() } as const
const optimizers: readonly (readonly [title: string, make: (learningRate: number) => Transformation])[] = [
  ['Heavy ball', (learningRate) => inducedMetric(heavyBall(), { learningRate, xi: 0 })],
  ['Heavy ball, root', (learningRate) => inducedMetric(heavyBall(), { learningRate, ...tied })],
  ['Adam', (learningRate) => inducedMetric(adam(), { learningRate, xi: 0 })],
  ['Adam, root', (learningRate) => inducedMetric(adam(), { learningRate, ...tied })],
  ['Adam, rate-free', (learningRate) => rateFree(adam(), { learningRate, steps: MAX_ITERATIONS })],
]
const rates = [0.01, 1, 100]

/** Bases alone, with ξ tied to the learning rate, and rate-free, each at three rates on all five functions. */
export function runTrials(): Trial[] {
  return optimizers.flatMap(([title, make]) =>
    rates.flatMap((learningRate) =>
      Object.values(testFunctions).map((testFunction) => ({
        title,
        learningRate,
        testFunction,
        ...follow(make(learningRate), testFunction),
      })),
    ),
  )
}

/** The steps by optimiser and learning rate, or the last value, if any, where the tolerance was not reached. */
export function trialTable(trials: readonly Trial[]): {
  readonly headings: readonly string[]
  readonly rows: readonly (readonly string[])[]
} {
  const functions = [...new Set(trials.map(({ testFunction }) => testFunction))]
  const own = new Map<string, Trial[]>()
  for (const trial of trials) {
    const key = `${trial.title} ${trial.learningRate}`
    own.set(key, [...(own.get(key) ?? []), trial])
  }
  return {
    headings: ['Optimiser', 'η', ...functions.map(({ title }) => title)],
    rows: [...own.values()].map((row) => [
      row[0]!.title,
      String(row[0]!.learningRate),
      ...functions.map((testFunction) => {
        const { iterations, finalValue } = row.find((trial) => trial.testFunction === testFunction)!
        if (iterations !== null) return String(iterations)
        return Number.isFinite(finalValue) ? `never: ${finalValue.toPrecision(2)}` : 'diverged'
      }),
    ]),
  }
}
