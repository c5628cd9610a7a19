import { writeFileAtomically, writePartsAtomically } from './checkpoint/atomic.js'
import type { Model } from './onnx/model.js'
import { externalAlignment, inferenceModel } from './inferenceModel.js'
import type { NamedTensor } from './types.js'

/** More than this in values goes to a file beside the model. */
const inlineLimit = 2 ** 30

/**
 * Writes a model for inference to a path, with a file of external data beside it where it is large or is asked for.
 *
 * @returns the model's bytes, without the external data
 */
export async function writeInferenceModel(
  path: string,
  evalModel: Model,
  parameters: ReadonlyMap<string, NamedTensor>,
  outputNames: readonly string[],
  externalData = totalBytes(parameters) > inlineLimit,
): Promise<Uint8Array> {
  const paths = await import('node:path')
  const { model, external } = inferenceModel(
    evalModel,
    parameters,
    outputNames,
    externalData ? `${paths.basename(path)}.data` : undefined,
  )
  if (externalData) {
    let end = 0
    const parts = external.map((data) => {
      const offset = Math.ceil(end / externalAlignment) * externalAlignment
      end = offset + data.byteLength
      return { offset, bytes: new Uint8Array(data.buffer, data.byteOffset, data.byteLength) }
    })
    await writePartsAtomically(`${path}.data`, parts)
  }
  // The model last: where it is, its data is complete.
  await writeFileAtomically(path, model)
  return model
}

function totalBytes(parameters: ReadonlyMap<string, NamedTensor>): number {
  let total = 0
  for (const { data } of parameters.values()) total += data.byteLength
  return total
}
