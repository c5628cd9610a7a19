import { readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { exists } from './io.js'
import { UsageError } from './usageError.js'

/** The files of a folder of training artifacts. */
export interface ArtifactFiles {
  readonly trainModel: string
  readonly evalModel: string | undefined
  readonly optimizerModel: string | undefined
  readonly checkpoint: string | undefined
}

/**
 * Finds the artifacts in a folder, under the names that `generate_artifacts` gives them, with or without a prefix.
 *
 * @throws UsageError if there is no folder, or no training model in it
 */
export async function findArtifacts(folder: string): Promise<ArtifactFiles> {
  const found = await stat(folder).catch(() => undefined)
  if (found?.isFile()) {
    throw new UsageError(`${folder} is a file: give the folder of artifacts that generate wrote`)
  }
  if (!found?.isDirectory()) {
    throw new UsageError(`there is no ${folder.endsWith('.onnx') ? 'file' : 'folder'} ${folder}`)
  }
  const names = await readdir(folder)
  const train = names.filter((name) => name.endsWith('training_model.onnx'))
  if (train.length !== 1) {
    const problem = train.length === 0 ? 'no training_model.onnx' : `more than one: ${train.join(', ')}`
    throw new UsageError(`${folder}: ${problem}; give the folder that generate_artifacts wrote`)
  }
  const prefix = train[0]!.slice(0, -'training_model.onnx'.length)
  const find = async (...candidates: string[]): Promise<string | undefined> => {
    for (const candidate of candidates) {
      const path = join(folder, candidate)
      if (await exists(path)) return path
    }
    return undefined
  }
  return {
    trainModel: join(folder, train[0]!),
    evalModel: await find(`${prefix}eval_model.onnx`),
    optimizerModel: await find(`${prefix}optimizer_model.onnx`),
    checkpoint: await find(`${prefix}checkpoint`, 'checkpoint', 'paramtrain_tensors.pbseq'),
  }
}
