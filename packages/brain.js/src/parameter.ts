import type { ParameterInfo } from '@induced-metric/core'
import type { Numbers } from './network.js'

/** A parameter where it lives in a network: in one array, or in one per row. */
export interface Tensor extends ParameterInfo {
  /** How many arrays it is in. */
  readonly rows: number
  /** The array of a row, as the network has it now. */
  get(row: number): Numbers | undefined
  /** Has the network use another array of the same length. */
  set(row: number, array: Float32Array): void
  /** Has the network write the gradient there; where gradients lie in an array of the parameter's size. */
  setGradient?(array: Float32Array): void
}
