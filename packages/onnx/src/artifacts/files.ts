import { show } from '@induced-metric/core/adapter'
import { writeFileAtomically } from '../files/atomic.js'
import { writeFixedCheckpointFile } from '../checkpoint/files.js'
import { codedAs } from '../errors.js'
import type { TrainingArtifacts } from './generate.js'
import { importNode } from '../node.js'

/**
 * Writes artifacts to a folder, which is created if it does not exist, under the names that `generate_artifacts`
 * uses: training_model.onnx, eval_model.onnx, optimizer_model.onnx and checkpoint. A checkpoint over 2 GB has
 * checkpoint.data beside it.
 *
 * @param options `prefix`: the start of their names
 * @returns the paths written
 * @throws ERR_OPTION if they cannot be written; the cause is the file system's error
 */
export async function writeArtifacts(
  folder: string,
  artifacts: Pick<TrainingArtifacts, 'trainModel' | 'evalModel' | 'optimizerModel' | 'state'>,
  options: { readonly prefix?: string } = {},
): Promise<readonly string[]> {
  return codedAs('ERR_OPTION', `the artifacts cannot be written to ${show(folder)}`, () =>
    write(folder, artifacts, options.prefix ?? ''),
  )
}

async function write(
  folder: string,
  artifacts: Parameters<typeof writeArtifacts>[1],
  prefix: string,
): Promise<readonly string[]> {
  const { mkdir } = await importNode('node:fs/promises')
  const paths = await importNode('node:path')
  const path = (name: string): string => paths.join(folder, `${prefix}${name}`)
  await mkdir(folder, { recursive: true })
  const checkpoint = path('checkpoint')
  await writeFixedCheckpointFile(checkpoint, artifacts.state)
  const files: [string, Uint8Array | undefined][] = [
    [path('eval_model.onnx'), artifacts.evalModel],
    [path('optimizer_model.onnx'), artifacts.optimizerModel],
    // The training model comes last: a folder of artifacts is recognised by it.
    [path('training_model.onnx'), artifacts.trainModel],
  ]
  const written = files.filter((file): file is [string, Uint8Array] => file[1] !== undefined)
  for (const [file, bytes] of written) await writeFileAtomically(file, bytes)
  return [checkpoint, ...written.map(([file]) => file)]
}
