import { broken } from './broken.js'

/** A table of a flatbuffer: where it begins, and its directory of fields. */
export interface Table {
  readonly at: number
  readonly directory: number
  /** Bytes of the directory. */
  readonly length: number
}

/** Reads the tables of a flatbuffer. Every offset and length is checked before it is followed. */
export interface TableReader {
  root(): Table
  int32(table: Table, field: number, otherwise: number): number
  int64(table: Table, field: number, otherwise: bigint): bigint
  float32(table: Table, field: number, otherwise: number): number
  boolean(table: Table, field: number): boolean
  string(table: Table, field: number): string | undefined
  /** A view of the file. */
  bytes(table: Table, field: number): Uint8Array | undefined
  int64s(table: Table, field: number): bigint[]
  table(table: Table, field: number): Table | undefined
  tables(table: Table, field: number): Table[]
}

/**
 * The generated readers of flatbuffers trust their file: beyond its end they read NaN, and a vector in which a million
 * offsets point to the same large tensor makes them copy it a million times. Here whatever is read is paid for, so that
 * a file makes the reader do work in proportion to its length and no more.
 */
const generosity = 8

/**
 * A reader of a flatbuffer that may come from anyone.
 *
 * @throws ERR_CHECKPOINT, as do its methods, for whatever is not within the bytes
 */
export function readTables(bytes: Uint8Array): TableReader {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const decoder = new TextDecoder('utf-8', { fatal: true })
  let left = generosity * bytes.length

  function within(at: number, length: number): number {
    if (at >= 0 && length >= 0 && at + length <= bytes.length) return at
    throw broken(
      `the checkpoint is truncated or altered: it points to byte ${at + length} of ${bytes.length}`,
    )
  }
  function pay(length: number): void {
    left -= length
    if (left < 0) throw broken('the checkpoint is altered: its parts overlap')
  }
  function open(at: number): Table {
    pay(8)
    const directory = within(at - view.getInt32(within(at, 4), true), 4)
    const length = view.getUint16(directory, true)
    if (length < 4 || length % 2 !== 0)
      throw broken('the checkpoint is altered: a table has no valid directory')
    within(directory, length)
    return { at, directory, length }
  }
  /** Where a field's value lies; undefined where it has its default. */
  function find(table: Table, field: number, width: number): number | undefined {
    const entry = 4 + 2 * field
    const offset = entry + 2 <= table.length ? view.getUint16(table.directory + entry, true) : 0
    return offset === 0 ? undefined : within(table.at + offset, width)
  }
  function follow(at: number): number {
    return at + view.getUint32(at, true)
  }
  /** Where a vector's elements begin, and their number. */
  function vector(table: Table, field: number, width: number): { start: number; count: number } | undefined {
    const at = find(table, field, 4)
    if (at === undefined) return undefined
    const start = within(follow(at), 4) + 4
    const count = view.getUint32(start - 4, true)
    within(start, count * width)
    pay(count * width)
    return { start, count }
  }
  function bytesOf(table: Table, field: number): Uint8Array | undefined {
    const found = vector(table, field, 1)
    return found && bytes.subarray(found.start, found.start + found.count)
  }

  return {
    root: () => open(follow(within(0, 4))),
    int32(table, field, otherwise) {
      const at = find(table, field, 4)
      return at === undefined ? otherwise : view.getInt32(at, true)
    },
    int64(table, field, otherwise) {
      const at = find(table, field, 8)
      return at === undefined ? otherwise : view.getBigInt64(at, true)
    },
    float32(table, field, otherwise) {
      const at = find(table, field, 4)
      return at === undefined ? otherwise : view.getFloat32(at, true)
    },
    boolean(table, field) {
      const at = find(table, field, 1)
      return at !== undefined && view.getUint8(at) !== 0
    },
    string(table, field) {
      const text = bytesOf(table, field)
      try {
        return text && decoder.decode(text)
      } catch {
        throw broken('the checkpoint is altered: a name in it is not UTF-8')
      }
    },
    bytes: bytesOf,
    int64s(table, field) {
      const found = vector(table, field, 8)
      if (!found) return []
      return Array.from({ length: found.count }, (_, i) => view.getBigInt64(found.start + 8 * i, true))
    },
    table(table, field) {
      const at = find(table, field, 4)
      return at === undefined ? undefined : open(follow(at))
    },
    tables(table, field) {
      const found = vector(table, field, 4)
      if (!found) return []
      return Array.from({ length: found.count }, (_, i) => open(follow(found.start + 4 * i)))
    },
  }
}
