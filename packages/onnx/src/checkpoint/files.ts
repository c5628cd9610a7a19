import { checkpointError, show } from '@induced-metric/core/adapter'
import type { NamedTensor } from '../proto/tensorData.js'
import type { CheckpointState, OptimizerGroup, ParameterMomentums, Property } from './state.js'
import {
  createTag,
  discard,
  isTag,
  leftovers,
  moveTemporary,
  temporaryName,
  writeFileAtomically,
  writeTemporary,
} from '../files/atomic.js'
import { codedAs, coded } from '../errors.js'
import { allowance, dataTagOf, readCheckpoint } from './read.js'
import { readPropertySequence, readSequence } from './sequence.js'
import { checkpointParts, isLargeCheckpoint, splitCheckpoint, writeCheckpoint } from './write.js'
import { importNode } from '../node.js'

// Node's modules are imported where they are used, so that pages can import the rest.

/**
 * Reads a checkpoint from the path of a file, with the file of external data beside it if there is one; or of a
 * folder with `.pbseq` files, as releases of ONNX Runtime before 1.15 wrote it.
 *
 * @throws ERR_CHECKPOINT if there is no checkpoint at this path, or it is damaged
 *
 * @example
 * ```ts
 * import { readCheckpointFile, writeCheckpointFile } from '@induced-metric/onnxruntime'
 *
 * const weight = { name: 'w', dims: [2], dataType: 1, data: new Float32Array([1, 2]) }
 * await writeCheckpointFile('checkpoint', {
 *   trainable: [weight],
 *   frozen: [],
 *   optimizerGroups: [],
 *   properties: new Map(),
 * })
 * console.log((await readCheckpointFile('checkpoint')).trainable.length) // 1
 * ```
 */
export function readCheckpointFile(path: string): Promise<CheckpointState> {
  return codedAs('ERR_CHECKPOINT', `the checkpoint at ${show(path)} cannot be read`, () => readFrom(path))
}

async function readFrom(path: string): Promise<CheckpointState> {
  const { stat } = await importNode('node:fs/promises')
  const paths = await importNode('node:path')
  const found = await stat(path).catch(() => undefined)
  if (!found) throw checkpointError(`there is no checkpoint at ${path}`)
  if (found.isDirectory()) return readFolder(path)
  // In the old form, a single file says nothing about those beside it.
  const old = sequenceName(paths.basename(path))
  if (old) return readFolder(paths.dirname(path))
  return readWithExternalData(path)
}

/**
 * Writes a checkpoint to a path. Whenever the process is killed, the old or the new checkpoint is there and complete.
 * Parameters of more than 2 GB, or any with `externalData: true`, go to a file beside it with `.data` after its name,
 * as the genuine runtime does it.
 *
 * @throws as `writeCheckpoint`; ERR_OPTION if the file cannot be written, with the file system's error as its cause
 */
export function writeCheckpointFile(
  path: string,
  state: CheckpointState,
  options: { readonly externalData?: boolean } = {},
): Promise<void> {
  return codedAs('ERR_OPTION', `the checkpoint cannot be written to ${show(path)}`, () =>
    writeTo(path, state, options),
  )
}

/**
 * Like {@link writeCheckpointFile}, for a state that does not change before it is written: its large tensors are not copied.
 *
 * @throws as `writeCheckpointFile`
 */
export function writeFixedCheckpointFile(path: string, state: CheckpointState): Promise<void> {
  return codedAs('ERR_OPTION', `the checkpoint cannot be written to ${show(path)}`, () =>
    writeTo(path, state, { isFixed: true }),
  )
}

async function writeTo(
  path: string,
  state: CheckpointState,
  options: { readonly externalData?: boolean; readonly isFixed?: boolean },
): Promise<void> {
  if (!(options.externalData ?? isLargeCheckpoint(state))) {
    await writeFileAtomically(path, options.isFixed ? checkpointParts(state) : writeCheckpoint(state))
    return
  }
  // Two files cannot be replaced at once. So the checkpoint names the temporary file of its data, and readers look
  // there first. Renaming the checkpoint alone thus makes both files current.
  const tag = createTag()
  const temporary = temporaryName(dataPath(path), tag)
  const { checkpoint, external } = splitCheckpoint(state, tag)
  await placeData(path)
  await writeTemporary(temporary, external)
  await writeFileAtomically(path, checkpoint).catch((error: unknown) => discard(temporary, error))
  await moveTemporary(temporary, dataPath(path))
}

/**
 * Completes or removes the leftovers of a process that was killed during {@link writeCheckpointFile}. Do not call it
 * while another process may be writing there.
 */
export function recoverCheckpointFile(path: string): Promise<void> {
  return codedAs(
    'ERR_CHECKPOINT',
    `the leftovers of the checkpoint at ${show(path)} cannot be removed`,
    async () => {
      const { rm } = await importNode('node:fs/promises')
      await placeData(path)
      for (const file of [...(await leftovers(path)), ...(await leftovers(dataPath(path)))]) await rm(file)
    },
  )
}

/** Renames the data of a checkpoint to their final name, if they do not have it. */
async function placeData(path: string): Promise<void> {
  const { existsSync } = await importNode('node:fs')
  if ((await leftovers(dataPath(path))).length === 0) return
  const early = await readBytes(path)
    .then((bytes) => earlyData(path, bytes))
    .catch(() => undefined)
  if (early !== undefined && existsSync(early)) await moveTemporary(early, dataPath(path))
}

