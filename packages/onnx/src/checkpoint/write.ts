import { Builder, type Offset } from 'flatbuffers'
import { checkpointError, optionError, shapeError, show, unsupported } from '@induced-metric/core/adapter'
import { unreadBytes } from '../proto/tensor.js'
import type { NamedTensor } from '../proto/tensorData.js'
import type { CheckpointState, OptimizerGroup, Property } from './state.js'
import { elementType, toBytes } from './elements.js'
import type { Parts } from '../files/atomic.js'
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
  version,
} from './format.js'

// Offsets within a flatbuffer have 31 bits.
const largest = 2 ** 31 - 1
/** The rest is for names, and for the optimiser's state of small parts of a large model. */
const largestInline = 2 ** 31 - 2 ** 26
const page = 4096

/**
 * Writes a checkpoint of ONNX Runtime training in version 2 of the format, which the genuine runtime loads, too.
 *
 * @returns the file's contents, a view of a buffer that may be larger: a copy would take the memory of a large model again
 * @throws ERR_SHAPE if a tensor's data do not match its dims and type; ERR_OPTION for a name used twice;
 *   ERR_NOT_SUPPORTED for more than 2 GB
 *
 * @example
 * ```ts
 * import { writeCheckpoint } from '@induced-metric/onnxruntime'
 *
 * const weight = { name: 'w', dims: [2], dataType: 1, data: new Float32Array([1, 2]) }
 * const properties = new Map([['epoch', 3n]])
 * const bytes = writeCheckpoint({ trainable: [weight], frozen: [], optimizerGroups: [], properties })
 * console.log(new TextDecoder().decode(bytes.subarray(4, 8))) // ODTC
 * ```
 */
export function writeCheckpoint(state: CheckpointState): Uint8Array {
  return write(state, copyBytes)
}

/**
 * The file that {@link writeCheckpoint} makes, in parts, of which the values of large tensors are views of the state: it takes
 * hardly any memory. The state must not change before the parts are written.
 *
 * @throws as `writeCheckpoint`
 */
export function checkpointParts(state: CheckpointState): Parts {
  /** The values that stay where they are, and the distances of their places from the file's end. */
  const kept: { fromEnd: number; bytes: Uint8Array }[] = []
  const file = write(state, (builder, bytes) => {
    if (bytes.length < smallestPart) return copyBytes(builder, bytes)
    const vector = reserveByteVector(builder, bytes.length)
    // The vector's length, of 4 bytes, is before the values.
    kept.push({ fromEnd: vector - 4, bytes })
    return vector
  })
  let end = 0
  const parts = kept.reverse().flatMap(({ fromEnd, bytes }) => {
    const offset = file.length - fromEnd
    const before = { offset: end, bytes: file.subarray(end, offset) }
    end = offset + bytes.length
    return [before, { offset, bytes }]
  })
  return [...parts, { offset: end, bytes: file.subarray(end) }]
}

/** Values of fewer bytes are copied, as each part is written by a call of its own. */
const smallestPart = 2 ** 16

/** Adds a vector of bytes, and returns its offset. */
type AddBytes = (builder: Builder, bytes: Uint8Array) => Offset

const copyBytes: AddBytes = (builder, bytes) => builder.createByteVector(bytes)

/** A vector of bytes like that of `createByteVector`, but of zeros that nobody writes: memory that is not touched costs nothing. */
function reserveByteVector(builder: Builder, length: number): Offset {
  builder.startVector(1, length, 1)
  // The builder has no public method for it.
  const space = (builder['space'] as number) - length
  builder['space'] = space
  builder.dataBuffer().setPosition(space)
  return builder.endVector()
}

/** A checkpoint whose parameter values are stored in a file beside it. */
export interface SplitCheckpoint {
  readonly checkpoint: Uint8Array
  /** The bytes of the other file, and their offsets. */
  readonly external: readonly { readonly offset: number; readonly bytes: Uint8Array }[]
}

/**
 * Like {@link writeCheckpoint}, but with the parameter values for a file of their own, so that they may exceed 2 GB.
 *
 * @param tag the tag of the temporary file that they are written to first
 * @throws as `writeCheckpoint`; ERR_NOT_SUPPORTED for more than 2 GB of the optimiser's state
 */
