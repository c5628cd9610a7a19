import type { Transformation } from '@induced-metric/core'
import { optionError, type GroupOf } from '@induced-metric/core/adapter'
import type { Batches } from '../batches.js'
import type { Hooks } from '../hooks.js'

/** The options of `useOptimizer`, with their defaults. */
export interface Settings {
  readonly transformation: Transformation
  readonly batchSize: number
  readonly exactGradients: boolean
  readonly groupOf: GroupOf | undefined
}

/** A network that trains with an optimiser. */
export interface Attachment {
  readonly batches: Batches
  /** Makes the network a stock one again. */
  readonly detach: () => void
}

/** @param undo reverts changes of the network that are neither in its parameters nor hooks */
export function createAttachment(
  batches: Batches,
  hooks: Pick<Hooks<object>, 'release'>,
  undo: () => void = () => undefined,
): Attachment {
  return {
    batches,
    detach() {
      try {
        batches.release()
      } finally {
        hooks.release()
        undo()
      }
    },
  }
}

/** The networks that have an optimiser. */
const attached = new WeakSet()

/** Throws ERR_OPTION if a network has an optimiser. */
export function checkFree(network: object): void {
  if (attached.has(network))
    throw optionError('this network has an optimiser already: detach() that one before attaching another')
}

/**
 * Marks a network as one that has an optimiser.
 *
 * @returns a function that calls `detach` and takes the mark away, the first time that it is called
 */
export function markAttached(network: object, detach: () => void): () => void {
  attached.add(network)
  let isAttached = true
  return () => {
    if (!isAttached) return
    isAttached = false
    attached.delete(network)
    detach()
  }
}

/** Whether a value is an object that has all of these members. */
export function hasMembers(value: unknown, ...names: readonly string[]): boolean {
  return typeof value === 'object' && value !== null && names.every((name) => name in value)
}

/** The name of a value's class, for errors. */
export function classOf(value: unknown): string {
  return typeof value === 'object' && value !== null ? value.constructor.name : String(value)
}
