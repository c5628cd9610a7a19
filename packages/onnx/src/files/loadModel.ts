import { isRemote, readArtifact, type Artifact } from './readArtifact.js'
import { externalDataBeside } from '../externalData/folder.js'
import { resolveExternalData, type ExternalData } from '../externalData/resolve.js'
import { readModel, type Model } from '../proto/model.js'

/**
 * Reads a model, with the values that are stored in files beside it. Those are read only for a model that is given by
 * its path: the origin of bytes and of a fetched model is unknown.
 *
 * @param what names the model in errors
 * @param externalData replaces such files
 * @param option as in {@link resolveExternalData}
 * @throws ERR_OPTION if it is not a model, or its external data are missing, too short or outside the model's folder
 */
export async function loadModel(
  given: Artifact,
  what: string,
  externalData?: ExternalData,
  option?: string,
): Promise<Model> {
  const model = readModel(await readArtifact(given, what, 'ERR_OPTION'), what)
  await resolveExternalData(model, externalData ?? beside(given), what, option)
  return model
}

function beside(given: Artifact): ExternalData | undefined {
  return given instanceof Uint8Array || isRemote(given) ? undefined : externalDataBeside(given)
}
