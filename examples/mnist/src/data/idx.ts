/** The contents of an IDX file of unsigned bytes: the shape from its header, and the bytes that follow. */
export interface IdxArray {
  readonly shape: readonly number[]
  readonly data: Uint8Array
}

const UNSIGNED_BYTE = 0x08

/**
 * Reads the IDX format of the MNIST files: two zero bytes, a type byte, the number of dimensions, one
 * big-endian 32-bit size for each dimension, then the values.
 *
 * @param bytes - the whole file
 * @param name - the name of the file in error messages
 * @param rank - the number of dimensions the file must have
 * @throws Error when the header or the length is wrong
 */
export function parseIdx(bytes: Uint8Array, name: string, rank: number): IdxArray {
  const headerLength = 4 + 4 * rank
  if (bytes.length < headerLength)
    throw new Error(`${name}: ${bytes.length} bytes are too few for an IDX header of ${headerLength}.`)
  if (bytes[0] === 0x1f && bytes[1] === 0x8b)
    throw new Error(`${name}: the file is gzipped; unpack it first.`)
  if (bytes[0] !== 0 || bytes[1] !== 0)
    throw new Error(`${name}: not an IDX file (it must begin with two zero bytes).`)
  if (bytes[2] !== UNSIGNED_BYTE)
    throw new Error(`${name}: type code ${bytes[2]} where unsigned bytes (8) were expected.`)
  if (bytes[3] !== rank) throw new Error(`${name}: ${bytes[3]} dimensions where ${rank} were expected.`)

  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const shape = Array.from({ length: rank }, (_, axis) => view.getUint32(4 + 4 * axis))
  const expected = shape.reduce((product, size) => product * size, 1)
  const actual = bytes.length - headerLength
  if (actual !== expected)
    throw new Error(
      `${name}: ${actual} bytes of values where its header promises ${shape.join('×')} = ${expected}.`,
    )
  return { shape, data: new Uint8Array(bytes.buffer, bytes.byteOffset + headerLength, expected) }
}
