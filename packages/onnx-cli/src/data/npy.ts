import { UsageError } from '../usageError.js'
import type { Table } from './table.js'

type Elements = ArrayLike<number | bigint>
type View = new (buffer: ArrayBuffer) => Elements

const types: Readonly<Record<string, readonly [bytes: number, view: View]>> = {
  f4: [4, Float32Array],
  f8: [8, Float64Array],
  i1: [1, Int8Array],
  i2: [2, Int16Array],
  i4: [4, Int32Array],
  i8: [8, BigInt64Array],
  u1: [1, Uint8Array],
  b1: [1, Uint8Array],
  u2: [2, Uint16Array],
  u4: [4, Uint32Array],
  u8: [8, BigUint64Array],
}

/**
 * Reads an array as NumPy saves it (`numpy.save`), as rows along its first axis.
 *
 * @param bytes - the file's contents
 * @param name - the file's name in messages
 * @throws UsageError if it is another kind of file, truncated, or does not contain numbers
 */
export function readNpy(bytes: Uint8Array, name: string): Table {
  const fail = (reason: string): never => {
    throw new UsageError(`${name}: ${reason}`)
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const magic = String.fromCharCode(...bytes.subarray(0, 6))
  if (bytes.length < 12 || magic !== '\x93NUMPY') fail('not a .npy file (numpy.save writes them)')
  const version = bytes[6]!
  if (version < 1 || version > 3) fail(`version ${version} of the .npy format; 1 to 3 can be read`)
  const start = version === 1 ? 10 : 12
  const end = start + (version === 1 ? view.getUint16(8, true) : view.getUint32(8, true))
  if (end > bytes.length) fail('truncated: its header is incomplete')
  const header = new TextDecoder().decode(bytes.subarray(start, end))

  const descr = /'descr'\s*:\s*'([^']*)'/.exec(header)?.[1] ?? fail('its header does not say what it holds')
  const order = /'fortran_order'\s*:\s*(True|False)/.exec(header)?.[1]
  const extents = /'shape'\s*:\s*\(([\d\s,]*)\)/.exec(header)?.[1] ?? fail('its header has no shape')
  const shape = extents
    .split(',')
    .map((extent) => extent.trim())
    .filter((extent) => extent !== '')
    .map(Number)
  const [, endian, code] = /^([<>|=])(\w+)$/.exec(descr) ?? []
  const type = code === undefined || endian === '>' ? undefined : types[code]
  if (!type)
    return fail(`elements of type ${descr}; little-endian integers and floats of 4 or 8 bytes can be read`)
  if (order === 'True' && shape.length > 1) fail('in Fortran order; save numpy.ascontiguousarray(array)')

  const [width, TypedArray] = type
  const size = shape.reduce((product, extent) => product * extent, 1)
  if (!Number.isSafeInteger(size * width) || end + size * width > bytes.length) {
    fail(`truncated: ${bytes.length - end} bytes of values where its header promises ${shape.join('×')}`)
  }
  const rows = shape[0] ?? 1
  // A copy, because the values need not be aligned.
  const values = new TypedArray(new Uint8Array(bytes.subarray(end, end + size * width)).buffer)
  const columns = rows === 0 ? 0 : size / rows
  return { rows, columns, values, placeOf: (row) => `${name}, row ${row + 1}` }
}
