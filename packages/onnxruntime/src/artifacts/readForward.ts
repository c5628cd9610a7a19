import { clone } from '@bufbuild/protobuf'
import { InducedMetricError } from '@induced-metric/core'
import { readArtifact, type Artifact } from '../artifact.js'
import { elementTypeOf } from '../onnx/dataType.js'
import { readModel, type Model } from '../onnx/model.js'
import { ModelProtoSchema, type TensorProto } from '../onnx/onnx_pb.js'
import { dimsOf } from '../onnx/tensor.js'
import { withFields } from './values.js'

/** The content of files of external data by their location, as the model has it; or a function that reads a part. */
export type ExternalData =
  | Readonly<Record<string, Uint8Array>>
  | ((location: string, offset: number, length: number) => Uint8Array | Promise<Uint8Array>)

const external = 1

/**
 * Reads a model with the values of its constants, those in files beside it among them.
 *
 * @returns a model of the caller's own to change, but for the elements of its tensors
 * @throws ERR_OPTION for what is no model, or external data that are missing, too short or outside the model's folder
 */
export async function readForward(given: Artifact | Model, externalData?: ExternalData): Promise<Model> {
  const isMessage = typeof given === 'object' && 'graph' in given
  const model = isMessage
    ? copyOf(given)
    : readModel(await readArtifact(given, 'the model', 'ERR_OPTION'), 'the model')
  const outside = model.graph.initializer.filter(({ dataLocation }) => dataLocation === external)
  if (outside.length === 0) return model
  const isPath = typeof given === 'string' && !/^https?:/.test(given)
  const isFile = given instanceof URL && given.protocol === 'file:'
  const source = externalData ?? (isPath || isFile ? await folderOf(given) : undefined)
  if (source === undefined) {
    throw new InducedMetricError(
      'ERR_OPTION',
      `the values of ${JSON.stringify(outside[0]!.name)} lie in a file beside the model: give the model by its path, or the ` +
        'contents of such files with the option externalData',
    )
  }
  for (const tensor of outside) await resolve(tensor, source)
  return model
}

/** A copy of all but the elements of the constants, which may be many and are not changed. */
function copyOf(model: Model): Model {
  const { initializer } = model.graph
  const copy = clone(
    ModelProtoSchema,
    withFields(model, { graph: withFields(model.graph, { initializer: [] }) }),
  ) as Model
  copy.graph.initializer = initializer.map((tensor) => withFields(tensor, {}))
  return copy
}

/** Reads parts of files in the folder of a model. */
async function folderOf(path: string | URL): Promise<ExternalData> {
  const { open } = await import('node:fs/promises')
  const paths = await import('node:path')
  const { fileURLToPath } = await import('node:url')
  const folder = paths.dirname(typeof path === 'string' ? path : fileURLToPath(path))
  return async (location, offset, length) => {
    const file = await open(paths.join(folder, location), 'r').catch((error: unknown) => {
      throw broken(location, error instanceof Error ? error.message : String(error))
    })
    try {
      const { size } = await file.stat()
      if (offset + length > size)
        throw broken(location, `it has ${size} bytes, and values end at ${offset + length}`)
      const bytes = new Uint8Array(length)
      for (let done = 0; done < length;) {
        const { bytesRead } = await file.read(bytes, done, Math.min(2 ** 30, length - done), offset + done)
        if (bytesRead === 0) throw broken(location, `it ends at byte ${offset + done}`)
        done += bytesRead
      }
      return bytes
    } finally {
      await file.close()
    }
  }
}

async function resolve(tensor: TensorProto, source: ExternalData): Promise<void> {
  const entries = new Map(tensor.externalData.map(({ key, value }) => [key, value]))
  const location = entries.get('location') ?? ''
  // A file must not make us read another than those beside it.
  const parts = location.split(/[\\/]/)
  if (location === '' || parts.includes('..') || /^([\\/]|[a-zA-Z]:)/.test(location)) {
    throw broken(location, `the values of ${JSON.stringify(tensor.name)} must lie in the folder of the model`)
  }
  const length =
    dimsOf(tensor).reduce((size, extent) => size * extent, 1) * elementTypeOf(tensor.dataType).bytes
  const offset = Number(entries.get('offset') ?? 0)
  const stated = Number(entries.get('length') ?? length)
  if (
    !Number.isSafeInteger(offset) ||
    offset < 0 ||
    stated !== length ||
    !Number.isSafeInteger(offset + length)
  ) {
    throw broken(
      location,
      `the values of ${JSON.stringify(tensor.name)} take ${length} bytes, and are said to be ${stated} at ${offset}`,
    )
  }
  if (typeof source === 'function') {
    const bytes = await source(location, offset, length)
    if (bytes.length !== length)
      throw broken(location, `${length} bytes were asked for, ${bytes.length} given`)
    tensor.rawData = bytes
  } else {
    const bytes = Object.hasOwn(source, location) ? source[location] : undefined
    if (bytes === undefined) throw broken(location, 'it is not among the files given with externalData')
    if (offset + length > bytes.length) {
      throw broken(location, `it has ${bytes.length} bytes, and values end at ${offset + length}`)
    }
    tensor.rawData = bytes.subarray(offset, offset + length)
  }
  tensor.dataLocation = 0
  tensor.externalData = []
}

function broken(location: string, reason: string): InducedMetricError {
  return new InducedMetricError('ERR_OPTION', `external data ${JSON.stringify(location)}: ${reason}`)
}
