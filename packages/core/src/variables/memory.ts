import type { WasmMemory } from '../engines/engine.js'
import { createArena } from '../engines/wasm/arena.js'
import type { Allocator } from '../engines/wasm/binding.js'
import { createMemory } from '../engines/wasm/memory.js'
import { sizeOf } from '../shape.js'

/** A place for the values of a new tensor. */
export interface TensorOutput<T> {
  /** The address at which to write the values. */
  readonly address: number
  /** Makes the tensor, once the values are written. */
  finish(): T
  /** Frees the place instead. */
  discard(): void
}

/** A framework's tensors as places in a WebAssembly memory, on which compiled loops work. */
export interface TensorMemory<T> {
  readonly memory: WasmMemory
  readonly allocator: Allocator
  /** A scalar's value. */
  read(scalar: T): number
  /** The address of a tensor's values, until `unload`. */
  load(tensor: T): number
  /** Ends the use of an address that `load` returned. With `changed`, the values there become the tensor's. */
  unload(tensor: T, address: number, changed: boolean): void
  /** A place for a new tensor of that shape. The memory may grow, which invalidates old views of it. */
  output(shape: readonly number[]): TensorOutput<T>
}

/** Tensors whose values are typed arrays in the host's memory. */
export interface HostTensors<T> {
  /** The live array of a tensor, not a copy. */
  array(tensor: T): Float32Array
  /** A new tensor with these values. */
  from(values: Float32Array, shape: readonly number[]): T
}

/**
 * A memory for a framework whose tensors are typed arrays: values are copied into it, and from there back.
 *
 * @returns `undefined` where no memory can be allocated
 */
export function createCopyMemory<T>(tensors: HostTensors<T>): TensorMemory<T> | undefined {
  const memory = createMemoryOrNone()
  if (memory === undefined) return undefined
  const allocator = createArena(memory)
  const view = (address: number, size: number): Float32Array =>
    new Float32Array(memory.buffer as ArrayBuffer, address, size)
  return {
    memory,
    allocator,
    read: (scalar) => tensors.array(scalar)[0]!,
    load(tensor) {
      const values = tensors.array(tensor)
      const address = allocator.allocate(4 * values.length)
      view(address, values.length).set(values)
      return address
    },
    unload(tensor, address, changed) {
      if (changed) {
        const values = tensors.array(tensor)
        values.set(view(address, values.length))
      }
      allocator.release(address)
    },
    output(shape) {
      const size = sizeOf(shape)
      const address = allocator.allocate(4 * size)
      const discard = (): void => allocator.release(address)
      return {
        address,
        finish() {
          const values = view(address, size).slice()
          discard()
          return tensors.from(values, shape)
        },
        discard,
      }
    },
  }
}

function createMemoryOrNone(): WasmMemory | undefined {
  try {
    return createMemory()
  } catch {
    return undefined
  }
}
