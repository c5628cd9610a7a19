import type { ElementType, TypedArray } from '../dtype.js'
import { checkpointError, show } from '../errors.js'
import { sizeOf } from '../shape.js'
import {
  checkCheckpoint,
  checkHeader,
  checkParameterState,
  type Checkpoint,
  type Header,
  type ParameterState,
} from './checkpoint.js'

// Layout, little-endian: "IMCK", version u32, length of header u32, CRC-32 of all that follows u32, header as JSON in
// ASCII padded with spaces to a multiple of 8, then the slots in the header's order, each padded likewise.
const magic = 0x4b434d49
const prefixLength = 16

/**
 * Writes a checkpoint as bytes.
 *
 * @returns a versioned, self-describing file with a checksum; readable by every adapter
 * @throws ERR_CHECKPOINT when it is not a checkpoint, or a slot lacks its parameter's size and element type
 *
 * @example
 * ```ts
 * import { adam, createOptimizer, decodeCheckpoint, encodeCheckpoint, inducedMetric } from '@induced-metric/core'
 *
 * const weights = { name: 'w', shape: [2], data: new Float32Array([1, 2]) }
 * const optimizer = createOptimizer(inducedMetric(adam(), { learningRate: 0.1 }), [weights])
 * optimizer.step([new Float32Array([0.5, -0.5])])
 * const bytes = encodeCheckpoint(optimizer.save())
 * optimizer.load(decodeCheckpoint(bytes))
 * ```
 */
export function encodeCheckpoint(checkpoint: Checkpoint): Uint8Array {
  checkCheckpoint(checkpoint)
  for (const state of checkpoint.parameters)
    checkParameterState(state, { ...state, slots: Object.keys(state.slots) })
  const { parameters, ...rest } = checkpoint
  const header: Header = {
    ...rest,
    parameters: parameters.map(({ slots, ...parameter }) => ({ ...parameter, slots: Object.keys(slots) })),
  }
  const text = encodeText(JSON.stringify(header))
  const headerLength = aligned(text.length)
  const arrays = parameters.flatMap(({ slots }) => Object.values(slots))
  const length = arrays.reduce(
    (total, array) => total + aligned(array.byteLength),
    prefixLength + headerLength,
  )

  const bytes = new Uint8Array(length)
  bytes.fill(0x20, prefixLength, prefixLength + headerLength).set(text, prefixLength)
  let offset = prefixLength + headerLength
  for (const array of arrays) {
    bytes.set(littleEndian(array), offset)
    offset += aligned(array.byteLength)
  }
  const view = new DataView(bytes.buffer)
  view.setUint32(0, magic, true)
  view.setUint32(4, checkpoint.version, true)
  view.setUint32(8, headerLength, true)
  view.setUint32(12, crc32(bytes.subarray(prefixLength)), true)
  return bytes
}

/**
 * Reads a checkpoint from bytes. They may come from anyone, so every length is checked before anything is allocated.
 *
 * @throws ERR_CHECKPOINT when the bytes are not a checkpoint, of another version, truncated or altered
 */
