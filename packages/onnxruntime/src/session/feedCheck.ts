import type { Ort, OrtValues } from '@induced-metric/onnx'
import { applyTypeRules, valueTypes, type ValueTypes } from '@induced-metric/onnx/adapter'
import type { Model } from '@induced-metric/onnx/proto'
import { createBatchCheck } from './batchSize.js'
import { checkFeeds, checkNotEmpty, type ModelInput } from './feeds.js'
import { createLabelCheck } from './labels.js'
import type { LoweredModels } from './lowerModels.js'

/** The check of what a model is fed. */
export interface FeedCheck {
  /**
   * Throws for feeds that do not fit, before anything has changed. A promise that it returns must be awaited: it rejects
   * for such feeds.
   */
  readonly check: (method: string, feeds: OrtValues) => Promise<void> | undefined
  readonly release: () => Promise<void>
}

/**
 * Creates the check of a model's feeds.
 *
 * @param ort computes labels, where a model does
 * @param original the model before it was lowered
 * @param fed the inputs that the caller feeds
 */
export async function createFeedCheck(
  ort: Ort,
  original: Model,
  fed: readonly ModelInput[],
  given: {
    readonly parameters: ReadonlySet<string>
    /** Inputs that may be fed, although the model does not read them. */
    readonly unread: ReadonlySet<string>
    readonly trains: boolean
  },
): Promise<FeedCheck> {
  const types = typesOf(original)
  const labels = await createLabelCheck(ort, original, types, given.parameters)
  const checkBatch = createBatchCheck(original, types, fed)
  return {
    check(method, feeds) {
      checkFeeds(method, feeds, fed, given.unread)
      if (given.trains) checkNotEmpty(method, feeds, fed)
      checkBatch(method, feeds)
      labels.check(method, feeds)
      return labels.checkComputed?.(method, feeds)
    },
    release: labels.release,
  }
}

/** Inputs of an eval model that a caller may feed to both models, although none of its outputs depends on them. */
export function unreadInputs(
  { evaluation }: LoweredModels,
  parameters: ReadonlySet<string>,
): ReadonlySet<string> {
  const names = evaluation?.whole.graph.input.map(({ name }) => name) ?? []
  return new Set(names.filter((name) => !parameters.has(name)))
}

function typesOf({ graph }: Model): ValueTypes {
  const types = valueTypes(graph)
  applyTypeRules(graph, types)
  return types
}
