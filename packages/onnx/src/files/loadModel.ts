import { isRemote, readArtifact, type Artifact } from './readArtifact.js'
import { externalDataBeside } from '../externalData/folder.js'
import { resolveExternalData, type ExternalData } from '../externalData/resolve.js'
import { readModel, type Model } from '../proto/model.js'

/**
 * Reads a model, with the values that it has in files beside it. Those are read only for a model that is given by its
 * path; of bytes and of what is fetched nobody knows where they come from.
 *
 * @param what names the model in errors
 * @param externalData in place of such files
 * @param option as of {@link resolveExternalData}
 * @throws ERR_OPTION for what is no model, or external data that are missing, too short or outside the model's folder
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
