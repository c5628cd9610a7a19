/** A .npy file, as numpy.save writes it. */
export function npy(
  descr: string,
  shape: readonly number[],
  data: { buffer: ArrayBufferLike; byteOffset: number; byteLength: number },
  { version = 1, fortran = false }: { version?: number; fortran?: boolean } = {},
): Uint8Array {
  const extents = shape.length === 1 ? `${shape[0]},` : shape.join(', ')
  const text = `{'descr': '${descr}', 'fortran_order': ${fortran ? 'True' : 'False'}, 'shape': (${extents}), }`
  const start = version === 1 ? 10 : 12
  const header = `${text.padEnd(Math.ceil((start + text.length + 1) / 64) * 64 - start - 1)}\n`
  const length = Buffer.alloc(start - 8)
  if (version === 1) length.writeUInt16LE(header.length)
  else length.writeUInt32LE(header.length)
  const values = new Uint8Array(data.buffer, data.byteOffset, data.byteLength)
  return new Uint8Array(
    Buffer.concat([
      Buffer.from(`\x93NUMPY${String.fromCharCode(version, 0)}`, 'latin1'),
      length,
      Buffer.from(header),
      values,
    ]),
  )
}
