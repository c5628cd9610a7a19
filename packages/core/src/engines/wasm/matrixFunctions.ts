import type { ElementType } from '../../dtype.js'
import type { WasmMemory } from '../engine.js'
import { encodeMatrixModule, tileRows, tileVectors } from './codegen/matmul.js'
import { vectorTypes } from './codegen/vectors.js'
import { compileModule, instantiate, isShared, type WasmFunction, type WasmModule } from './memory.js'

/** Rows and inner extent of a block of the left factor, which should fit a second-level cache. */
const blockRows = 128
const blockInner = 256

/** A matrix in memory: its address, and the distance between its rows and between its columns, in elements. */
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
export function createMatrixFunctions(dtype: ElementType, memory: WasmMemory): MatrixFunctions {
  const shared = isShared(memory)
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
    // Packing in tiles of one element is a transposition.
    transpose: (from, to, p, q) => pack(from, to, q, p, bytes, q * bytes, 1),
  }
}