export function splitCheckpoint(state: CheckpointState, tag: string): SplitCheckpoint {
  const external: { offset: number; bytes: Uint8Array }[] = []
  let end = 0
  const properties = new Map([...state.properties, [dataTagKey, tag]])
  const checkpoint = write({ ...state, properties }, copyBytes, (bytes) => {
    // Each starts at a page boundary, so that the file can be mapped into memory.
    const offset = Math.ceil(end / page) * page
    external.push({ offset, bytes })
    end = offset + bytes.length
    return offset
  })
  return { checkpoint, external }
}

/** Whether the parameter values are too many for one file. */
export function isLargeCheckpoint({ trainable, frozen }: CheckpointState): boolean {
  return [...trainable, ...frozen].reduce((total, tensor) => total + byteLengthOf(tensor), 0) > largestInline
}

type Place = (bytes: Uint8Array) => number

function byteLengthOf(tensor: NamedTensor): number {
  return (unreadBytes(tensor) ?? tensor.data).byteLength
}

function write(state: CheckpointState, addBytes: AddBytes, place?: Place): Uint8Array {
  const { trainable, frozen, optimizerGroups, properties } = state
  checkNames([...trainable, ...frozen])
  checkNames(optimizerGroups)
  const builder = new Builder(estimate(state, place !== undefined))
  const add = (_: Builder, tensor: NamedTensor): Offset => addTensor(builder, tensor, addBytes, place)
  const vectors = [vectorOf(builder, trainable, add), vectorOf(builder, frozen, add)] as const
  builder.startObject(4)
  builder.addFieldOffset(ModuleState.trainable, vectors[0], 0)
  builder.addFieldOffset(ModuleState.frozen, vectors[1], 0)
  if (place) builder.addFieldInt8(ModuleState.hasExternalData, 1, 0)
  const module = builder.endObject()
  const groups =
    optimizerGroups.length > 0
      ? vectorOf(builder, optimizerGroups, (_, group) => addGroup(builder, group, addBytes))
      : undefined
  const bag = properties.size > 0 ? addProperties(builder, properties) : undefined

  builder.startObject(4)
  builder.addFieldInt32(Checkpoint.version, version, 0)
  builder.addFieldOffset(Checkpoint.moduleState, module, 0)
  if (groups !== undefined) builder.addFieldOffset(Checkpoint.optimizerGroups, groups, 0)
  if (bag !== undefined) builder.addFieldOffset(Checkpoint.propertyBag, bag, 0)
  builder.finish(builder.endObject(), identifier)
  return builder.asUint8Array()
}

/** Bytes that suffice for the whole, so that the builder need not grow, which copies. */
function estimate(
  { trainable, frozen, optimizerGroups, properties }: CheckpointState,
  isSplit: boolean,
): number {
  const momentums = optimizerGroups.flatMap(({ parameters }) =>
    parameters.flatMap(({ name, momentums }) => [
      ...momentums,
      { name, dims: [], dataType: 0, data: new Uint8Array() },
    ]),
  )
  let total = 1024
  const outside = new Set<object>(isSplit ? [...trainable, ...frozen] : [])
  for (const tensor of [...trainable, ...frozen, ...momentums]) {
    const { name, dims } = tensor
    total += (outside.has(tensor) ? 16 : byteLengthOf(tensor)) + 3 * name.length + 8 * dims.length + 96
  }
  for (const [name, value] of properties) {
    total += 3 * (name.length + (typeof value === 'string' ? value.length : 8)) + 48
  }
  if (total <= largest) return total
  throw unsupported(
    `a checkpoint holds at most 2 GB, and this one would take ${Math.ceil(total / 2 ** 20)} MB: leave the optimiser's state out`,
  )
}

function addTable(builder: Builder, fields: number, offsets: readonly [number, Offset][]): Offset {
  builder.startObject(fields)
  for (const [field, offset] of offsets) builder.addFieldOffset(field, offset, 0)
  return builder.endObject()
}

function vectorOf<T>(
  builder: Builder,
  entries: readonly T[],
  add: (builder: Builder, entry: T) => Offset,
): Offset {
  const offsets = entries.map((entry) => add(builder, entry))
  builder.startVector(4, offsets.length, 4)
  for (const offset of offsets.reverse()) builder.addOffset(offset)
  return builder.endVector()
}

