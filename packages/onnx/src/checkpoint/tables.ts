import { checkpointError } from '@induced-metric/core/adapter'

/** A table of a flatbuffer: its position, and the position of its directory of fields. */
export interface Table {
  readonly at: number
  readonly directory: number
  /** The directory's length in bytes. */
  readonly length: number
}

/** Reads the tables of a flatbuffer. It checks every offset and length before it follows it. */
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
 * The generated readers of flatbuffers trust their file. Beyond its end they read NaN, and if a million offsets in a vector
 * point to the same large tensor, they copy it a million times. This reader pays for everything it reads, so that a file
 * makes it do work in proportion to the file's length and no more: this many times its bytes.
 */
const generosity = 8

/** Follows the offsets of a flatbuffer and checks every one. */
interface Cursor {
  readonly view: DataView
  /** Checks that bytes are within the file, and returns their position. */
  readonly within: (at: number, length: number) => number
  readonly open: (at: number) => Table
  /** The position of a field's value; undefined if it has its default. */
  readonly find: (table: Table, field: number, width: number) => number | undefined
  /** The position that an offset points to. */
  readonly follow: (at: number) => number
  /** The position of a vector's elements, and their number. */
  readonly vector: (
    table: Table,
    field: number,
    width: number,
  ) => { readonly start: number; readonly count: number } | undefined
}

function createCursor(bytes: Uint8Array, what: string): Cursor {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  let left = generosity * bytes.length

  function pay(length: number): void {
    left -= length
    if (left < 0) throw checkpointError(`${what} is altered: its parts overlap`)
  }
  function within(at: number, length: number): number {
    if (at >= 0 && length >= 0 && at + length <= bytes.length) return at
    throw checkpointError(
      `${what} is truncated or altered: it points to byte ${at + length} of ${bytes.length}`,
    )
  }
  function follow(at: number): number {
    return at + view.getUint32(at, true)
  }
  function find(table: Table, field: number, width: number): number | undefined {
    const entry = 4 + 2 * field
    const offset = entry + 2 <= table.length ? view.getUint16(table.directory + entry, true) : 0
    return offset === 0 ? undefined : within(table.at + offset, width)
  }
  return {
    view,
    within,
    follow,
    find,
    open(at) {
      pay(8)
      const directory = within(at - view.getInt32(within(at, 4), true), 4)
      const length = view.getUint16(directory, true)
      if (length < 4 || length % 2 !== 0)
        throw checkpointError(`${what} is altered: a table has no valid directory`)
      within(directory, length)
      return { at, directory, length }
    },
    vector(table, field, width) {
      const at = find(table, field, 4)
      if (at === undefined) return undefined
      const start = within(follow(at), 4) + 4
      const count = view.getUint32(start - 4, true)
      within(start, count * width)
      pay(count * width)
      return { start, count }
    },
  }
}

/**
 * Creates a reader of a flatbuffer that may come from anyone.
 *
 * @param what names it in errors
 * @throws ERR_CHECKPOINT, as do its methods, for any position outside the bytes
 */
export function readTables(bytes: Uint8Array, what = 'the checkpoint'): TableReader {
  const { view, within, follow, open, find, vector } = createCursor(bytes, what)
  const decoder = new TextDecoder('utf-8', { fatal: true })

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
        throw checkpointError(`${what} is altered: a name in it is not UTF-8`)
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
