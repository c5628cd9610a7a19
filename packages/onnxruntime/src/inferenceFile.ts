import { writeFileAtomically } from './checkpoint/atomic.js'
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
  const { open } = await import('node:fs/promises')
  const paths = await import('node:path')
  const { model, external } = inferenceModel(
    evalModel,
    parameters,
    outputNames,
    externalData ? `${paths.basename(path)}.data` : undefined,
  )
  if (externalData) {
    const file = await open(`${path}.data`, 'w')
    try {
      let offset = 0
      for (const data of external) {
        offset = Math.ceil(offset / externalAlignment) * externalAlignment
        await writeAt(file, new Uint8Array(data.buffer, data.byteOffset, data.byteLength), offset)
        offset += data.byteLength
      }
    } finally {
      await file.close()
    }
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

async function writeAt(
  file: {
    write(
      bytes: Uint8Array,
      offset: number,
      length: number,
      position: number,
    ): Promise<{ bytesWritten: number }>
  },
  bytes: Uint8Array,
  position: number,
): Promise<void> {
  for (let done = 0; done < bytes.length;) {
    const { bytesWritten } = await file.write(
      bytes,
      done,
      Math.min(2 ** 30, bytes.length - done),
      position + done,
    )
    done += bytesWritten
  }
}
