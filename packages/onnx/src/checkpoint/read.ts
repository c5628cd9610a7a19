import type { NamedTensor, TensorData } from '../proto/tensorData.js'
import type { CheckpointState, OptimizerGroup, Property } from './state.js'
import { checkpointError, show } from '@induced-metric/core/adapter'
import { checkDims, elementType, fromBytes } from './elements.js'
import {
  Checkpoint,
  dataTagKey,
  Entry,
  identifier,
  ModuleState,
  OptimizerGroup as Group,
  ParameterState,
  PropertyBag,
  Tensor,
} from './format.js'
import { readSequence } from './sequence.js'
import { readTables, type Table, type TableReader } from './tables.js'

/** Options of {@link readCheckpoint}. */
export interface ReadCheckpointOptions {
  /**
   * The file beside the checkpoint (its name with `.data` after it), if the checkpoint stores large tensors there:
   * its bytes, or a function that reads `length` bytes from `offset`. The function throws beyond the end of the file,
   * or if it is asked for more bytes than there are in all.
   */
  readonly externalData?: Uint8Array | ((offset: number, length: number) => Uint8Array)
}

/**
 * Reads a checkpoint of ONNX Runtime training: the flatbuffer of versions 1 and 2, or one file of the old form, a
 * sequence of tensors, which then all count as trainable. The bytes may come from anyone: lengths and offsets are
 * checked before anything is allocated.
 *
 * @param bytes the file's contents; the result does not share memory with them
 * @throws ERR_CHECKPOINT if the bytes are not a checkpoint, or are truncated, altered, of another version or without
 *   values
 *
 * @example
 * ```ts
 * import { readCheckpoint, writeCheckpoint } from '@induced-metric/onnxruntime'
 *
 * const weight = { name: 'w', dims: [2], dataType: 1, data: new Float32Array([1, 2]) }
 * const bytes = writeCheckpoint({ trainable: [weight], frozen: [], optimizerGroups: [], properties: new Map() })
 * console.log(readCheckpoint(bytes).trainable[0]?.data) // Float32Array [1, 2]
 * ```
 */
export function readCheckpoint(bytes: Uint8Array, options: ReadCheckpointOptions = {}): CheckpointState {
  if (!(bytes instanceof Uint8Array))
    throw checkpointError(`expected the bytes of a checkpoint, given ${typeof bytes}`)
  const found = identifierOf(bytes)
  if (found === 'ORTM') throw checkpointError('these bytes are a model in ORT format, not a checkpoint')
  if (found === identifier) return readFlatbuffer(readTables(bytes), externalReader(options))
  return { trainable: unique(readSequence(bytes)), frozen: [], optimizerGroups: [], properties: new Map() }
}

/** The tag of the temporary file of the values beside a checkpoint, if the checkpoint names one. */
export function dataTagOf(bytes: Uint8Array): string | undefined {
  if (identifierOf(bytes) !== identifier) return undefined
  const file = readTables(bytes)
  const bag = file.table(file.root(), Checkpoint.propertyBag)
  const strings = bag ? file.tables(bag, PropertyBag.strings) : []
  const entry = strings.find((given) => nameOf(file, given, Entry.name) === dataTagKey)
  return entry && file.string(entry, Entry.value)
}

function identifierOf(bytes: Uint8Array): string {
  return String.fromCharCode(...bytes.subarray(4, 8))
}

function readFlatbuffer(file: TableReader, externalData: ReadExternal | undefined): CheckpointState {
  const root = file.root()
  const version = file.int32(root, Checkpoint.version, 0)
  if (version !== 1 && version !== 2) {
    throw checkpointError(`the checkpoint has version ${version}; versions 1 and 2 can be read`)
  }
  const module = file.table(root, Checkpoint.moduleState)
  if (module && file.boolean(module, ModuleState.isNominal)) {
    throw checkpointError(
      'this is a nominal checkpoint: it names parameters and holds no values. Take the whole one',
    )
  }
  const properties = readProperties(file, root)
  properties.delete(dataTagKey)
  const list = (field: number): NamedTensor[] =>
    module ? file.tables(module, field).map((table) => readTensor(file, table, externalData)) : []
  const trainable = list(ModuleState.trainable)
  const frozen = list(ModuleState.frozen)
  unique([...trainable, ...frozen])
  const groups = file.tables(root, Checkpoint.optimizerGroups).map((table) => readGroup(file, table))
  return { trainable, frozen, optimizerGroups: unique(groups), properties }
}

