import type * as tfc from '@tensorflow/tfjs-core'

/**
 * The part of TensorFlow.js that is used: the namespace of `@tensorflow/tfjs`, `@tensorflow/tfjs-core`,
 * `@tensorflow/tfjs-node` or the global `tf` of a script tag. It is an argument everywhere, so that the optimiser
 * belongs to the copy of TensorFlow.js that trains.
 */
export type TensorFlow = Pick<
  typeof tfc,
  | 'Optimizer'
  | 'abs'
  | 'add'
  | 'addN'
  | 'backend'
  | 'cast'
  | 'dispose'
  | 'div'
  | 'engine'
  | 'equal'
  | 'fill'
  | 'getBackend'
  | 'greater'
  | 'isFinite'
  | 'keep'
  | 'matMul'
  | 'maximum'
  | 'minimum'
  | 'mul'
  | 'neg'
  | 'pow'
  | 'reshape'
  | 'scalar'
  | 'serialization'
  | 'sign'
  | 'slice'
  | 'sqrt'
  | 'square'
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
