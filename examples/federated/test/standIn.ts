import * as tf from '@tensorflow/tfjs'

import type { BatchLogs, Disco, DiscoModel, ValidationMetrics, WeightsContainer } from '../src/index.js'

// Classes of the shape of DISCO's, which is not in the registry.

class StandInWeights implements WeightsContainer {
  readonly weights: tf.Tensor[]
  constructor(weights: Iterable<tf.Tensor>) {
    this.weights = [...weights]
  }
}

/** The report of an epoch. */
export class StandInLogs {
  readonly batches: readonly BatchLogs[]
  readonly epochTime: number
  readonly validation: ValidationMetrics | undefined
  constructor(batches: Iterable<BatchLogs>, epochTime: number, validation?: ValidationMetrics) {
    this.batches = [...batches]
    this.epochTime = epochTime
    this.validation = validation
  }
}

export const disco: Disco<StandInLogs> = { WeightsContainer: StandInWeights, EpochLogs: StandInLogs }

/** A data set that can be read again and again, in batches, as DISCO's. */
export function dataset<T>(examples: readonly T[], batchSize: number): AsyncIterable<readonly T[]> {
  return {
    async *[Symbol.asyncIterator]() {
      for (let start = 0; start < examples.length; start += batchSize)
        yield Promise.resolve(examples.slice(start, start + batchSize))
    },
  }
}

/** The mean of the participants' weights, as DISCO's mean aggregator computes it. */
export function mean(containers: readonly WeightsContainer[]): WeightsContainer {
  const [first] = containers
  return new StandInWeights(
    first!.weights.map((_, place) =>
      tf.tidy(() => tf.stack(containers.map(({ weights }) => weights[place]!)).mean(0)),
    ),
  )
}

/** Takes all that a generator yields. @returns what it returns */
export async function exhaust<L>(epoch: AsyncGenerator<unknown, L>): Promise<L> {
  for (;;) {
    const next = await epoch.next()
    if (next.done === true) return next.value
  }
}

/** Rounds as DISCO's trainer makes them: epochs, then the weights of all, then the network's weights into every model. */
export async function trainRounds<E, I, O>(
  participants: readonly {
    readonly model: DiscoModel<E, I, O, StandInLogs>
    readonly training: AsyncIterable<Iterable<E>>
  }[],
  validation: AsyncIterable<Iterable<E>>,
  rounds: number,
): Promise<StandInLogs[]> {
  const last: StandInLogs[] = []
  for (let round = 0; round < rounds; round++) {
    last.length = 0
    for (const { model, training } of participants) {
      last.push(await exhaust(model.train(training, validation)))
    }
    const network = mean(participants.map(({ model }) => model.weights))
    for (const { model } of participants) model.weights = network
  }
  return last
}
