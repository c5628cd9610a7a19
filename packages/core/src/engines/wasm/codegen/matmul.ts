import type { ElementType } from '../../../dtype.js'
import { encodeModule, type Bytes, type FunctionCode } from './encoder.js'
import { advance, countDown, get, i32, Locals, op, set, simd, when } from './instructions.js'
import { vectorTypes, type VectorType } from './vectors.js'
import { compileModule, instantiate, type WasmFunction, type WasmMemory, type WasmModule } from '../memory.js'

/**
 * Matrix products, as Goto and van de Geijn block them: a block of each factor is packed into the order in which the
 * innermost loop reads it, and a tile of the product stays in registers while that loop runs.
 */

/** Rows of a tile of the product. */
const tileRows = 4

/** Vectors in a row of a tile. */
const tileVectors = 2

/** Rows and inner extent of a block of the left factor: it should stay in a second-level cache. */
const blockRows = 128
const blockInner = 256

/** A matrix in memory: where it lies, and how far its rows and its columns are apart, in elements. */
export interface Matrix {
  readonly address: number
  readonly rowStride: number
  readonly columnStride: number
}

/** Products and transpositions of matrices in one memory. */
export interface MatrixFunctions {
  /** Bytes of scratch memory for a product of p × q and q × r. */
  scratchBytes(p: number, q: number, r: number): number
  /** to (p × r, row-major) = a (p × q) · b (q × r), with the scratch memory at the given address. */
  multiply(a: Matrix, b: Matrix, to: number, p: number, q: number, r: number, scratch: number): void
  /** to (q × p) = aᵀ for a (p × q), both row-major. */
  transpose(from: number, to: number, p: number, q: number): void
}

const modules = new Map<string, WasmModule>()

/** The matrix functions of an element type on a memory. */
export function createMatrixFunctions(
  dtype: ElementType,
  memory: WasmMemory,
  shared: boolean,
): MatrixFunctions {
  const key = `${dtype} ${shared}`
  let module = modules.get(key)
  if (!module) modules.set(key, (module = compileModule(encodeMatrixModule(dtype, shared))))
  const { pack, tiles } = instantiate(module, memory) as { pack: WasmFunction; tiles: WasmFunction }
  const { bytes, lanes } = vectorTypes[dtype]
  const tileColumns = tileVectors * lanes
  const aBytes = blockRows * blockInner * bytes
  const tileBytes = tileRows * tileColumns * bytes
  const paddedTo = (n: number, multiple: number): number => Math.ceil(n / multiple) * multiple

  return {
    scratchBytes: (_p, q, r) =>
      tileBytes + aBytes + Math.min(q, blockInner) * paddedTo(r, tileColumns) * bytes,
    multiply(a, b, to, p, q, r, scratch) {
      const aPacked = scratch + tileBytes
      const bPacked = aPacked + aBytes
      for (let k = 0; k === 0 || k < q; k += blockInner) {
        const inner = Math.min(blockInner, q - k)
        const bBlock = b.address + k * b.rowStride * bytes
        pack(bBlock, bPacked, r, inner, b.columnStride * bytes, b.rowStride * bytes, tileColumns)
        for (let i = 0; i < p; i += blockRows) {
          const rows = Math.min(blockRows, p - i)
          const aBlock = a.address + (i * a.rowStride + k * a.columnStride) * bytes
          pack(aBlock, aPacked, rows, inner, a.rowStride * bytes, a.columnStride * bytes, tileRows)
          tiles(aPacked, bPacked, to + i * r * bytes, rows, r, inner, r * bytes, k === 0 ? 0 : 1, scratch)
        }
      }
    },
    // Packing in tiles of one is a transposition.
    transpose: (from, to, p, q) => pack(from, to, q, p, bytes, q * bytes, 1),
  }
}

/** The bytes of the module. */
export function encodeMatrixModule(dtype: ElementType, shared = false): Uint8Array {
  const type = vectorTypes[dtype]
  return encodeModule([emitPack(type), emitTiles(type)], shared)
}

/** i32.store or i64.store of what i32.load or i64.load finds. */
function copyElement(type: VectorType, to: Bytes, from: Bytes): Bytes {
  const [load, store, align] = type.bytes === 4 ? [0x28, 0x36, 2] : [0x29, 0x37, 3]
  return [to, from, load, align, 0, store, align, 0]
}

function zeroElement(type: VectorType, to: Bytes): Bytes {
  return type.bytes === 4 ? [to, 0x41, 0, 0x36, 2, 0] : [to, 0x42, 0, 0x37, 3, 0]
}

/**
 * pack(from, to, n, inner, step, innerStep, tile): in groups of `tile` along n, for every inner index the group's
 * elements side by side; the last group is filled up with zeros. Steps are in bytes.
 */
