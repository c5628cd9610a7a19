import { create, fromBinary, isMessage, toBinary } from '@bufbuild/protobuf'
import type { InducedMetricError } from '@induced-metric/core'
import { optionError, show, unsupported } from '@induced-metric/core/adapter'
import { coded, reasonOf } from '../errors.js'
import { toInt64 } from './int64.js'
import {
  ModelProtoSchema,
  OperatorSetIdProtoSchema,
  type GraphProto,
  type ModelProto,
  type NodeProto,
  type TensorProto,
  type ValueInfoProto,
} from './onnx_pb.js'

/** A model that has a graph. */
export type Model = ModelProto & { graph: GraphProto }

/**
 * Reads an ONNX model. Fields that this package does not know survive being written again.
 *
 * @param bytes the content of a `.onnx` file; the elements of tensors stay views of it
 * @param what names the model in errors
 * @throws ERR_NOT_SUPPORTED for a file in the `.ort` format; ERR_OPTION for anything else that is not an ONNX model
 */
export function readModel(bytes: Uint8Array, what = 'the model'): Model {
  if (!(bytes instanceof Uint8Array)) {
    throw optionError(`${what} must be a Uint8Array, given ${typeof bytes}`)
  }
  if (isOrtFormat(bytes)) {
    throw unsupported(
      `${what} is in the .ort format, which only the runtime that wrote it reads; generate the artifacts again with ` +
        'onnxruntime.training.artifacts.generate_artifacts(..., ort_format=False), which writes .onnx files',
    )
  }
  let model: ModelProto
  try {
    // A Node Buffer becomes a plain view: its slices would be Buffers, too.
    model = fromBinary(ModelProtoSchema, new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength))
  } catch (error) {
    throw notModel(what, bytes, reasonOf(error), error)
  }
  if (model.graph === undefined || model.graph.output.length === 0)
    throw notModel(what, bytes, 'it has no graph')
  return model as Model
}

/** The deepest nesting of messages that C++'s readers accept, the runtime's among them. */
const deepest = 100

/**
 * Makes sure that a message is a model that can be copied and written.
 *
 * @param what names it in errors
 * @throws ERR_OPTION if it is not a model, has no graph, or is nested without end
 */
export function checkModel(given: unknown, what = 'the model'): Model {
  if (!isMessage(given, ModelProtoSchema)) {
    throw optionError(
      `${what} must be the content of a .onnx file, or a model that readModel or createModel gave`,
    )
  }
  if (given.graph === undefined) throw optionError(`${what} has no graph`)
  const open: { readonly value: object; readonly depth: number }[] = [{ value: given, depth: 0 }]
  for (let top = open.pop(); top !== undefined; top = open.pop()) {
    if (top.depth > deepest) {
      throw optionError(
        `${what} is not valid ONNX: its parts lie more than ${deepest} deep inside one another`,
      )
    }
    for (const part of Object.values(top.value) as unknown[]) {
      // The elements of a list are of one kind: numbers, texts or messages.
      if (typeof part !== 'object' || part === null || ArrayBuffer.isView(part)) continue
      const isList = Array.isArray(part)
      if (isList && (typeof part[0] !== 'object' || ArrayBuffer.isView(part[0]))) continue
      // A list, or a choice among fields, is not a message of its own.
      const depth = top.depth + (isList || !('$typeName' in part) ? 0 : 1)
      open.push({ value: part, depth })
    }
  }
  return given as Model
}

/** The parts of a model. */
export interface ModelParts {
  /** In an order in which every value is computed before it is read. */
  readonly nodes: readonly NodeProto[]
  readonly inputs: readonly ValueInfoProto[]
  readonly outputs: readonly ValueInfoProto[]
  readonly initializers?: readonly TensorProto[]
  /** The version of ONNX's own operators. Default 17. */
  readonly opset?: number
  /** The versions of other operator sets, by domain. Default: version 1 of each domain that a node names. */
  readonly domains?: Readonly<Record<string, number>>
  /** The name of the graph. */
  readonly name?: string
  readonly metadata?: Readonly<Record<string, string>>
}

/** The version of the file format that came with each version of ONNX's operators. */
const formats: readonly (readonly [opset: number, format: bigint])[] = [
  [25, 13n],
  [24, 12n],
  [23, 11n],
  [21, 10n],
  [19, 9n],
  [15, 8n],
]

/** Creates a model. */
export function createModel(parts: ModelParts): Model {
  const { nodes, inputs, outputs, initializers = [], opset = 17, name = 'graph', metadata = {} } = parts
  const named = [...new Set(nodes.map(({ domain }) => canonicalDomain(domain)))].filter(Boolean)
  const domains = parts.domains ?? Object.fromEntries(named.map((domain) => [domain, 1]))
  return create(ModelProtoSchema, {
    irVersion: formats.find(([first]) => opset >= first)?.[1] ?? 7n,
    producerName: '@induced-metric/onnxruntime',
    opsetImport: Object.entries({ '': opset, ...domains }).map(([domain, version]) => ({
      domain,
      version: toInt64(version, `the version of ${show(domain)}`),
    })),
    graph: {
      name,
      node: [...nodes],
      input: [...inputs],
      output: [...outputs],
      initializer: [...initializers],
    },
    metadataProps: Object.entries(metadata).map(([key, value]) => ({ key, value })),
  }) as Model
}

/**
 * Writes an ONNX model of at most 2 GB, which is protobuf's limit.
 *
 * @throws ERR_OPTION for a message with a value that its field cannot hold; ERR_NOT_SUPPORTED for one that is too
 *   large
 */
export function writeModel(model: ModelProto): Uint8Array<ArrayBuffer> {
  try {
    return toBinary(ModelProtoSchema, model)
  } catch (error) {
    const isTooLarge = error instanceof RangeError
    throw isTooLarge
      ? coded('ERR_NOT_SUPPORTED', 'the model cannot be written: a file holds at most 2 GB', error)
      : coded('ERR_OPTION', 'the model cannot be written', error)
  }
}

/** The version of an operator set that a model imports; '' is ONNX's own. */
export function opsetOf(model: ModelProto, domain = ''): number | undefined {
  const found = model.opsetImport.find((opset) => canonicalDomain(opset.domain) === domain)
  return found && Number(found.version)
}

/** Makes a model import a version of an operator set, replacing the one that it imports. */
export function setOpset(model: ModelProto, domain: string, version: number): void {
  model.opsetImport = [
    ...model.opsetImport.filter((opset) => canonicalDomain(opset.domain) !== domain),
    create(OperatorSetIdProtoSchema, {
      domain,
      version: toInt64(version, `the version of ${show(domain)}`),
    }),
  ]
}

/** Returns a node's domain, with '' as the only name for ONNX's own. */
export function canonicalDomain(domain: string): string {
  return domain === 'ai.onnx' ? '' : domain
}

function isOrtFormat(bytes: Uint8Array): boolean {
  return bytes.length >= 8 && String.fromCharCode(...bytes.subarray(4, 8)) === 'ORTM'
}

function notModel(what: string, bytes: Uint8Array, reason: string, cause?: unknown): InducedMetricError {
  return optionError(
    `${what} is no ONNX model (${bytes.length} bytes): ${reason}; give the content of a .onnx file, or its path`,
    { cause },
  )
}
