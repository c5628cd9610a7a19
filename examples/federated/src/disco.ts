import type * as tf from '@tensorflow/tfjs'

// The part of DISCO's published interface that a model touches (epfml/disco, discojs/src: models/model.ts, models/logs.ts,
// weights/weights_container.ts, dataset/dataset.ts). DISCO is not in the registry, so its classes are handed in.

/** The weights of a model, as participants exchange them. */
export interface WeightsContainer {
  readonly weights: tf.Tensor[]
}

/** The report of a batch. */
export interface BatchLogs {
  readonly batch?: number
  readonly accuracy: number
  readonly loss: number
  /** In GB. */
  readonly memoryUsage: number
}

/** The results on validation data. */
export interface ValidationMetrics {
  readonly accuracy: number
  readonly loss: number
}

/** The batches of one pass over the data, each a list of encoded examples. */
export type Batches<E> = AsyncIterable<Iterable<E>>

/** The model that DISCO's trainer drives: an epoch per call of `train`, weights read and written between rounds. */
export interface DiscoModel<E, I, O, L> {
  readonly datatype: string
  weights: WeightsContainer
  train(training: Batches<E>, validation?: Batches<E>): AsyncGenerator<BatchLogs, L>
  evaluate(validation: Batches<E>): Promise<ValidationMetrics>
  predict(batch: Iterable<I>): Promise<Iterable<O>>
  dispose(): void
  [Symbol.dispose](): void
}

/** DISCO's own classes, from `@epfml/discojs`. */
export interface Disco<L> {
  readonly WeightsContainer: new (weights: Iterable<tf.Tensor>) => WeightsContainer
  readonly EpochLogs: new (
    batches: Iterable<BatchLogs>,
    epochTime: number,
    validation?: ValidationMetrics,
  ) => L
}