function emitPack(type: VectorType): FunctionCode {
  const [from, to, n, inner, step, innerStep, tile] = [0, 1, 2, 3, 4, 5, 6] as const
  const locals = new Locals(7)
  const [groups, full, row, source, k, t] = Array.from({ length: 6 }, () => locals.add('i32')) as [
    number,
    number,
    number,
    number,
    number,
    number,
  ]
  const next = advance(to, i32(type.bytes))
  const copy = [copyElement(type, get(to), get(source)), next, advance(source, get(step))]
  const pad = [zeroElement(type, get(to)), next]
  const minimum = [get(tile), get(n), get(tile), get(n), op.i32LessUnsigned, 0x1b]
  const body = [
    // groups = ⌈n / tile⌉
    set(groups, get(n), get(tile), [op.i32Add], i32(1), [op.i32Sub], get(tile), [0x6e]),
    countDown(groups, [
      set(full, minimum),
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

/**
 * tiles(a, b, to, rows, columns, inner, rowBytes, accumulate, scratch): the product of packed blocks, tile by tile. A
 * tile that sticks out of the product is computed in scratch memory first.
 */
function emitTiles(type: VectorType): FunctionCode {
  const [a, b, to, rows, columns, inner, rowBytes, accumulate, scratch] = [0, 1, 2, 3, 4, 5, 6, 7, 8] as const
  const locals = new Locals(9)
  const i32s = Array.from({ length: 12 }, () => locals.add('i32'))
  const [rowsLeft, columnsLeft, aPointer, bPointer, aTile, rowTo, k, out, outStride, i, j, edge] = i32s as [
    number,
    number,
    number,
    number,
    number,
    number,
    number,
    number,
    number,
    number,
    number,
    number,
  ]
  const sums = Array.from({ length: tileRows * tileVectors }, () => locals.add('v128'))
  const right = Array.from({ length: tileVectors }, () => locals.add('v128'))
  const left = locals.add('v128')
  const vectorBytes = type.bytes * type.lanes
  const tileColumns = tileVectors * type.lanes
  const tileRowBytes = tileColumns * type.bytes
  const forTile = (code: (row: number, vector: number, sum: number) => Bytes): Bytes =>
    sums.flatMap((sum, at) => code(Math.floor(at / tileVectors), at % tileVectors, sum))
  const zero = simd(0x0c, ...new Array<number>(16).fill(0))

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
  /** Walks `out` from row to row. */
  const eachRow = (code: (row: number) => Bytes): Bytes =>
    Array.from({ length: tileRows }, (_, row) => [
      code(row),
      ...(row < tileRows - 1 ? advance(out, get(outStride)) : []),
    ]).flat()
  const inTile = (row: number, code: (sum: number, offset: number) => Bytes): Bytes =>
    right.flatMap((_, v) => code(sums[row * tileVectors + v]!, v * vectorBytes))

  const copyBack = [
    // The part of the tile that belongs to the product, element by element.
    set(aPointer, get(scratch)),
    set(out, get(rowTo)),
    set(i, minimum(get(rowsLeft), i32(tileRows))),
    countDown(i, [
      set(k, get(out)),
      set(bPointer, get(aPointer)),
      set(j, minimum(get(columnsLeft), i32(tileColumns))),
      countDown(j, [
        when(
          get(accumulate),
          [get(k), get(k), type.loadLane(0), get(bPointer), type.loadLane(0), type.op.add, type.storeLane(0)],
          copyElement(type, get(k), get(bPointer)),
        ),
        advance(k, i32(type.bytes)),
        advance(bPointer, i32(type.bytes)),
      ]),
      advance(aPointer, i32(tileRowBytes)),
      advance(out, get(rowBytes)),
    ]),
  ]

  const tile = [
    forTile((_row, _vector, sum) => set(sum, zero)),
    set(aPointer, get(aTile)),
    set(bPointer, get(b)),
    set(k, get(inner)),
    countDown(k, multiplyAdd),
    set(edge, get(rowsLeft), i32(tileRows), [op.i32LessUnsigned], get(columnsLeft), i32(tileColumns), [
      op.i32LessUnsigned,
      0x72,
    ]),
    when(
      get(edge),
      [set(out, get(scratch)), set(outStride, i32(tileRowBytes))],
      [set(out, get(rowTo)), set(outStride, get(rowBytes))],
    ),
    when(
      [get(accumulate), get(edge), 0x45, op.i32And],
      eachRow((row) =>
        inTile(row, (sum, offset) => [
          get(out),
          get(out),
          type.load(offset),
          get(sum),
          type.op.add,
          type.store(offset),
        ]),
      ),
      eachRow((row) => inTile(row, (sum, offset) => [get(out), get(sum), type.store(offset)])),
    ),
    when(get(edge), copyBack),
  ]

  const body = [
    set(columnsLeft, get(columns)),
    repeatTiles(columnsLeft, tileColumns, [
      set(rowsLeft, get(rows)),
      set(aTile, get(a)),
      set(rowTo, get(to)),
      repeatTiles(rowsLeft, tileRows, [
        tile,
        advance(aTile, [get(inner), i32(tileRows * type.bytes), op.i32Mul]),
        advance(rowTo, [get(rowBytes), i32(tileRows), op.i32Mul]),
      ]),
      advance(b, [get(inner), i32(tileRowBytes), op.i32Mul]),
      advance(to, i32(tileRowBytes)),
    ]),
  ]
  return { name: 'tiles', parameters: 9, locals: locals.types, body }
}

function minimum(x: Bytes, y: Bytes): Bytes {
  return [x, y, x, y, op.i32LessUnsigned, 0x1b]
}

/** Runs `body` while anything of `left` is left, taking `size` off after each run. */
function repeatTiles(left: number, size: number, body: Bytes): Bytes {
  const rest = [get(left), minimum(get(left), i32(size)), op.i32Sub]
  return when(get(left), [0x03, 0x40, body, rest, 0x22, left, 0x0d, 0, 0x0b])
}