/** The bytes of a tensor, whose elements are checked. */
function checkedBytes(tensor: NamedTensor): Uint8Array {
  const { name, dims, dataType } = tensor
  const type = elementType(dataType, name)
  const bytes = unreadBytes(tensor)
  if (bytes !== undefined) return bytes
  const { data } = tensor
  const size = dims.reduce((product, dim) => product * dim, 1)
  if (data instanceof type.array && data.length === size) return toBytes(data)
  throw shapeError(
    `tensor ${show(name)}, [${dims.join(', ')}] of ${type.name}, must have ${size} elements in a ${type.array.name}`,
  )
}

function addTensor(builder: Builder, tensor: NamedTensor, addBytes: AddBytes, place?: Place): Offset {
  const { name, dims, dataType } = tensor
  const bytes = checkedBytes(tensor)
  const raw = place ? undefined : addBytes(builder, bytes)
  builder.startVector(8, dims.length, 8)
  for (const dim of [...dims].reverse()) builder.addInt64(BigInt(dim))
  const shape = builder.endVector()
  const label = builder.createString(name)
  builder.startObject(7)
  builder.addFieldOffset(Tensor.name, label, 0)
  builder.addFieldOffset(Tensor.dims, shape, 0)
  builder.addFieldInt32(Tensor.dataType, dataType, 0)
  if (raw !== undefined) builder.addFieldOffset(Tensor.rawData, raw, 0)
  if (place) builder.addFieldInt64(Tensor.externalOffset, BigInt(place(bytes)), -1n)
  return builder.endObject()
}

function addGroup(
  builder: Builder,
  { name, step, initialLearningRate, parameters }: OptimizerGroup,
  addBytes: AddBytes,
): Offset {
  checkNames(parameters)
  const states = vectorOf(builder, parameters, (_, parameter) => {
    checkNames(parameter.momentums)
    const momentums = vectorOf(builder, parameter.momentums, (_, tensor) =>
      addTensor(builder, tensor, addBytes),
    )
    const label = builder.createString(parameter.name)
    return addTable(builder, 2, [
      [ParameterState.name, label],
      [ParameterState.momentums, momentums],
    ])
  })
  const label = builder.createString(name)
  builder.startObject(4)
  builder.addFieldOffset(Group.name, label, 0)
  builder.addFieldInt64(Group.step, step, 0n)
  builder.addFieldFloat32(Group.initialLearningRate, initialLearningRate, 0)
  builder.addFieldOffset(Group.states, states, 0)
  return builder.endObject()
}

function addProperties(builder: Builder, properties: CheckpointState['properties']): Offset {
  const list = <T extends Property>(
    is: (value: Property) => value is T,
    add: (value: T) => () => void,
  ): Offset => {
    const chosen = [...properties].filter((entry): entry is [string, T] => is(entry[1]))
    return vectorOf(builder, chosen, (_, [name, value]) => {
      const addValue = add(value)
      const label = builder.createString(name)
      builder.startObject(2)
      builder.addFieldOffset(Entry.name, label, 0)
      addValue()
      return builder.endObject()
    })
  }
  return addTable(builder, 3, [
    [
      PropertyBag.ints,
      list(
        (value) => typeof value === 'bigint',
        (value) => () => builder.addFieldInt64(Entry.value, value, 0n),
      ),
    ],
    [
      PropertyBag.floats,
      list(
        (value) => typeof value === 'number',
        (value) => () => builder.addFieldFloat32(Entry.value, value, 0),
      ),
    ],
    [
      PropertyBag.strings,
      list(
        (value) => typeof value === 'string',
        (value) => {
          const text = builder.createString(value)
          return () => builder.addFieldOffset(Entry.value, text, 0)
        },
      ),
    ],
  ])
}

function checkNames(entries: readonly { readonly name: string }[]): void {
  const seen = new Set<string>()
  for (const { name } of entries) {
    if (typeof name !== 'string' || name === '')
      throw checkpointError('an entry of the checkpoint has no name')
    if (seen.has(name)) {
      throw optionError(`two entries of the checkpoint are named ${show(name)}`)
    }
    seen.add(name)
  }
}
