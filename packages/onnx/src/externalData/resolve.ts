import { clearField } from '@bufbuild/protobuf'
import { InducedMetricError } from '@induced-metric/core'
import { elementTypeOf } from '../proto/dataType.js'
import { TensorProtoSchema, type ModelProto, type TensorProto } from '../proto/onnx_pb.js'
import { dimsOf } from '../proto/tensor.js'
import { tensorsOf } from '../proto/tensors.js'
import { own } from '../own.js'
import { checkLocation, unreadable, type Extract } from './location.js'

/** The content of files of external data by their location, as the model has it; or a function that reads a part. */
export type ExternalData =
  | Readonly<Record<string, Uint8Array>>
  | ((location: string, offset: number, length: number) => Uint8Array | Promise<Uint8Array>)

/** The values of `TensorProto.data_location`. */
const places = { inside: 0, outside: 1 } as const

/**
 * Reads the values that a model has in other files, wherever in it a tensor stands. Nothing else reads such files, and the
 * runtime never gets to see a model that names one.
 *
 * @param model its tensors get their values
 * @param source where they come from; without one a model that has any is an error, and nothing is read
 * @param what names the model in errors
 * @param option what else can be done, in words that go on the sentence
 * @throws ERR_OPTION for values that are missing, outside the model's folder, or not where the tensor says
 */
export async function resolveExternalData(
  model: ModelProto,
  source: ExternalData | undefined,
  what: string,
  option = '',
): Promise<void> {
  for (const { tensor, place } of tensorsOf(model)) {
    if (!isOutside(tensor, place)) continue
    if (source === undefined) {
      throw new InducedMetricError(
        'ERR_OPTION',
        `the values of ${place} lie in a file beside ${what}: give ${what} by its path${option}`,
      )
    }
    const extract = extractOf(tensor, place)
    tensor.rawData = await read(extract, source)
    clearField(tensor, TensorProtoSchema.field.dataLocation)
    tensor.externalData = []
  }
}

/**
 * Makes sure that a model names no file, before the runtime gets it.
 *
 * @throws ERR_OPTION naming the tensor
 */
export function refuseExternalData(model: ModelProto, what: string): void {
  for (const { tensor, place } of tensorsOf(model)) {
    if (!isOutside(tensor, place)) continue
    throw new InducedMetricError(
      'ERR_OPTION',
      `${what}: the values of ${place} lie in another file, and were not read`,
    )
  }
}

function isOutside({ dataLocation }: TensorProto, place: string): boolean {
  // What was put together by hand may lack the field.
  if ((dataLocation ?? places.inside) === places.inside) return false
  if (dataLocation === places.outside) return true
  throw new InducedMetricError(
    'ERR_OPTION',
    `${place} says that its values lie at ${dataLocation}, which is no place`,
  )
}

function extractOf(tensor: TensorProto, place: string): Extract {
  const entries = new Map(tensor.externalData.map(({ key, value }) => [key, value]))
  const location = entries.get('location') ?? ''
  checkLocation(location, place)
  const length =
    dimsOf(tensor).reduce((size, extent) => size * extent, 1) * elementTypeOf(tensor.dataType).bytes
  const offset = wholeNumber(entries.get('offset') ?? '0')
  const stated = entries.has('length') ? wholeNumber(entries.get('length')!) : length
  if (stated === length && Number.isSafeInteger(offset + length)) return { location, offset, length }
  throw unreadable(
    location,
    `the values of ${place} take ${length} bytes, and are said to be ${entries.get('length') ?? length} at ` +
      `${entries.get('offset') ?? 0}`,
  )
}

function wholeNumber(text: string): number {
  return /^\d{1,16}$/.test(text) ? Number(text) : NaN
}

async function read(extract: Extract, source: ExternalData): Promise<Uint8Array> {
  const { location, offset, length } = extract
  if (typeof source === 'function') {
    const bytes: unknown = await source(location, offset, length)
    if (bytes instanceof Uint8Array && bytes.length === length) return bytes
    const given = bytes instanceof Uint8Array ? `${bytes.length} bytes` : `no Uint8Array but ${typeof bytes}`
    throw unreadable(location, `${length} bytes were asked for, and externalData gave ${given}`)
  }
  const bytes = own(source, location)
  if (!(bytes instanceof Uint8Array))
    throw unreadable(location, 'it is not among the files given with externalData')
  if (offset + length > bytes.length)
    throw unreadable(location, `it has ${bytes.length} bytes, and values end at ${offset + length}`)
  return bytes.subarray(offset, offset + length)
}
