import { clearField } from '@bufbuild/protobuf'
import { optionError } from '@induced-metric/core/adapter'
import { bytesOf } from '../proto/dataType.js'
import { TensorProtoSchema, type ModelProto, type TensorProto } from '../proto/onnx_pb.js'
import { dimsOf } from '../proto/tensor.js'
import { tensorsOf } from '../proto/tensors.js'
import { own } from '../own.js'
import { checkLocation, unreadable, type Extract } from './location.js'

/**
 * The contents of external data files by their location, as the model spells it; or a function that reads a part of
 * one.
 */
export type ExternalData =
  | Readonly<Record<string, Uint8Array>>
  | ((location: string, offset: number, length: number) => Uint8Array | Promise<Uint8Array>)

/** The values of `TensorProto.data_location`. */
const places = { inside: 0, outside: 1 } as const

/**
 * Reads the values that a model stores in other files, wherever the tensor is in the model. Nothing else reads such
 * files, and the runtime never sees a model that names one.
 *
 * @param model its tensors get their values
 * @param source the files. Without it a model with external values is an error, and nothing is read
 * @param what names the model in errors
 * @param option another way out, as the end of the error's sentence
 * @throws ERR_OPTION for values that are missing, outside the model's folder, or not at the position that the tensor
 *   gives
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
      throw optionError(
        `the values of ${place} are stored in a file beside ${what}: give ${what} by its path${option}`,
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
    throw optionError(`${what}: the values of ${place} are stored in another file, and were not read`)
  }
}

function isOutside({ dataLocation }: TensorProto, place: string): boolean {
  // A message that was put together by hand may lack the field.
  if ((dataLocation ?? places.inside) === places.inside) return false
  if (dataLocation === places.outside) return true
  throw optionError(`${place} gives ${dataLocation} as the location of its values, which is not one`)
}

function extractOf(tensor: TensorProto, place: string): Extract {
  const entries = new Map(tensor.externalData.map(({ key, value }) => [key, value]))
  const location = entries.get('location') ?? ''
  checkLocation(location, place)
  const length = bytesOf(
    tensor.dataType,
    dimsOf(tensor).reduce((size, extent) => size * extent, 1),
  )
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
    const given =
      bytes instanceof Uint8Array
        ? `${bytes.length} bytes`
        : `externalData must give a Uint8Array, gave ${typeof bytes}`
    throw unreadable(location, `${length} bytes were asked for, and externalData gave ${given}`)
  }
  const bytes = own(source, location)
  if (!(bytes instanceof Uint8Array))
    throw unreadable(location, 'it is not among the files given with externalData')
  if (offset + length > bytes.length)
    throw unreadable(location, `it has ${bytes.length} bytes, and values end at ${offset + length}`)
  return bytes.subarray(offset, offset + length)
}
