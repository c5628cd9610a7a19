import { writeFileAtomically } from '../files/atomic.js'
import { writeCheckpointFile } from '../checkpoint/files.js'
import { codedAs, shown } from '../errors.js'
import type { TrainingArtifacts } from './generate.js'

/**
 * Writes artifacts to a folder, which is made where there is none, under the names that `generate_artifacts` gives them:
 * training_model.onnx, eval_model.onnx, optimizer_model.onnx and checkpoint, with checkpoint.data beside it where it
 * would be over 2 GB.
 *
 * @param options `prefix`: what their names start with
 * @returns the paths written
 * @throws ERR_OPTION where they cannot be written, with the file system's own error as its cause
 */
export async function writeArtifacts(
  folder: string,
  artifacts: Pick<TrainingArtifacts, 'trainModel' | 'evalModel' | 'optimizerModel' | 'state'>,
  options: { readonly prefix?: string } = {},
): Promise<readonly string[]> {
  return codedAs('ERR_OPTION', `the artifacts cannot be written to ${shown(folder)}`, () =>
    write(folder, artifacts, options.prefix ?? ''),
  )
}

async function write(
  folder: string,
  artifacts: Parameters<typeof writeArtifacts>[1],
  prefix: string,
): Promise<readonly string[]> {
  const { mkdir } = await import('node:fs/promises')
  const paths = await import('node:path')
  const path = (name: string): string => paths.join(folder, `${prefix}${name}`)
  await mkdir(folder, { recursive: true })
  const checkpoint = path('checkpoint')
  await writeCheckpointFile(checkpoint, artifacts.state)
  const files: [string, Uint8Array | undefined][] = [
    [path('eval_model.onnx'), artifacts.evalModel],
    [path('optimizer_model.onnx'), artifacts.optimizerModel],
    // The training model last: it is what a folder of artifacts is found by.
    [path('training_model.onnx'), artifacts.trainModel],
  ]
  const written = files.filter((file): file is [string, Uint8Array] => file[1] !== undefined)
  for (const [file, bytes] of written) await writeFileAtomically(file, bytes)
  return [checkpoint, ...written.map(([file]) => file)]
}
