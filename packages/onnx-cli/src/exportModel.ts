import { stat } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { readModel } from '@induced-metric/onnx/proto'
import { TrainingSession } from '@induced-metric/onnxruntime'
import { findArtifacts } from './folder.js'
import { exists, readGiven, type Surroundings } from './io.js'
import type { ExportOptions } from './options.js'
import { digestOf, parametersKey } from './startingPoint.js'
import { trainingFile } from './trainingFile.js'
import { UsageError } from './usageError.js'

/** Exports a trained model. */
export async function exportModel(options: ExportOptions, { stdout }: Surroundings): Promise<number> {
  const { folder, output, externalData } = options
  const { trainModel, evalModel, checkpoint } = await findArtifacts(folder)
  if (evalModel === undefined) throw new UsageError(`${folder} has no eval_model.onnx to export a model from`)
  const trained = join(folder, trainingFile)
  const hasTrained = await exists(trained)
  const checkpointState = options.checkpoint ?? (hasTrained ? trained : checkpoint)
  if (checkpointState === undefined)
    throw new UsageError(`${folder} has no checkpoint to take parameters from`)
  const target = dirname(output)
  if (!(await exists(target))) throw new UsageError(`--output: there is no folder ${target}`)
  const session = await TrainingSession.create({ trainModel, evalModel, checkpointState })
  try {
    const started = session.properties.get(parametersKey)
    if (checkpointState !== options.checkpoint && started !== undefined && checkpoint !== undefined) {
      if (started !== (await digestOf(checkpoint))) {
        throw new UsageError(
          `the training in ${trained} was started from other parameters than those in ${checkpoint}: say which to take, ` +
            `--checkpoint ${trained} or --checkpoint ${checkpoint}`,
        )
      }
    }
    const outputs = options.outputs ?? session.evalOutputNames.slice(1)
    if (outputs.length === 0) {
      throw new UsageError(
        `the eval model has no output but its loss, ${session.evalOutputNames.join(', ')}: name a value that it computes, ` +
          `--outputs NAME, such as ${await computedBy(evalModel)}`,
      )
    }
    await session.exportModelForInference(outputs, { path: output, ...(externalData && { externalData }) })
    const { size } = await stat(output)
    stdout.write(
      `${output}: ${outputs.join(', ')}, with the parameters of ${checkpointState}, ${size} bytes\n`,
    )
    return 0
  } finally {
    await session.release()
  }
}

/** The number of values that an error lists. */
const listed = 10

/** The last values that a model computes, in the order of its nodes. */
async function computedBy(path: string): Promise<string> {
  const { graph } = readModel(await readGiven(path), path)
  const named = new Set(graph.valueInfo.map(({ name }) => name))
  const values = graph.node.flatMap(({ output }) => output.filter((name) => named.has(name)))
  return values.slice(-listed).join(', ')
}
