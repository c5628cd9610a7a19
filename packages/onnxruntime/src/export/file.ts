import {
  codedAs,
  createTag,
  discard,
  moveTemporary,
  shown,
  temporaryName,
  writeFileAtomically,
  writeTemporary,
} from '@induced-metric/onnx/adapter'
import type { Model } from '@induced-metric/onnx/proto'
import { externalAlignment, inferenceModel } from './model.js'
import type { NamedTensor } from '@induced-metric/onnx'

/** More than this in values goes to a file beside the model. */
const inlineLimit = 2 ** 30

/**
 * Writes a model for inference to a path, with a file of external data beside it where it is large or is asked for.
 *
 * @returns the model's bytes, without the external data
 * @throws ERR_OPTION where it cannot be written, with the file system's own error as its cause
 */
export function writeInferenceModel(
  path: string,
  evalModel: Model,
  parameters: ReadonlyMap<string, NamedTensor>,
  outputNames: readonly string[],
  externalData = totalBytes(parameters) > inlineLimit,
): Promise<Uint8Array> {
  return codedAs('ERR_OPTION', `the model cannot be written to ${shown(path)}`, () =>
    write(path, evalModel, parameters, outputNames, externalData),
  )
}

async function write(
  path: string,
  evalModel: Model,
  parameters: ReadonlyMap<string, NamedTensor>,
  outputNames: readonly string[],
  externalData: boolean,
): Promise<Uint8Array> {
  const { rm } = await import('node:fs/promises')
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
    const temporary = temporaryName(`${path}.data`, createTag())
    await writeTemporary(temporary, parts)
    // Beside data that are not its own, an older model would run, and wrongly: so for a moment there is none.
    await rm(path, { force: true }).catch((error: unknown) => discard(temporary, error))
    await moveTemporary(temporary, `${path}.data`)
  }
  // The model last: where it is, its data are complete.
  await writeFileAtomically(path, model)
  return model
}

function totalBytes(parameters: ReadonlyMap<string, NamedTensor>): number {
  let total = 0
  for (const { data } of parameters.values()) total += data.byteLength
  return total
}
