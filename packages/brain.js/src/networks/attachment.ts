import type { Transformation } from '@induced-metric/core'
import type { GroupOf } from '@induced-metric/core/adapter'
import type { Training } from '../batches.js'

/** The options of `useOptimizer`, defaults filled in. */
export interface Settings {
  readonly transformation: Transformation
  readonly batchSize: number
  readonly exactGradients: boolean
  readonly groupOf: GroupOf | undefined
}

/** A network that trains with an optimiser. */
export interface Attachment {
  readonly training: Training
  /** Makes the network a stock one again. */
  readonly detach: () => void
}

/** The networks that have an optimiser. */
export const attached = new WeakSet()
