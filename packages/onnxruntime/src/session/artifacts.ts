import type { Artifact, CheckpointState } from '@induced-metric/onnx'
import { isRemote, loadModel, readArtifact } from '@induced-metric/onnx/adapter'
import { readCheckpoint, readCheckpointFile } from '@induced-metric/onnx'
import type { Model } from '@induced-metric/onnx/proto'
import type { TrainingSessionOptions } from './options.js'

/** The artifacts of a session, read and not yet changed. */
export interface SessionArtifacts {
  readonly trainModel: Model
  readonly evalModel: Model | undefined
  readonly optimizerModel: Model | undefined
  readonly state: CheckpointState | undefined
}

/**
 * Reads the artifacts that a session is created from.
 *
 * @throws ERR_OPTION for a model that cannot be read; ERR_CHECKPOINT for a checkpoint that cannot
 */
export async function readArtifacts(options: TrainingSessionOptions): Promise<SessionArtifacts> {
  const checkpointState = options.checkpointState ?? options.state
  return {
    trainModel: await loadModel(options.trainModel, 'trainModel'),
    evalModel: await readOptional(options.evalModel, 'evalModel'),
    state: checkpointState === undefined ? undefined : await readState(checkpointState),
    optimizerModel: await readOptional(options.optimizerModel, 'optimizerModel'),
  }
}

async function readOptional(artifact: Artifact | undefined, what: string): Promise<Model | undefined> {
  return artifact === undefined ? undefined : loadModel(artifact, what)
}

async function readState(given: Artifact | CheckpointState): Promise<CheckpointState> {
  if (typeof given === 'string' && !isRemote(given)) return readCheckpointFile(given)
  if (given instanceof Uint8Array || given instanceof URL || typeof given === 'string') {
    return readCheckpoint(await readArtifact(given, 'checkpointState', 'ERR_CHECKPOINT'))
  }
  return given
}
