import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import type { ArtifactFiles } from './folder.js'
import { prefix } from './trainingFile.js'

/**
 * The keys under which a training stores what it started from. Artifacts that are generated again, from a model with other
 * values, often have the same names and shapes: only the files' content tells them apart.
 */
const startedFrom = { model: 'training-model', parameters: 'checkpoint' } as const

/** The property that stores the digest of the parameters that a training started from. */
export const parametersKey = prefix + startedFrom.parameters

/** Digests of the files that a training starts from, by the keys of {@link startedFrom}. */
export async function startingPoint({
  trainModel,
  checkpoint,
}: ArtifactFiles): Promise<Record<string, string>> {
  return {
    [startedFrom.model]: await digestOf(trainModel),
    ...(checkpoint !== undefined && { [startedFrom.parameters]: await digestOf(checkpoint) }),
  }
}

/** The SHA-256 of a file, in hexadecimal digits. */
export async function digestOf(path: string): Promise<string> {
  const hash = createHash('sha256')
  for await (const part of createReadStream(path)) hash.update(part as Buffer)
  return hash.digest('hex')
}
