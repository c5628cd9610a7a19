import type { ElementType } from '../../../dtype.js'
import { encodeModule, type Bytes, type FunctionCode } from './encoder.js'
import {
  advance,
  countDown,
  get,
  i32,
  i64,
  loadI32,
  loadI64,
  Locals,
  op,
  repeatWhile,
  set,
  storeI32,
  storeI64,
  tee,
  when,
} from './instructions.js'
import { pair, vectorTypes, type VectorType } from './vectors.js'

/**
 * The inner loops of matrix products, as Goto and van de Geijn block them: `pack` copies a block of each factor into
 * the order in which the innermost loop reads it, and `tiles` keeps a tile of the product in registers while that loop
 * runs.
 */

/** Rows of a tile of the product. */
export const tileRows = 4

/** Vectors in a row of a tile. */
export const tileVectors = 2

/** The bytes of the module. */
export function encodeMatrixModule(dtype: ElementType, shared = false): Uint8Array {
  const type = vectorTypes[dtype]
  return encodeModule([emitPack(type), emitTiles(type)], shared)
}

/** Copies the bits of an element. */
function copyElement(type: VectorType, to: Bytes, from: Bytes): Bytes {
  return type.bytes === 4 ? [to, from, loadI32(0), storeI32(0)] : [to, from, loadI64(0), storeI64(0)]
}

function zeroElement(type: VectorType, to: Bytes): Bytes {
  return type.bytes === 4 ? [to, i32(0), storeI32(0)] : [to, i64(0), storeI64(0)]
}

/**
 * pack(from, to, n, inner, step, innerStep, tile): takes groups of `tile` along n, and for every inner index writes
 * the group's elements side by side. It fills the last group up with zeros. Steps are in bytes.
 */
function emitPack(type: VectorType): FunctionCode {
  const [from, to, n, inner, step, innerStep, tile] = [0, 1, 2, 3, 4, 5, 6] as const
  const locals = new Locals(7)
  const groups = locals.add('i32')
  const full = locals.add('i32')
  const row = locals.add('i32')
  const source = locals.add('i32')
  const k = locals.add('i32')
  const t = locals.add('i32')
  const next = advance(to, i32(type.bytes))
  const copy = [copyElement(type, get(to), get(source)), next, advance(source, get(step))]
  const pad = [zeroElement(type, get(to)), next]
  const body = [
    // groups = ⌈n / tile⌉
    set(groups, get(n), get(tile), [op.i32Add], i32(1), [op.i32Sub], get(tile), [op.i32DivUnsigned]),
    countDown(groups, [
      set(full, minimum(get(tile), get(n))),
      set(row, get(from)),
      set(k, get(inner)),
      countDown(k, [
        set(source, get(row)),
        set(t, get(full)),
        countDown(t, copy),
        set(t, get(tile), get(full), [op.i32Sub]),
        countDown(t, pad),
        advance(row, get(innerStep)),
      ]),
      advance(from, [get(tile), get(step), op.i32Mul]),
      set(n, get(n), get(full), [op.i32Sub]),
    ]),
  ]
  return { name: 'pack', parameters: 7, locals: locals.types, body }
}

/** The parameters of `tiles`, in their order. */
const parameter = {
  a: 0,
  b: 1,
  to: 2,
  rows: 3,
  columns: 4,
  inner: 5,
  rowBytes: 6,
  accumulate: 7,
  scratch: 8,
} as const

/** The locals of `tiles`, and the extents of its tiles in bytes. */
type TilesFrame = ReturnType<typeof createTilesFrame>

function createTilesFrame(type: VectorType) {
  const locals = new Locals(9)
  const rowsLeft = locals.add('i32')
  const columnsLeft = locals.add('i32')
  const aPointer = locals.add('i32')
  const bPointer = locals.add('i32')
  const aTile = locals.add('i32')
  const rowTo = locals.add('i32')
  const k = locals.add('i32')
  const out = locals.add('i32')
  const outStride = locals.add('i32')
  const i = locals.add('i32')
  const j = locals.add('i32')
  const edge = locals.add('i32')
  /** The tile, row by row. */
  const sums = Array.from({ length: tileRows * tileVectors }, () => locals.add('v128'))
  const right = Array.from({ length: tileVectors }, () => locals.add('v128'))
  const left = locals.add('v128')
  const tileColumns = tileVectors * type.lanes
  return {
    type,
    locals,
    rowsLeft,
    columnsLeft,
    aPointer,
    bPointer,
    aTile,
    rowTo,
    k,
    out,
    outStride,
    i,
    j,
    edge,
    sums,
    right,
    left,
    vectorBytes: type.bytes * type.lanes,
    tileColumns,
    tileRowBytes: tileColumns * type.bytes,
  }
}

/**
 * tiles(a, b, to, rows, columns, inner, rowBytes, accumulate, scratch): the product of packed blocks, tile by tile. A
 * tile that reaches beyond the product is written to scratch memory first.
 */
