import type { ParameterInfo, Transformation } from '@induced-metric/core'
import type { Tensor } from './tensor.js'
import type { Training } from './training.js'

/** The options of `useOptimizer`, defaults filled in. */
export interface Settings {
  readonly transformation: Transformation
  readonly batchSize: number
  readonly exactGradients: boolean
  readonly groupOf: ((parameter: ParameterInfo) => string | undefined) | undefined
}

/** A network that trains with an optimiser. */
export interface Attachment {
  readonly training: Training
  /** Makes the network a stock one again. */
  readonly detach: () => void
}

/** Puts tensors into their groups. */
export function grouped(tensors: readonly Tensor[], { groupOf }: Settings): readonly Tensor[] {
  if (groupOf === undefined) return tensors
  return tensors.map((tensor) => {
    const group = groupOf({ name: tensor.name, shape: tensor.shape })
    return group === undefined ? tensor : { ...tensor, group }
  })
}
