import {
  lowerModel,
  lowerTrainingModel,
  type LoweredTrainingModel,
  type LoweringTable,
} from '@induced-metric/onnx'
import { dropUnused, withFields, withGenuineLosses } from '@induced-metric/onnx/adapter'
import type { Model } from '@induced-metric/onnx/proto'
import type { SessionArtifacts } from './artifacts.js'

/** The models that a session runs, as they were read and lowered to stock operators. */
export interface LoweredModels {
  readonly train: { readonly original: Model; readonly lowered: LoweredTrainingModel }
  readonly evaluation:
    | {
        readonly original: Model
        readonly lowered: Model
        /** Everything that the file declares, to be exported and fed. */
        readonly whole: Model
      }
    | undefined
}

/**
 * Lowers the training model and the eval model.
 *
 * @throws ERR_NOT_SUPPORTED for a model that the table cannot make run on a stock runtime, naming what is missing
 */
export function lowerModels(
  { trainModel, evalModel }: SessionArtifacts,
  table: LoweringTable,
): LoweredModels {
  const train = { original: trainModel, lowered: lowerTrainingModel(trainModel, table) }
  if (evalModel === undefined) return { train, evaluation: undefined }
  const original = withoutUnused(evalModel)
  const lowered = lowerModel(original, withGenuineLosses(table))
  return { train, evaluation: { original, lowered, whole: evalModel } }
}

/**
 * Extracts the part of an eval model that its outputs are computed from. The rest is there to be exported, and would have
 * inputs that a training model does not have.
 */
function withoutUnused(model: Model): Model {
  const graph = withFields(model.graph, {})
  const needed = dropUnused(graph)
  graph.input = graph.input.filter(({ name }) => needed.has(name))
  return withFields(model, { graph })
}