function emitTiles(type: VectorType): FunctionCode {
  const { a, b, to, rows, columns, inner, rowBytes } = parameter
  const frame = createTilesFrame(type)
  const { locals, rowsLeft, columnsLeft, aTile, rowTo, tileColumns, tileRowBytes } = frame
  const body = [
    set(columnsLeft, get(columns)),
    repeatTiles(columnsLeft, tileColumns, [
      set(rowsLeft, get(rows)),
      set(aTile, get(a)),
      set(rowTo, get(to)),
      repeatTiles(rowsLeft, tileRows, [
        multiplyTile(frame),
        writeTile(frame),
        advance(aTile, [get(inner), i32(tileRows * type.bytes), op.i32Mul]),
        advance(rowTo, [get(rowBytes), i32(tileRows), op.i32Mul]),
      ]),
      advance(b, [get(inner), i32(tileRowBytes), op.i32Mul]),
      advance(to, i32(tileRowBytes)),
    ]),
  ]
  return { name: 'tiles', parameters: 9, locals: locals.types, body }
}

/** Computes a tile of the product in registers. */
function multiplyTile(frame: TilesFrame): Bytes {
  const { type, aPointer, bPointer, aTile, k, sums, right, left, vectorBytes, tileRowBytes } = frame
  const multiplyAdd = [
    right.flatMap((local, v) => set(local, get(bPointer), type.load(v * vectorBytes))),
    ...Array.from({ length: tileRows }, (_, row) => [
      set(left, get(aPointer), type.loadSplat(row * type.bytes)),
      right.flatMap((local, v) => {
        const sum = sums[row * tileVectors + v]!
        return set(sum, get(sum), get(left), get(local), type.op.mul, type.op.add)
      }),
    ]).flat(),
    advance(aPointer, i32(tileRows * type.bytes)),
    advance(bPointer, i32(tileRowBytes)),
  ]
  return [
    sums.map((sum) => set(sum, pair.zero)),
    set(aPointer, get(aTile)),
    set(bPointer, get(parameter.b)),
    set(k, get(parameter.inner)),
    countDown(k, multiplyAdd),
  ]
}

/** Writes a tile to the product, or adds it. */
function writeTile(frame: TilesFrame): Bytes {
  const { type, rowsLeft, columnsLeft, rowTo, out, outStride, edge, tileColumns, tileRowBytes } = frame
  const { rowBytes, accumulate, scratch } = parameter
  /** Walks `out` from row to row. */
  const eachRow = (code: (row: number) => Bytes): Bytes =>
    Array.from({ length: tileRows }, (_, row) => [
      code(row),
      ...(row < tileRows - 1 ? advance(out, get(outStride)) : []),
    ]).flat()
  const eachVector = (row: number, code: (sum: number, offset: number) => Bytes): Bytes =>
    frame.right.flatMap((_, v) => code(frame.sums[row * tileVectors + v]!, v * frame.vectorBytes))
  return [
    set(edge, get(rowsLeft), i32(tileRows), [op.i32LessUnsigned], get(columnsLeft), i32(tileColumns), [
      op.i32LessUnsigned,
      op.i32Or,
    ]),
    when(
      get(edge),
      [set(out, get(scratch)), set(outStride, i32(tileRowBytes))],
      [set(out, get(rowTo)), set(outStride, get(rowBytes))],
    ),
    when(
      [get(accumulate), get(edge), op.i32Eqz, op.i32And],
      eachRow((row) =>
        eachVector(row, (sum, offset) => [
          get(out),
          get(out),
          type.load(offset),
          get(sum),
          type.op.add,
          type.store(offset),
        ]),
      ),
      eachRow((row) => eachVector(row, (sum, offset) => [get(out), get(sum), type.store(offset)])),
    ),
    when(get(edge), copyFromScratch(frame)),
  ]
}

/** Takes the part of a tile in scratch memory that belongs to the product over, element by element. */
function copyFromScratch(frame: TilesFrame): Bytes {
  const { type, rowsLeft, columnsLeft, aPointer, bPointer, rowTo, k, out, i, j } = frame
  const { rowBytes, accumulate, scratch } = parameter
  return [
    set(aPointer, get(scratch)),
    set(out, get(rowTo)),
    set(i, minimum(get(rowsLeft), i32(tileRows))),
    countDown(i, [
      set(k, get(out)),
      set(bPointer, get(aPointer)),
      set(j, minimum(get(columnsLeft), i32(frame.tileColumns))),
      countDown(j, [
        when(
          get(accumulate),
          [get(k), get(k), type.loadLane(0), get(bPointer), type.loadLane(0), type.op.add, type.storeLane(0)],
          copyElement(type, get(k), get(bPointer)),
        ),
        advance(k, i32(type.bytes)),
        advance(bPointer, i32(type.bytes)),
      ]),
      advance(aPointer, i32(frame.tileRowBytes)),
      advance(out, get(rowBytes)),
    ]),
  ]
}

function minimum(x: Bytes, y: Bytes): Bytes {
  return [x, y, x, y, op.i32LessUnsigned, op.select]
}

/** Runs `body` while anything of `left` is left, and subtracts `size` after each run. */
function repeatTiles(left: number, size: number, body: Bytes): Bytes {
  const rest = [get(left), minimum(get(left), i32(size)), op.i32Sub]
  return when(get(left), repeatWhile(body, [rest, tee(left)]))
}
