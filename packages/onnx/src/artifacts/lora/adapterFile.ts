import { Builder, type Offset } from 'flatbuffers'
import { clone } from '@bufbuild/protobuf'
import { checkpointError, optionError, shapeError, show } from '@induced-metric/core/adapter'
import { checkDims, elementType, fromBytes, toBytes } from '../../checkpoint/elements.js'
import { readTables, type Table, type TableReader } from '../../checkpoint/tables.js'
import { checkModel, readModel, type Model } from '../../proto/model.js'
import { ModelProtoSchema } from '../../proto/onnx_pb.js'
import { dimsOf } from '../../proto/tensor.js'
import type { NamedTensor } from '../../proto/tensorData.js'
import { createValue } from '../../proto/value.js'
import { adaptersOf, factorNames } from './adapter.js'

// The fields of ONNX Runtime's schema of adapters.
const identifier = 'TORT'
const formatVersion = 1
const Adapter = { formatVersion: 0, adapterVersion: 1, modelVersion: 2, parameters: 3 } as const
const Parameter = { name: 0, dims: 1, dataType: 2, rawData: 3 } as const

const largest = 2 ** 31 - 1

/** The contents of an `.onnx_adapter` file. */
export interface AdapterFile {
  /** Values of inputs of a model, by name. */
  readonly parameters: readonly NamedTensor[]
  /** The version of the adapter, and that of the model it is for: whatever their author counts. Default 0. */
  readonly adapterVersion?: number
  readonly modelVersion?: number
}

/**
 * Reads an `.onnx_adapter` file of ONNX Runtime. It may come from anyone: lengths and offsets are checked before
 * anything is allocated.
 *
 * @param bytes the file's content; the result does not share memory with it
 * @throws ERR_CHECKPOINT if the bytes are not an adapter, or are truncated, altered or of another version
 */
export function readAdapter(bytes: Uint8Array): Required<AdapterFile> {
  const isAdapter =
    bytes instanceof Uint8Array &&
    bytes.length > 8 &&
    String.fromCharCode(...bytes.subarray(4, 8)) === identifier
  if (!isAdapter) {
    throw checkpointError(
      'these bytes are not an adapter of ONNX Runtime, whose fifth to eighth bytes are TORT; give the content of an .onnx_adapter file',
    )
  }
  const file = readTables(bytes, 'the adapter')
  const root = file.root()
  const version = file.int32(root, Adapter.formatVersion, 0)
  if (version !== formatVersion) {
    throw checkpointError(
      `the adapter is of version ${version} of its format; version ${formatVersion} can be read`,
    )
  }
  const parameters = file.tables(root, Adapter.parameters).map((table) => readParameter(file, table))
  checkNames(parameters)
  return {
    parameters,
    adapterVersion: file.int32(root, Adapter.adapterVersion, 0),
    modelVersion: file.int32(root, Adapter.modelVersion, 0),
  }
}

function readParameter(file: TableReader, table: Table): NamedTensor {
  const name = file.string(table, Parameter.name) ?? ''
  const dataType = file.int32(table, Parameter.dataType, 0)
  const type = elementType(dataType, name)
  const { dims, size } = checkDims(file.int64s(table, Parameter.dims), name)
  const raw = file.bytes(table, Parameter.rawData) ?? new Uint8Array()
  if (raw.length !== size * type.bytes) {
    throw checkpointError(
      `tensor ${show(name)}, [${dims.join(', ')}] of ${type.name}, takes ${size * type.bytes} bytes, the adapter has ${raw.length}`,
    )
  }
  return { name, dims, dataType, data: fromBytes(raw, type) }
}

/**
 * Writes an `.onnx_adapter` file, which ONNX Runtime's `LoraAdapter` loads: values that a run puts in the place of a
 * model's optional inputs. {@link withAdapterInputs} makes inputs of the factors of `addLora`.
 *
 * @returns the file's content
 * @throws ERR_SHAPE if a tensor's data do not match its dims and type; ERR_OPTION for a name that is empty or used
 *   twice, a version that is no whole number of 32 bits, and more than 2 GB
 *
 * @example
 * ```ts
 * import { readAdapter, writeAdapter } from '@induced-metric/onnxruntime/artifacts'
 *
 * const factor = { name: 'w.lora_A', dims: [1, 2], dataType: 1, data: new Float32Array([1, 2]) }
 * const bytes = writeAdapter({ parameters: [factor], adapterVersion: 1 })
 * console.log(readAdapter(bytes).parameters[0]?.name) // w.lora_A
 * ```
 */
