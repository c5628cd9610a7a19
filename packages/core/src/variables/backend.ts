import type { Lowering } from '../tensors/backend.js'
import type { ShaderRunner } from '../tensors/fused/shaders.js'
import type { MatrixRows } from '../transformation/hyperparameter.js'
import type { ParameterInfo } from '../transformation/types.js'
import type { TensorMemory } from './memory.js'
import type { StemOf } from './names.js'
import type { TensorDevice } from './tensorDevice.js'

/** The name and shape of a variable. */
export type VariableInfo = Pick<ParameterInfo, 'name' | 'shape'>

/** A variable and its gradient; `null` where it has none. */
export interface VariableGradient<T> extends VariableInfo {
  readonly variable: T
  readonly gradient: T | null
}

/**
 * A framework that has variables with names, and tensors that may be on a device, where reading one waits. A variable is a
 * tensor, too. All tensors are float32. A framework may change its backend between steps, so its answers may change.
 */
export interface VariableBackend<T extends object> {
  /** The framework's operations. Condition and result of a comparison are 1 or 0. */
  readonly lowering: Lowering<T>
  /** The sum of two or more scalars. */
  sum(scalars: readonly T[]): T
  /** Prepares the choice by a condition, a scalar: `a` where it is 1, `b` where it is 0. */
  chooser(condition: T): (a: T, b: T) => T
  /** A new scalar. */
  scalar(value: number): T
  /** A new tensor, all of one value. */
  fill(value: number, shape: readonly number[]): T
  /** A new tensor with a copy of these values. */
  from(values: ArrayLike<number>, shape: readonly number[]): T
  /** Another reference to the values of a tensor, with a life of its own. */
  clone(tensor: T): T
  /** A new tensor of the same values in another shape with as many elements. */
  reshape(tensor: T, shape: readonly number[]): T
  /** Gives a variable the values of a tensor. The tensor stays as it is. */
  assign(variable: T, value: T): void

  /** Runs a function, and frees the tensors that it made, except those that `keep` was given. */
  scope<R>(run: () => R): R
  /** Keeps a tensor beyond its scope, until `dispose`. Returns it. */
  keep(tensor: T): T
  dispose(tensor: T): void
  isDisposed(tensor: T): boolean
  /** Frees an intermediate result of a step early. It may leave that to the scope. */
  free(tensor: T): void

  /** Reads all values of a tensor, as they are now: a step may change them before the promise is settled. */
  read(tensor: T): Promise<ArrayLike<number>>
  /** Reads one or more scalars in one transfer. */
  readScalars(scalars: readonly T[]): Promise<ArrayLike<number>>
  /**
   * A function that reads a scalar at once, where that neither waits nor copies more than a number; else `undefined`: then
   * the device decides whether a step is written.
   */
  hostReader(): ((scalar: T) => number) | undefined
  /**
   * A function that reads all values of a tensor at once, and waits for the device if it must; `undefined` where that is not
   * possible. It serves the operations on matrices that the host computes.
   */
  waitingReader(): ((tensor: T) => ArrayLike<number>) | undefined
  /** The name of the current backend, by which callers know it. */
  backendName(): string
  /** The function of the framework that sets the backend, as errors name it. */
  readonly backendSetter: string
  /** The memory in which compiled loops can take the next step; `undefined`, or left out, if there is none. */
  memory?(): TensorMemory<T> | undefined
  /** The device on whose buffers kernels can take the next step; `undefined`, or left out, if there is none. */
  device?(): TensorDevice<T> | undefined
  /**
   * What runs programs over tensors of single precision, into which operations of a step are put together; `undefined`, or left
   * out, if nothing can.
   */
  shaders?(): ShaderRunner<T> | undefined
  /** Whether tensors are in half precision at the moment. */
  isHalfPrecision(): boolean

  /** The variable of that name. Throws ERR_SHAPE when there is none. */
  variable(name: string): T
  shape(tensor: T): readonly number[]
  /** All variables of the framework, which options may name although they are not trained. */
  variables(): readonly VariableInfo[]
  /** The name that a variable was asked to have, without what the framework appends to keep names apart. */
  readonly stemOf: StemOf
  /** The meaning of the rows of a matrix. */
  readonly rowsAre: MatrixRows
  /** The end of the error of a step that needs a loss and has none: why that is so, and how to pass the loss. */
  readonly lossRequired: string
  /** Shows a warning to the developer. */
  warn(message: string): void
}
