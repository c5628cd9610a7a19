import type { TypedArray } from '../../dtype.js'
import { sizeOf } from '../../shape.js'
import { slotShape } from '../../step/initialSlots.js'
import type { StepPlan } from '../../step/plan.js'
import type { EngineArrays } from '../engine.js'
import type { TensorBinding } from './binding.js'
import type { EngineMemory } from './engineMemory.js'

/** The addresses of parameters, gradients and slots. */
export interface TensorLayout {
  /** By parameter. */
  readonly bindings: readonly (TensorBinding | undefined)[]
  /** The allocated blocks, by contents. Those of parameters hold copies. */
  readonly blocks: Readonly<Record<keyof EngineArrays, readonly number[]>>
}

/**
 * Allocates parameters of a plan, their gradients and their slots.
 *
 * @param arrays of all parameters of the plan. Those in the engine's memory stay where they are
 * @param groups parameters that are worked together. Their tensors of each kind are contiguous, so that a run of them
 *   can be worked as one tensor
 * @throws ERR_NOT_SUPPORTED where the memory cannot grow enough; then nothing is allocated
 */
export function layOutTensors(
  plan: StepPlan,
  arrays: readonly TypedArray[],
  engineMemory: EngineMemory,
  groups: readonly (readonly number[])[],
): TensorLayout {
  // Read before the memory grows, which detaches these views.
  const found = arrays.map((array) => (engineMemory.contains(array) ? array.byteOffset : undefined))
  const slotBytes = (index: number, name: string): number =>
    sizeOf(slotShape(plan.parameters[index]!, name)) * arrays[index]!.BYTES_PER_ELEMENT
  const parameterBytes = (index: number): number => arrays[index]!.byteLength
  const bindings: TensorBinding[] = []
  const rows: {
    readonly tensors: readonly number[]
    readonly bytes: (index: number) => number
    readonly bind: (index: number, address: number) => void
  }[] = []
  const inputs: number[] = []
  for (const members of groups) {
    if (members.length === 0) continue
    const { graph } = plan.parameters[members[0]!]!
    for (const index of members) {
      const { size, rows, columns } = plan.parameters[index]!
      bindings[index] = { size, rows, columns, inputs: [], outputs: [] }
    }
    const outside = members.filter((index) => found[index] === undefined)
    const bindInput = (input: number) => (index: number, address: number) => {
      bindings[index]!.inputs[input] = address
      if (input > 0) bindings[index]!.outputs[input - 1] = address
    }
    const kinds = [
      { tensors: members, bytes: parameterBytes },
      { tensors: outside, bytes: parameterBytes },
      ...graph.slots.map((name) => ({
        tensors: members,
        bytes: (index: number) => slotBytes(index, name),
      })),
      ...graph.normals.map(() => ({ tensors: members, bytes: parameterBytes })),
    ]
    kinds.forEach(({ tensors, bytes }, input) => {
      if (tensors.length === 0) return
      rows.push({ tensors, bytes, bind: bindInput(input) })
      inputs.push(input)
    })
    for (const index of members) if (found[index] !== undefined) bindInput(1)(index, found[index])
  }

  const total = ({ tensors, bytes }: (typeof rows)[number]): number =>
    tensors.reduce((sum, index) => sum + bytes(index), 0)
  const blocks = engineMemory.allocateAll(rows.map(total))
  rows.forEach(({ tensors, bytes, bind }, row) => {
    let address = blocks[row]!
    for (const index of tensors) {
      bind(index, address)
      address += bytes(index)
    }
  })
  return {
    bindings,
    blocks: {
      gradients: blocks.filter((_, row) => inputs[row] === 0),
      parameters: blocks.filter((_, row) => inputs[row] === 1),
      slots: blocks.filter((_, row) => inputs[row]! > 1),
    },
  }
}
