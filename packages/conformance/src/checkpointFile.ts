/**
 * The file format of checkpoints, written down a second time. It shares nothing with the core's writer and reader, so that a
 * fault which both of those have is seen.
 *
 * Little-endian: "IMCK", version u32, length of the header u32, CRC-32 of all that follows u32; then the header as JSON in
 * ASCII, padded with blanks to a multiple of 8 bytes; then the slots in the header's order, each padded with zeros likewise.
 */

/** The header of a file: plain data, of any form. */
export interface FileHeader {
  readonly parameters: readonly {
    readonly name: string
    readonly shape: readonly number[]
    readonly dtype: string
    readonly steps: number
    readonly slots: readonly string[]
  }[]
  readonly units: readonly {
    readonly key: string
    readonly average: number
    readonly steps: number
    readonly values?: Readonly<Record<string, number>>
  }[]
  readonly profiles?: readonly object[]
  readonly [key: string]: unknown
}

/** The contents of a file: its header, and the numbers of every slot, in the header's order. */
export interface FileContents {
  readonly version: number
  readonly header: FileHeader
  readonly slots: readonly (readonly number[])[]
}

const start = 16

/**
 * Reads a file.
 *
 * @throws Error if it does not follow the format, in words
 */
export function readFile(bytes: Uint8Array): FileContents {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const magic = String.fromCharCode(...bytes.subarray(0, 4))
  if (magic !== 'IMCK') throw new Error(`it begins with ${JSON.stringify(magic)}, not with "IMCK"`)
  const headerLength = view.getUint32(8, true)
  if (headerLength % 8 !== 0) throw new Error(`its header has ${headerLength} bytes, no multiple of 8`)
  const [stored, computed] = [view.getUint32(12, true), checksum(bytes.subarray(start))]
  if (stored !== computed) throw new Error(`its checksum is ${stored}, must be ${computed}`)
  const text = Array.from(bytes.subarray(start, start + headerLength), (code) =>
    String.fromCharCode(code),
  ).join('')
  const other = /[^\x20-\x7e]/.exec(text)
  if (other !== null) throw new Error(`its header has the byte ${other[0].charCodeAt(0)}, which is no ASCII`)
  const header = JSON.parse(text) as FileHeader
  let at = start + headerLength
  const slots = header.parameters.flatMap(({ shape, dtype, slots: names }) =>
    names.map(() => {
      const size = shape.reduce((product, extent) => product * extent, 1)
      const width = dtype === 'float64' ? 8 : 4
      const values = Array.from({ length: size }, (_, i) =>
        width === 8 ? view.getFloat64(at + 8 * i, true) : view.getFloat32(at + 4 * i, true),
      )
      at += padded(size * width)
      return values
    }),
  )
  if (at !== bytes.length) throw new Error(`it has ${bytes.length} bytes, must have ${at}`)
  return { version: view.getUint32(4, true), header, slots }
}

/** Writes a file, with a checksum that is right whatever the contents are. */
export function writeFile({ version, header, slots }: FileContents): Uint8Array<ArrayBuffer> {
  const text = JSON.stringify(header).replace(
    /[^\x20-\x7e]/g,
    (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`,
  )
  return assemble(
    version,
    text,
    header.parameters
      .flatMap(({ dtype, slots: names }) => names.map(() => dtype))
      .map((dtype, i) => {
        const values = slots[i] ?? []
        return dtype === 'float64' ? new Float64Array(values) : new Float32Array(values)
      }),
  )
}

/** Puts a file together from the text of its header and its arrays. */
export function assemble(
  version: number,
  text: string,
  arrays: readonly (Float32Array | Float64Array)[],
): Uint8Array<ArrayBuffer> {
  const headerLength = padded(text.length)
  const length = arrays.reduce((total, array) => total + padded(array.byteLength), start + headerLength)
  const bytes = new Uint8Array(length).fill(0x20, start, start + headerLength)
  const view = new DataView(bytes.buffer)
  for (let i = 0; i < text.length; i++) bytes[start + i] = text.charCodeAt(i)
  let at = start + headerLength
  for (const array of arrays) {
    array.forEach((value, i) => {
      if (array instanceof Float64Array) view.setFloat64(at + 8 * i, value, true)
      else view.setFloat32(at + 4 * i, value, true)
    })
    at += padded(array.byteLength)
  }
  for (let i = 0; i < 4; i++) bytes[i] = 'IMCK'.charCodeAt(i)
  view.setUint32(4, version, true)
  view.setUint32(8, headerLength, true)
  sign(bytes)
  return bytes
}

/** Writes the checksum of a file anew. */
export function sign(bytes: Uint8Array): void {
  new DataView(bytes.buffer, bytes.byteOffset).setUint32(12, checksum(bytes.subarray(start)), true)
}

function padded(length: number): number {
  return length + ((8 - (length % 8)) % 8)
}

/** CRC-32 (IEEE 802.3), bit by bit. */
function checksum(bytes: Uint8Array): number {
  let rest = 0xffffffff
  for (const byte of bytes) {
    rest ^= byte
    for (let bit = 0; bit < 8; bit++) rest = (rest & 1) === 1 ? (rest >>> 1) ^ 0xedb88320 : rest >>> 1
  }
  return (rest ^ 0xffffffff) >>> 0
}
