import type { Transformation } from '@induced-metric/core'
import type { GroupOf } from '@induced-metric/core/adapter'
import type { Batches } from '../batches.js'
import type { Hooks } from '../hooks.js'

/** The options of `useOptimizer`, with their defaults. */
export interface Settings {
  readonly transformation: Transformation
  readonly batchSize: number
  readonly exactGradients: boolean
  readonly groupOf: GroupOf | undefined
}

/** A network that trains with an optimiser. Releasing the batches, then the hooks, makes it a stock network again. */
export interface Attachment {
  readonly batches: Batches
  readonly hooks: Pick<Hooks<object>, 'release'>
}
