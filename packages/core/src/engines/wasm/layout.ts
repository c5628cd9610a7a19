import type { StepPlan } from '../../plan.js'
import type { TypedArray } from '../engine.js'
import type { Allocator, TensorBinding } from './kernels.js'
import type { WasmMemory } from './webassembly.js'

/**
 * Gives every parameter of a plan, its gradient and its slots their place in a memory.
 *
 * @param given the parameters' arrays; those that are views of the memory stay where they are
 * @param groups parameters that are worked together: what there is of each kind lies side by side, so that a row of
 *   them can be worked as one tensor
 */
export function layOut(
  plan: StepPlan,
  given: readonly TypedArray[],
  memory: WasmMemory,
  arena: Allocator & { reserve(bytes: number): void },
  groups: readonly (readonly number[])[],
): TensorBinding[] {
  // Taken down before the memory grows: then these views lose their place.
  const found = given.map((array) => (array.buffer === memory.buffer ? array.byteOffset : undefined))
  const bytes = given.map((array) => array.byteLength)
  const bindings: TensorBinding[] = []
  const rows: { tensors: number[]; put: (index: number, address: number) => void }[] = []
  for (const members of groups) {
    const { graph } = plan.parameters[members[0]!]!
    for (const index of members) {
      const { size, shape } = plan.parameters[index]!
      const [rows = 1, columns = 1] = shape
      bindings[index] = { size, rows, columns, inputs: [], outputs: [] }
    }
    const outside = members.filter((index) => found[index] === undefined)
    const put = (input: number) => (index: number, address: number) => {
      bindings[index]!.inputs[input] = address
      if (input > 0) bindings[index]!.outputs[input - 1] = address
    }
    rows.push({ tensors: [...members], put: put(0) }, { tensors: outside, put: put(1) })
    graph.slots.forEach((_, slot) => rows.push({ tensors: [...members], put: put(2 + slot) }))
    for (const index of members) if (found[index] !== undefined) put(1)(index, found[index])
  }

  const total = (tensors: readonly number[]): number =>
    tensors.reduce((sum, index) => sum + bytes[index]!, alignment)
  arena.reserve(rows.reduce((sum, { tensors }) => sum + total(tensors), 0))
  for (const { tensors, put } of rows) {
    let address = arena.allocate(total(tensors))
    for (const index of tensors) {
      put(index, address)
      address += bytes[index]!
    }
  }
  return bindings
}

/** What blocks of memory are padded to, so that reserving covers all of them. */
const alignment = 64
