import { checkOptions, optionError, show } from '@induced-metric/core/adapter'
import { codedAs } from '../errors.js'
import {
  createTag,
  discard,
  moveTemporary,
  temporaryName,
  writeFileAtomically,
  writeTemporary,
} from '../files/atomic.js'
import type { Model } from '../proto/index.js'
import type { NamedTensor } from '../proto/tensorData.js'
import { externalAlignment, exportModel, type Renamed } from './model.js'
import { importNode } from '../node.js'

/** Values of more bytes than this go to a file beside the model. */
const inlineLimit = 2 ** 30

/** Where an exported model goes. */
export interface ExportOptions extends Renamed {
  /** The path to write it to. */
  readonly path?: string
  /** Whether its values go to a file beside it. Default: if there are many. */
  readonly externalData?: boolean
  /** Whether it gets the weights to evaluate with (see `withEvaluationWeights`) instead of those that train. Default false. */
  readonly evaluationWeights?: boolean
}

/**
 * Exports the part of an eval model that computes the named outputs, with the parameters in it.
 *
 * @returns the model's bytes, without the external data
 * @throws ERR_OPTION for an output that the model does not have, or if it cannot be written
 */
export async function exportTrained(
  evalModel: Model,
  parameters: ReadonlyMap<string, NamedTensor>,
  outputNames: readonly string[],
  options: ExportOptions,
): Promise<Uint8Array> {
  checkOptions('exportModelForInference', options, {
    path: 'any',
    externalData: 'boolean',
    evaluationWeights: 'boolean',
    inputs: 'any',
    outputs: 'any',
  })
  const { path, externalData, inputs, outputs } = options
  const renamed: Renamed = { ...(inputs && { inputs }), ...(outputs && { outputs }) }
  if (!Array.isArray(outputNames)) {
    throw optionError('exportModelForInference takes a list of names of outputs')
  }
  if (path !== undefined)
    return writeExportedModel(path, evalModel, parameters, outputNames, externalData, renamed)
  if (externalData) throw optionError('externalData needs a path, beside which the data can be written')
  return exportModel(evalModel, parameters, outputNames, { renamed }).model
}

/**
 * Writes a trained model to a path. A large model gets a file of external data beside it, as does any that asks for one.
 *
 * @returns the model's bytes, without the external data
 * @throws ERR_OPTION if it cannot be written; the cause is the file system's error
 */
export function writeExportedModel(
  path: string,
  evalModel: Model,
  parameters: ReadonlyMap<string, NamedTensor>,
  outputNames: readonly string[],
  externalData = totalBytes(parameters) > inlineLimit,
  renamed: Renamed = {},
): Promise<Uint8Array> {
  return codedAs('ERR_OPTION', `the model cannot be written to ${show(path)}`, () =>
    write(path, evalModel, parameters, outputNames, externalData, renamed),
  )
}

async function write(
  path: string,
  evalModel: Model,
  parameters: ReadonlyMap<string, NamedTensor>,
  outputNames: readonly string[],
  externalData: boolean,
  renamed: Renamed,
): Promise<Uint8Array> {
  const { rm } = await importNode('node:fs/promises')
  const paths = await importNode('node:path')
  const { model, external } = exportModel(evalModel, parameters, outputNames, {
    externalName: externalData ? `${paths.basename(path)}.data` : undefined,
    renamed,
  })
  if (externalData) {
    let end = 0
    const parts = external.map((data) => {
      const offset = Math.ceil(end / externalAlignment) * externalAlignment
      end = offset + data.byteLength
      return { offset, bytes: new Uint8Array(data.buffer, data.byteOffset, data.byteLength) }
    })
    const temporary = temporaryName(`${path}.data`, createTag())
    await writeTemporary(temporary, parts)
    // An older model would run with data that are not its own, and give wrong results. So for a moment there is no model.
    await rm(path, { force: true }).catch((error: unknown) => discard(temporary, error))
    await moveTemporary(temporary, `${path}.data`)
  }
  // The model comes last: once it exists, its data are complete.
  await writeFileAtomically(path, model)
  return model
}

function totalBytes(parameters: ReadonlyMap<string, NamedTensor>): number {
  let total = 0
  for (const { data } of parameters.values()) total += data.byteLength
  return total
}