async function readBytes(path: string): Promise<Uint8Array> {
  const { readFile } = await importNode('node:fs/promises')
  try {
    return await readFile(path)
  } catch (error) {
    throw coded('ERR_CHECKPOINT', `${path} cannot be read`, error)
  }
}

async function readWithExternalData(path: string): Promise<CheckpointState> {
  const { closeSync, existsSync, fstatSync, openSync, readSync, statSync } = await importNode('node:fs')
  const bytes = await readBytes(path)
  const early = earlyData(path, bytes)
  const beside = early !== undefined && existsSync(early) ? early : dataPath(path)
  if (!existsSync(beside)) return readCheckpoint(bytes)
  // Waiting for a pipe might never end.
  if (!statSync(beside).isFile()) throw checkpointError(`${beside} is no file`)
  const file = openSync(beside, 'r')
  try {
    const allow = allowance(beside, fstatSync(file).size)
    const externalData = (offset: number, length: number): Uint8Array => {
      allow(offset, length)
      const values = new Uint8Array(length)
      for (let done = 0; done < length;) {
        // One call reads less than 2 GiB.
        const count = readSync(file, values, done, Math.min(length - done, 2 ** 30), offset + done)
        if (count === 0) throw checkpointError(`${beside} ends at byte ${offset + done}`)
        done += count
      }
      return values
    }
    return readCheckpoint(bytes, { externalData })
  } finally {
    closeSync(file)
  }
}

/** The temporary file of a checkpoint's data, before its renaming. */
function earlyData(path: string, bytes: Uint8Array): string | undefined {
  const tag = dataTagOf(bytes)
  return isTag(tag) ? temporaryName(dataPath(path), tag) : undefined
}

function dataPath(path: string): string {
  return `${path}.data`
}

/** The contents of a `.pbseq` file, as its name tells. */
type Contents =
  | { readonly kind: 'paramtrain' | 'paramfrozen' | 'custom' }
  | { readonly kind: 'momentum'; readonly group: string; readonly momentum: string }
  | { readonly kind: 'group'; readonly group: string }

function sequenceName(name: string): Contents | undefined {
  const [, parameters] = /^(paramtrain|paramfrozen)_tensors\.pbseq$/.exec(name) ?? []
  if (parameters) return { kind: parameters as 'paramtrain' | 'paramfrozen' }
  if (name === 'custom_properties.pbseq') return { kind: 'custom' }
  const [, group, momentum] = /^optim_([^_]+)_([^_]+)_tensors\.pbseq$/.exec(name) ?? []
  if (group !== undefined && momentum !== undefined) return { kind: 'momentum', group, momentum }
  const [, owner] = /^optim_([^_]+)_properties\.pbseq$/.exec(name) ?? []
  return owner === undefined ? undefined : { kind: 'group', group: owner }
}

async function readFolder(folder: string): Promise<CheckpointState> {
  const { readdir } = await importNode('node:fs/promises')
  const paths = await importNode('node:path')
  const parameters: Record<'paramtrain' | 'paramfrozen', readonly NamedTensor[]> = {
    paramtrain: [],
    paramfrozen: [],
  }
  let properties = new Map<string, Property>()
  const groups = new Map<
    string,
    { step: bigint; initialLearningRate: number; momentums: Map<string, NamedTensor[]> }
  >()
  const groupOf = (name: string) => {
    const group = groups.get(name) ?? {
      step: 0n,
      initialLearningRate: 0,
      momentums: new Map<string, NamedTensor[]>(),
    }
    groups.set(name, group)
    return group
  }

  const names = (await readdir(folder)).sort()
  let files = 0
  for (const name of names) {
    const contents = sequenceName(name)
    if (!contents) continue
    files++
    const bytes = await readBytes(paths.join(folder, name))
    switch (contents.kind) {
      case 'paramtrain':
      case 'paramfrozen':
        parameters[contents.kind] = readSequence(bytes)
        break
      case 'custom':
        properties = readPropertySequence(bytes)
        break
      case 'momentum': {
        const { momentums } = groupOf(contents.group)
        for (const tensor of readSequence(bytes)) {
          const own = momentums.get(tensor.name) ?? []
          own.push({ ...tensor, name: contents.momentum })
          momentums.set(tensor.name, own)
        }
        break
      }
      case 'group': {
        const group = groupOf(contents.group)
        const given = readPropertySequence(bytes)
        const [step, rate] = [given.get('builtin.step'), given.get('builtin.initial_learning_rate')]
        if (typeof step === 'bigint') group.step = step
        if (typeof rate === 'number') group.initialLearningRate = rate
        break
      }
    }
  }
  if (files === 0)
    throw checkpointError(
      `the folder ${folder} holds no checkpoint: neither paramtrain_tensors.pbseq nor another`,
    )
  return {
    trainable: parameters.paramtrain,
    frozen: parameters.paramfrozen,
    properties,
    optimizerGroups: [...groups].map(([name, { step, initialLearningRate, momentums }]): OptimizerGroup => ({
      name,
      step,
      initialLearningRate,
      parameters: [...momentums].map(([name, momentums]): ParameterMomentums => ({ name, momentums })),
    })),
  }
}
