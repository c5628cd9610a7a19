import { clone, create } from '@bufbuild/protobuf'
import { optionError, show, unsupported } from '@induced-metric/core/adapter'
import { dropUnused, freshNames, namesIn, renameValues } from '../proto/graph.js'
import {
  type GraphProto,
  type Model,
  ModelProtoSchema,
  StringStringEntryProtoSchema,
  type TensorProto,
  TensorProtoSchema,
  writeModel,
} from '../proto/index.js'
import type { NamedTensor, TensorData } from '../proto/tensorData.js'

/** A trained model, with its parameters inside or in a file beside it. */
export interface ExportedModel {
  readonly model: Uint8Array
  /** The values that are not in the model, in the order of the file of external data. */
  readonly external: readonly TensorData[]
}

/** New names for the inputs and outputs of an exported model, by their names in the eval model. */
export interface Renamed {
  /** As in `{ inputs: { input: 'audio_embeddings' } }`. Default: the names stay. */
  readonly inputs?: Readonly<Record<string, string>>
  readonly outputs?: Readonly<Record<string, string>>
}

/** Values in a file of external data start at multiples of this many bytes, so that the file can be mapped into memory. */
export const externalAlignment = 4096

/** A protobuf message has at most 2 GiB; the rest of them is for the graph. */
const largestInline = 2 ** 31 - 2 ** 26

/**
 * Extracts the part of an eval model that computes the named outputs, and puts the parameters' values in it.
 *
 * @param options `externalName`: the name of the file of external data; without it all values go into the model.
 *   `renamed`: new names of inputs and outputs
 * @throws ERR_OPTION for an output that the model does not have, or a new name that is taken; ERR_NOT_SUPPORTED for a model over
 *   2 GB without a file of external data
 */
export function exportModel(
  evalModel: Model,
  parameters: ReadonlyMap<string, NamedTensor>,
  outputNames: readonly string[],
  options: { readonly externalName?: string | undefined; readonly renamed?: Renamed } = {},
): ExportedModel {
  const { externalName, renamed = {} } = options
  const model = clone(ModelProtoSchema, evalModel) as Model
  const { graph } = model
  const computed = new Set(graph.node.flatMap(({ output }) => output))
  const declared = new Map([...graph.valueInfo, ...graph.output].map((value) => [value.name, value]))
  const outputs = outputNames.map((name) => {
    const value = declared.get(name)
    if (value && (computed.has(name) || graph.input.some((input) => input.name === name))) return value
    throw optionError(
      `the eval model has no output ${JSON.stringify(name)}; it computes ${[...declared.keys()].join(', ')}`,
    )
  })
  if (outputs.length === 0) throw optionError('name the outputs that the exported model is to have')

  const needed = dropUnused(graph, outputNames)
  graph.output = outputs
  graph.valueInfo = graph.valueInfo.filter(({ name }) => needed.has(name) && !outputNames.includes(name))
  const external: TensorData[] = []
  let offset = 0
  let inline = 0
  for (const { name } of graph.input) {
    const parameter = parameters.get(name)
    if (!parameter || !needed.has(name)) continue
    const { data } = parameter
    const tensor = create(TensorProtoSchema, {
      name,
      dims: parameter.dims.map(BigInt),
      dataType: parameter.dataType,
    })
    if (externalName === undefined) {
      inline += data.byteLength
      if (inline > largestInline) {
        throw unsupported(
          'the exported model would be over 2 GB, which is the most an ONNX file can be; export to a path: its values then ' +
            'go to a file beside it',
        )
      }
      tensor.rawData = new Uint8Array(data.buffer, data.byteOffset, data.byteLength).slice()
    } else {
      offset = Math.ceil(offset / externalAlignment) * externalAlignment
      placeOutside(tensor, externalName, offset, data.byteLength)
      external.push(data)
      offset += data.byteLength
    }
    graph.initializer.push(tensor)
  }
  graph.input = graph.input.filter(({ name }) => needed.has(name) && !parameters.has(name))
  rename(graph, renamed)
  return { model: writeModel(model), external }
}

/** Renames inputs and outputs. Inner values that have the new names make way; parameters keep theirs. */
function rename(graph: GraphProto, { inputs = {}, outputs = {} }: Renamed): void {
  const names = new Map<string, string>()
  const add = (option: string, wanted: Readonly<Record<string, string>>, known: readonly string[]): void => {
    if (typeof wanted !== 'object') throw optionError(`${option} takes new names by old ones`)
    for (const [from, to] of Object.entries(wanted)) {
      if (!known.includes(from)) {
        throw optionError(`${option}: there is no ${JSON.stringify(from)} to rename, but ${known.join(', ')}`)
      }
      if (typeof to !== 'string' || to === '') {
        throw optionError(
          `${option}: the new name of ${JSON.stringify(from)} must be a text, given ${show(to)}`,
        )
      }
      names.set(from, to)
    }
  }
  const ports = [graph.input, graph.output].map((values) => values.map(({ name }) => name))
  add('inputs', inputs, ports[0]!)
  add('outputs', outputs, ports[1]!)
  const taken = new Map<string, string>()
  for (const name of new Set([...ports.flat(), ...graph.initializer.map(({ name: own }) => own)])) {
    const to = names.get(name) ?? name
    if (taken.has(to)) {
      throw optionError(
        `the exported model would have two values called ${JSON.stringify(to)}: ${JSON.stringify(taken.get(to))} and ${JSON.stringify(name)}`,
      )
    }
    taken.set(to, name)
  }
  const fresh = freshNames(new Set([...namesIn(graph), ...names.values()]))
  for (const name of new Set(names.values())) if (!names.has(name)) names.set(name, fresh(name))
  renameValues(graph, names)
}

function placeOutside(tensor: TensorProto, location: string, offset: number, length: number): void {
  tensor.dataLocation = 1
  tensor.externalData = Object.entries({ location, offset: String(offset), length: String(length) }).map(
    ([key, value]) => create(StringStringEntryProtoSchema, { key, value }),
  )
}
