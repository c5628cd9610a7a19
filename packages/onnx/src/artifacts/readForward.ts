import { clone } from '@bufbuild/protobuf'
import type { Artifact } from '../files/readArtifact.js'
import { resolveExternalData, type ExternalData } from '../externalData/resolve.js'
import { loadModel } from '../files/loadModel.js'
import { checkModel, type Model } from '../proto/model.js'
import { ModelProtoSchema } from '../proto/onnx_pb.js'
import { densify } from './sparse.js'
import { withFields } from '../rewrite/declare.js'

/** The forward model's name in errors. */
export const forwardModel = 'the model'

/**
 * Reads a model with the values of its constants, including those in files beside it.
 *
 * @param what names the model in errors
 * @returns a model that the caller may change, except for the elements of its tensors; none of them is sparse
 * @throws ERR_OPTION if it is not a model, or external data are missing, too short or outside the model's folder
 */
export async function readForward(
  given: Artifact | Model,
  what: string,
  externalData?: ExternalData,
): Promise<Model> {
  const option =
    what === forwardModel ? ', or the contents of such files with the option externalData' : undefined
  const isMessage = typeof given === 'object' && given !== null && 'graph' in given
  const model = isMessage
    ? copyOf(checkModel(given, what))
    : await loadModel(given, what, externalData, option)
  if (isMessage) await resolveExternalData(model, externalData, what, option)
  densify(model)
  return model
}

/** Copies everything but the elements of the constants, which may be many and are not changed. */
export function copyOf(model: Model): Model {
  const { initializer } = model.graph
  const copy = clone(
    ModelProtoSchema,
    withFields(model, { graph: withFields(model.graph, { initializer: [] }) }),
  ) as Model
  copy.graph.initializer = initializer.map((tensor) => withFields(tensor, {}))
  return copy
}
