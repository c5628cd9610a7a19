import type { NamedTensor } from '../proto/tensorData.js'

/** The optimiser state of one parameter, in the genuine runtime's terms. */
export interface ParameterMomentums {
  readonly name: string
  /** `momentum0` and `momentum1` for AdamW (the averages of g and of g²), `momentum0` for SGD with momentum. */
  readonly momentums: readonly NamedTensor[]
}

/** The state of an optimiser group; the genuine runtime has one, `group0`. */
export interface OptimizerGroup {
  readonly name: string
  /** Steps taken. */
  readonly step: bigint
  readonly initialLearningRate: number
  readonly parameters: readonly ParameterMomentums[]
}

/**
 * A value in a property bag: a bigint is an int64, a number a float, a string a string. The format tells the three
 * apart in this way.
 */
export type Property = bigint | number | string

/** The contents of a checkpoint of ONNX Runtime training. */
export interface CheckpointState {
  readonly trainable: readonly NamedTensor[]
  readonly frozen: readonly NamedTensor[]
  readonly optimizerGroups: readonly OptimizerGroup[]
  readonly properties: ReadonlyMap<string, Property>
}
