/** The elements of a tensor as JavaScript stores them; float16 and bfloat16 are passed on as their bits. */
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

/** A tensor with a name, as checkpoints store it. */
export interface NamedTensor {
  readonly name: string
  readonly dims: readonly number[]
  /** The element type, a value of ONNX's `TensorProto.DataType`: 1 is float, 11 double, 7 int64. */
  readonly dataType: number
  /** Row-major elements; a bool takes a byte. */
  readonly data: TensorData
}
