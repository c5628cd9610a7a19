/** The elements of a tensor as JavaScript holds them; float16 and bfloat16 travel as their bits. */
export type TensorData =
  | Float32Array
  | Float64Array
  | Int8Array
  | Int16Array
  | Int32Array
  | BigInt64Array
  | Uint8Array
  | Uint16Array
  | Uint32Array
  | BigUint64Array

/** A tensor with a name, as checkpoints hold them. */
export interface NamedTensor {
  readonly name: string
  readonly dims: readonly number[]
  /** The element type, a value of ONNX's `TensorProto.DataType`: 1 is float, 11 double, 7 int64. */
  readonly dataType: number
  /** Row-major elements; a bool takes a byte. */
  readonly data: TensorData
}

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
 * What a property bag can hold: a bigint is an int64, a number a float, a string a string. That is how the format keeps
 * the three apart.
 */
export type Property = bigint | number | string

/** What a checkpoint of ONNX Runtime training holds. */
export interface CheckpointState {
  readonly trainable: readonly NamedTensor[]
  readonly frozen: readonly NamedTensor[]
  readonly optimizerGroups: readonly OptimizerGroup[]
  readonly properties: ReadonlyMap<string, Property>
}