export function writeAdapter({ parameters, adapterVersion = 0, modelVersion = 0 }: AdapterFile): Uint8Array {
  checkNames(parameters)
  for (const [name, version] of Object.entries({ adapterVersion, modelVersion })) {
    if (!Number.isInteger(version) || version < -(2 ** 31) || version > largest) {
      throw optionError(`${name} is ${show(version)}; give a whole number of 32 bits`)
    }
  }
  const total = parameters.reduce(
    (sum, { name, dims, data }) => sum + data.byteLength + 3 * name.length + 8 * dims.length + 96,
    1024,
  )
  if (total > largest)
    throw optionError(
      `an adapter holds at most 2 GB, and this one would take ${Math.ceil(total / 2 ** 20)} MB`,
    )
  const builder = new Builder(total)
  const offsets = parameters.map((tensor) => addParameter(builder, tensor))
  builder.startVector(4, offsets.length, 4)
  for (const offset of offsets.reverse()) builder.addOffset(offset)
  const vector = builder.endVector()
  builder.startObject(4)
  builder.addFieldInt32(Adapter.formatVersion, formatVersion, 0)
  builder.addFieldInt32(Adapter.adapterVersion, adapterVersion, 0)
  builder.addFieldInt32(Adapter.modelVersion, modelVersion, 0)
  builder.addFieldOffset(Adapter.parameters, vector, 0)
  builder.finish(builder.endObject(), identifier)
  return builder.asUint8Array().slice()
}

function addParameter(builder: Builder, { name, dims, dataType, data }: NamedTensor): Offset {
  const size = dims.reduce((product, dim) => product * dim, 1)
  const type = elementType(dataType, name)
  if (!(data instanceof type.array) || data.length !== size) {
    throw shapeError(
      `tensor ${show(name)}, [${dims.join(', ')}] of ${type.name}, must have ${size} elements in a ${type.array.name}`,
    )
  }
  // The runtime reads the elements where they are, so they start at a multiple of eight bytes.
  builder.prep(8, data.byteLength)
  const raw = builder.createByteVector(toBytes(data))
  builder.startVector(8, dims.length, 8)
  for (const dim of [...dims].reverse()) builder.addInt64(BigInt(dim))
  const shape = builder.endVector()
  const label = builder.createString(name)
  builder.startObject(4)
  builder.addFieldOffset(Parameter.name, label, 0)
  builder.addFieldOffset(Parameter.dims, shape, 0)
  builder.addFieldInt32(Parameter.dataType, dataType, 0)
  builder.addFieldOffset(Parameter.rawData, raw, 0)
  return builder.endObject()
}

function checkNames(parameters: readonly NamedTensor[]): void {
  const seen = new Set<string>()
  for (const { name } of parameters) {
    if (typeof name !== 'string' || name === '') throw optionError('a parameter of the adapter has no name')
    if (seen.has(name)) throw optionError(`two parameters of the adapter are named ${show(name)}`)
    seen.add(name)
  }
}

/**
 * Makes inputs of the factors that `addLora` added, so that one model serves many adapters: the parameters of an
 * `.onnx_adapter` file are its feeds.
 *
 * @param adapted the model that `addLora` returned, or the content of its file; it is not changed
 * @param form `'required'` (default): each run feeds them, as onnxruntime-node and onnxruntime-web need it, which
 *   ignore feeds of optional inputs. `'optional'`: the values in the model are defaults, as ONNX Runtime's `LoraAdapter`
 *   has it in other languages
 * @throws ERR_OPTION for a model without adapters, and another form
 */
export function withAdapterInputs(
  adapted: Model | Uint8Array,
  form: 'required' | 'optional' = 'required',
): Model {
  const original = adapted instanceof Uint8Array ? readModel(adapted) : checkModel(adapted, 'the model')
  if (form !== 'required' && form !== 'optional') {
    throw optionError(`the inputs of adapters are 'required' or 'optional', given ${show(form)}`)
  }
  const adapters = adaptersOf(original)
  if (adapters.size === 0) throw optionError('the model has no adapters; give one that addLora returned')
  const model = clone(ModelProtoSchema, original) as Model
  const { graph } = model
  const factors = new Set([...adapters].flatMap(([weight, adapter]) => factorNames(weight, adapter)))
  const inputs = new Set(graph.input.map(({ name }) => name))
  for (const tensor of graph.initializer) {
    if (factors.has(tensor.name) && !inputs.has(tensor.name))
      graph.input.push(createValue(tensor.name, tensor.dataType, dimsOf(tensor)))
  }
  if (form === 'required') graph.initializer = graph.initializer.filter(({ name }) => !factors.has(name))
  return model
}