function readTensor(file: TableReader, table: Table, externalData: ReadExternal | undefined): NamedTensor {
  const name = nameOf(file, table, Tensor.name)
  const dataType = file.int32(table, Tensor.dataType, 0)
  const type = elementType(dataType, name)
  const { dims, size } = checkDims(file.int64s(table, Tensor.dims), name)
  const length = size * type.bytes
  const offset = file.int64(table, Tensor.externalOffset, -1n)
  const raw =
    offset < 0n ? file.bytes(table, Tensor.rawData) : readExternal(name, offset, length, externalData)
  if ((raw?.length ?? 0) !== length) {
    const shape = `[${dims.join(', ')}] of ${type.name}`
    throw checkpointError(
      `tensor ${show(name)}, ${shape}, takes ${length} bytes, the checkpoint has ${raw?.length ?? 0}`,
    )
  }
  return { name, dims, dataType, data: fromBytes(raw ?? new Uint8Array(), type) satisfies TensorData }
}

type ReadExternal = (offset: number, length: number) => Uint8Array

/** Reads external data, each byte once: a small file could name the same large part again and again. */
function externalReader({ externalData }: ReadCheckpointOptions): ReadExternal | undefined {
  if (!(externalData instanceof Uint8Array)) return externalData
  const { length: size } = externalData
  const allow = allowance('the external data', size)
  return (offset, length) => {
    allow(offset, length)
    return externalData.subarray(offset, offset + length)
  }
}

/**
 * Creates a check of reads from a file of external data.
 *
 * @param what names the file in errors
 * @param size its length in bytes
 * @returns a function that throws ERR_CHECKPOINT for a part beyond the end, or once the parts add up to more than the
 *   file
 */
export function allowance(what: string, size: number): (offset: number, length: number) => void {
  let left = size
  return (offset, length) => {
    if (offset + length > size)
      throw checkpointError(`${what} is truncated: values end at byte ${offset + length} of ${size}`)
    left -= length
    if (left < 0) throw checkpointError(`the checkpoint is altered: its values overlap in ${what}`)
  }
}

function readExternal(
  name: string,
  offset: bigint,
  length: number,
  data: ReadExternal | undefined,
): Uint8Array {
  if (data === undefined) {
    throw checkpointError(
      `the values of ${show(name)} are stored in a file beside the checkpoint, named like it with .data after it: pass it as externalData`,
    )
  }
  const start = Number(offset)
  if (!Number.isSafeInteger(start + length))
    throw checkpointError(`the values of ${show(name)} are at an impossible offset`)
  return data(start, length)
}

function readGroup(file: TableReader, table: Table): OptimizerGroup {
  const parameters = file.tables(table, Group.states).map((state) => ({
    name: nameOf(file, state, ParameterState.name),
    momentums: unique(
      file.tables(state, ParameterState.momentums).map((tensor) => readTensor(file, tensor, undefined)),
    ),
  }))
  return {
    name: nameOf(file, table, Group.name),
    step: file.int64(table, Group.step, 0n),
    initialLearningRate: file.float32(table, Group.initialLearningRate, 0),
    parameters: unique(parameters),
  }
}

function readProperties(file: TableReader, root: Table): Map<string, Property> {
  const properties = new Map<string, Property>()
  const bag = file.table(root, Checkpoint.propertyBag)
  if (!bag) return properties
  const read = (field: number, value: (entry: Table) => Property): void => {
    for (const entry of file.tables(bag, field)) {
      const name = nameOf(file, entry, Entry.name)
      if (properties.has(name)) throw checkpointError(`the checkpoint has two properties named ${show(name)}`)
      properties.set(name, value(entry))
    }
  }
  read(PropertyBag.ints, (entry) => file.int64(entry, Entry.value, 0n))
  read(PropertyBag.floats, (entry) => file.float32(entry, Entry.value, 0))
  read(PropertyBag.strings, (entry) => file.string(entry, Entry.value) ?? '')
  return properties
}

function nameOf(file: TableReader, table: Table, field: number): string {
  const name = file.string(table, field)
  if (name === undefined || name === '')
    throw checkpointError('the checkpoint is altered: something in it has no name')
  return name
}

/** Returns the entries after checking that their names differ. */
function unique<T extends { readonly name: string }>(entries: readonly T[]): readonly T[] {
  const seen = new Set<string>()
  for (const { name } of entries) {
    if (seen.has(name)) throw checkpointError(`the checkpoint has two entries named ${show(name)}`)
    seen.add(name)
  }
  return entries
}
