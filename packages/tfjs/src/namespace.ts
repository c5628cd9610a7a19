import type * as tfc from '@tensorflow/tfjs-core'

/**
 * The part of TensorFlow.js that the optimiser uses: the namespace of `@tensorflow/tfjs`, `@tensorflow/tfjs-core` or
 * `@tensorflow/tfjs-node`, or the global `tf` of a script tag. It is an argument everywhere, so that the optimiser belongs
 * to the copy of TensorFlow.js that trains.
 */
export type TensorFlow = Pick<
  typeof tfc,
  | 'Optimizer'
  | 'Tensor'
  | 'add'
  | 'addN'
  | 'backend'
  | 'broadcastTo'
  | 'cast'
  | 'dispose'
  | 'engine'
  | 'env'
  | 'getBackend'
  | 'greater'
  | 'keep'
  | 'matMul'
  | 'max'
  | 'pad'
  | 'reshape'
  | 'scalar'
  | 'serialization'
  | 'slice'
  | 'stack'
  | 'sub'
  | 'sum'
  | 'tensor'
  | 'tidy'
  | 'transpose'
  | 'where'
  | 'zeros'
>

export type Tensor = tfc.Tensor
export type Scalar = tfc.Scalar
export type Variable = tfc.Variable
export type NamedTensor = Awaited<ReturnType<tfc.Optimizer['getWeights']>>[number]
export type NamedTensorMap = tfc.NamedTensorMap
export type ConfigDict = tfc.serialization.ConfigDict
export type Serializable = tfc.serialization.Serializable
export type SerializableConstructor<T extends Serializable> = tfc.serialization.SerializableConstructor<T>
