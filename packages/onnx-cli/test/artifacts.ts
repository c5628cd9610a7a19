import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { buildArtifacts } from '../../../examples/mnist/src/network/artifacts.js'
import { initializeNetwork } from '../../../examples/mnist/src/network/network.js'
import { createRandom } from '../../../examples/mnist/src/random.js'
import { npy } from './npy.js'

/** Writes the artifacts of a small network into a folder of their own and returns its path. */
export async function writeArtifacts(
  folder: string,
  layers: readonly number[] = [6, 8, 3],
  leaveOut: readonly string[] = [],
): Promise<string> {
  const { trainModel, evalModel, optimizerModel, checkpointState } = await buildArtifacts(
    initializeNetwork(createRandom(5), layers),
  )
  const files = {
    'training_model.onnx': trainModel,
    'eval_model.onnx': evalModel,
    'optimizer_model.onnx': optimizerModel,
    checkpoint: checkpointState,
  }
  await mkdir(folder, { recursive: true })
  for (const [name, bytes] of Object.entries(files)) {
    if (!leaveOut.includes(name)) await writeFile(join(folder, name), bytes)
  }
  return folder
}

/** Examples of separable classes: inputs, then the class. */
function examples(rows: number, inputs: number, classes: number): number[][] {
  return Array.from({ length: rows }, (_, row) => {
    const label = row % classes
    const values = Array.from(
      { length: inputs },
      (_, i) => Math.sin(1.7 * row) / 4 + Math.cos(i * (label + 1)),
    )
    return [...values, label]
  })
}

/** Writes such examples as a .csv file. */
export async function writeExamples(path: string, rows: number, inputs = 6, classes = 3): Promise<string> {
  const lines = examples(rows, inputs, classes).map((row) => row.join(','))
  await writeFile(path, `${lines.join('\n')}\n`)
  return path
}

/** Writes the same examples as two .npy files, for the inputs and for the classes. */
export async function writeArrays(folder: string, rows: number): Promise<{ input: string; labels: string }> {
  const all = examples(rows, 6, 3)
  const paths = { input: join(folder, 'input.npy'), labels: join(folder, 'labels.npy') }
  const inputs = Float64Array.from(all.flatMap((row) => row.slice(0, -1)))
  const labels = BigInt64Array.from(all.map((row) => BigInt(row.at(-1)!)))
  await writeFile(paths.input, npy('<f8', [rows, 6], inputs))
  await writeFile(paths.labels, npy('<i8', [rows], labels))
  return paths
}
