import type { Allocator, TensorBinding } from './binding.js'
import type { TensorLocation, StepStages } from './codegen/stages.js'
import type { VectorType } from './codegen/vectors.js'
import { columnsOf, elementCount, productExtents } from './extents.js'
import type { MatrixFunctions } from './matrixFunctions.js'

/** A block of memory that is replaced by a larger one when it is too small. */
interface Region {
  address: number
  bytes: number
}

/** The registers of one tensor. */
export interface TensorRegisters {
  /** The extents that the rest was computed for. */
  size: number
  rows: number
  columns: number
  /** By register: its offset in the tensor's part of `kept`, or in `scratch`. */
  readonly offsets: number[]
  keptBytes: number
  scratchBytes: number
  /** The address of the tensor's part of `kept`. */
  keptAddress: number
}

/** The scratch memory of a program that works tensor by tensor. */
export interface RegisterMemory {
  /**
   * Lays out the registers of tensors. Those that outlast a pass are contiguous, so that any later list of fewer tensors
   * fits as well.
   */
  layOut(bindings: readonly TensorBinding[]): void
  /** The registers of a tensor, by its index in the list that was laid out. */
  registersOf(index: number): TensorRegisters
  addressOf(location: TensorLocation, binding: TensorBinding, registers: TensorRegisters): number
  /** Where matrix products pack their factors. */
  packingAddress(): number
  /** Where sums over the lines of a matrix are added up, in f64. */
  sumsAddress(): number
  dispose(): void
}

/** Creates the scratch memory of a program. It allocates nothing yet. */
export function createRegisterMemory(
  stages: StepStages,
  type: VectorType,
  allocator: Allocator,
  matrices: MatrixFunctions,
): RegisterMemory {
  const tensors: TensorRegisters[] = []
  const kept: Region = { address: 0, bytes: 0 }
  const scratch: Region = { address: 0, bytes: 0 }
  const packing: Region = { address: 0, bytes: 0 }
  const placeSums: Region = { address: 0, bytes: 0 }
  const isKept = stages.registers.map((_, register) => stages.kept.includes(register))
  const all = [stages.norm, stages.totals, stages.reduce, stages.update].flatMap((pass) => pass?.stages ?? [])
  const products = all.filter((stage) => stage.kind === 'matmul')
  const loops = all.filter((stage) => stage.kind === 'loop')
  const reserve = (region: Region, bytes: number): void => {
    if (region.bytes >= bytes) return
    // Allocated before the old block is released: where there is no more memory, the old block stays in use.
    const address = allocator.allocate(bytes)
    if (region.bytes > 0) allocator.release(region.address)
    Object.assign(region, { address, bytes })
  }
  const assignOffsets = (registers: TensorRegisters, binding: TensorBinding): void => {
    registers.keptBytes = registers.scratchBytes = 0
    stages.registers.forEach((shapes, register) => {
      const kind = isKept[register] ? 'keptBytes' : 'scratchBytes'
      const bytes = Math.max(...shapes.map((shape) => elementCount(shape, binding))) * type.bytes
      registers.offsets[register] = registers[kind]
      registers[kind] += Math.ceil(bytes / 64) * 64
    })
  }
  return {
    layOut(bindings) {
      let total = 0
      bindings.forEach((binding, index) => {
        const registers = (tensors[index] ??= noRegisters())
        const { size, rows, columns } = binding
        if (registers.size !== size || registers.rows !== rows || registers.columns !== columns) {
          assignOffsets(registers, binding)
          reserve(scratch, registers.scratchBytes)
          for (const stage of products) {
            reserve(packing, matrices.scratchBytes(...productExtents(stage, binding)))
          }
          for (const { loop, shape } of loops) {
            reserve(placeSums, 8 * (loop.lines?.ofPlaces.length ?? 0) * columnsOf(shape, binding))
          }
          Object.assign(registers, { size, rows, columns })
        }
        total += registers.keptBytes
      })
      reserve(kept, total)
      let address = kept.address
      for (let index = 0; index < bindings.length; index++) {
        tensors[index]!.keptAddress = address
        address += tensors[index]!.keptBytes
      }
    },
    registersOf: (index) => tensors[index]!,
    addressOf(location, { inputs, outputs }, { offsets, keptAddress }) {
      if (location >= 0)
        return location < inputs.length ? inputs[location]! : outputs[location - inputs.length]!
      const register = -1 - location
      return offsets[register]! + (isKept[register] ? keptAddress : scratch.address)
    },
    packingAddress: () => packing.address,
    sumsAddress: () => placeSums.address,
    dispose() {
      for (const { address, bytes } of [kept, scratch, packing, placeSums])
        if (bytes > 0) allocator.release(address)
    },
  }
}

function noRegisters(): TensorRegisters {
  return { size: -1, rows: 0, columns: 0, offsets: [], keptBytes: 0, scratchBytes: 0, keptAddress: 0 }
}
