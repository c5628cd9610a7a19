import { clone } from '@bufbuild/protobuf'
import type { Artifact } from '../files/readArtifact.js'
import { resolveExternalData, type ExternalData } from '../externalData/resolve.js'
import { loadModel } from '../files/loadModel.js'
import { checkModel, type Model } from '../proto/model.js'
import { ModelProtoSchema } from '../proto/onnx_pb.js'
import { densify } from './sparse.js'
import { withFields } from '../rewrite/declare.js'

/** What errors call the model that artifacts are made of. */
export const forwardModel = 'the model'

/**
 * Reads a model with the values of its constants, those in files beside it among them.
 *
 * @param what names the model in errors
 * @returns a model of the caller's own to change, but for the elements of its tensors; none of them is sparse
 * @throws ERR_OPTION for what is no model, or external data that are missing, too short or outside the model's folder
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

/** A copy of all but the elements of the constants, which may be many and are not changed. */
function copyOf(model: Model): Model {
  const { initializer } = model.graph
  const copy = clone(
    ModelProtoSchema,
    withFields(model, { graph: withFields(model.graph, { initializer: [] }) }),
  ) as Model
  copy.graph.initializer = initializer.map((tensor) => withFields(tensor, {}))
  return copy
}
