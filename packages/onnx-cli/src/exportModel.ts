import { stat } from 'node:fs/promises'
import { join } from 'node:path'
import { TrainingSession } from '@induced-metric/onnxruntime'
import { findArtifacts } from './folder.js'
import { exists, type Surroundings } from './io.js'
import type { ExportOptions } from './options.js'
import { trainingFile } from './trainingFile.js'
import { UsageError } from './usageError.js'

/** Exports a trained model. */
export async function exportModel(options: ExportOptions, { stdout }: Surroundings): Promise<number> {
  const { folder, output, externalData } = options
  const { trainModel, evalModel, checkpoint } = await findArtifacts(folder)
  if (evalModel === undefined) throw new UsageError(`${folder} has no eval_model.onnx to export a model from`)
  const trained = join(folder, trainingFile)
  const checkpointState = options.checkpoint ?? ((await exists(trained)) ? trained : checkpoint)
  if (checkpointState === undefined)
    throw new UsageError(`${folder} has no checkpoint to take parameters from`)
  const session = await TrainingSession.create({ trainModel, evalModel, checkpointState })
  try {
    const outputs = options.outputs ?? session.evalOutputNames.slice(1)
    if (outputs.length === 0) {
      throw new UsageError(
        `the eval model has no output but its loss, ${session.evalOutputNames.join(', ')}: name a value that it computes, --outputs NAME`,
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