export function decodeCheckpoint(bytes: Uint8Array): Checkpoint {
  if (!(bytes instanceof Uint8Array))
    throw checkpointError(`expected the bytes of a checkpoint, given ${show(bytes)}`)
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  if (bytes.length < prefixLength || view.getUint32(0, true) !== magic) {
    throw checkpointError('these bytes are not an induced-metric checkpoint')
  }
  const version = view.getUint32(4, true)
  if (version !== 1)
    throw checkpointError(`the checkpoint has version ${version}; this release reads version 1`)
  const headerLength = view.getUint32(8, true)
  if (prefixLength + headerLength > bytes.length)
    throw checkpointError('the checkpoint is truncated: its header is incomplete')
  const stored = view.getUint32(12, true)
  if (crc32(bytes.subarray(prefixLength)) !== stored)
    throw checkpointError('the checkpoint is truncated or altered: checksum differs')

  const header = parseHeader(bytes.subarray(prefixLength, prefixLength + headerLength))
  let offset = prefixLength + headerLength
  const parameters = header.parameters.map(({ slots: names, ...parameter }): ParameterState => {
    const { shape, slotShapes = {} } = parameter
    const width = parameter.dtype === 'float64' ? 8 : 4
    const slots: [string, TypedArray][] = names.map((name) => {
      const byteLength = sizeOf(Object.hasOwn(slotShapes, name) ? slotShapes[name]! : shape) * width
      if (offset + byteLength > bytes.length)
        throw checkpointError(`the checkpoint is truncated at slot ${name} of ${parameter.name}`)
      // Not bytes.slice(), which does not copy a Node Buffer.
      const copy = new Uint8Array(bytes.subarray(offset, offset + byteLength))
      offset += aligned(byteLength)
      return [name, fromLittleEndian(copy, parameter.dtype)]
    })
    return { ...parameter, slots: Object.fromEntries(slots) }
  })
  if (offset !== bytes.length)
    throw checkpointError(`the checkpoint has ${bytes.length - offset} bytes after its last slot`)
  return { ...header, parameters }
}

function parseHeader(bytes: Uint8Array): Header {
  let header: unknown
  try {
    header = JSON.parse(decodeText(bytes))
  } catch {
    throw checkpointError('the checkpoint has a header that is not JSON')
  }
  checkHeader(header, isNameList)
  return header as Header
}

/** Whether a value is an array of distinct strings. */
function isNameList(value: unknown): boolean {
  return (
    Array.isArray(value) &&
    value.every((name) => typeof name === 'string') &&
    new Set(value).size === value.length
  )
}

// ASCII, with JSON's own escapes: it needs no TextEncoder, because core uses nothing but the language.
function encodeText(json: string): Uint8Array {
  const ascii = json.replace(
    /[^\x20-\x7e]/g,
    (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`,
  )
  const bytes = new Uint8Array(ascii.length)
  for (let i = 0; i < bytes.length; i++) bytes[i] = ascii.charCodeAt(i)
  return bytes
}

function decodeText(bytes: Uint8Array): string {
  let text = ''
  for (let i = 0; i < bytes.length; i += 4096)
    text += Reflect.apply(String.fromCharCode, undefined, bytes.subarray(i, i + 4096)) as string
  return text
}

function aligned(length: number): number {
  return Math.ceil(length / 8) * 8
}

const hostIsLittleEndian = new Uint8Array(new Uint16Array([1]).buffer)[0] === 1

function littleEndian(array: TypedArray): Uint8Array {
  const bytes = new Uint8Array(array.buffer, array.byteOffset, array.byteLength)
  return hostIsLittleEndian ? bytes : swapped(bytes.slice(), array.BYTES_PER_ELEMENT)
}

function fromLittleEndian(bytes: Uint8Array<ArrayBuffer>, dtype: ElementType): TypedArray {
  const width = dtype === 'float64' ? 8 : 4
  const { buffer } = hostIsLittleEndian ? bytes : swapped(bytes, width)
  return dtype === 'float64' ? new Float64Array(buffer) : new Float32Array(buffer)
}

function swapped(bytes: Uint8Array<ArrayBuffer>, width: number): Uint8Array<ArrayBuffer> {
  for (let i = 0; i < bytes.length; i += width) bytes.subarray(i, i + width).reverse()
  return bytes
}

const crcTable = Int32Array.from({ length: 256 }, (_, index) => {
  let c = index
  for (let bit = 0; bit < 8; bit++) c = c & 1 ? 0xedb88320 ^ (c >>> 1) : c >>> 1
  return c
})

/** CRC-32 as in zlib. */
function crc32(bytes: Uint8Array): number {
  let crc = -1
  for (let i = 0; i < bytes.length; i++) crc = crcTable[(crc ^ bytes[i]!) & 0xff]! ^ (crc >>> 8)
  return ~crc >>> 0
}
