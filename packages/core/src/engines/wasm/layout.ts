import type { StepPlan } from '../../step/plan.js'
import type { EngineArrays } from '../engine.js'
import type { TypedArray } from '../../dtype.js'
import type { TensorBinding } from './kernels.js'
import type { Lease } from './lease.js'

/** Where parameters, gradients and slots were put. */
export interface Layout {
  /** By parameter. */
  readonly bindings: readonly (TensorBinding | undefined)[]
  /** The blocks, by what they hold; of parameters, copies. */
  readonly blocks: Readonly<Record<keyof EngineArrays, readonly number[]>>
}

/**
 * Gives parameters of a plan, their gradients and their slots their place in a memory.
 *
 * @param arrays of all parameters of the plan; those that lie in the lease stay where they are
 * @param groups parameters that are worked together: what there is of each kind lies side by side, so that a row of
 *   them can be worked as one tensor
 * @throws ERR_NOT_SUPPORTED where the memory cannot grow enough; nothing is allocated then
 */
export function layOut(
  plan: StepPlan,
  arrays: readonly TypedArray[],
  lease: Lease,
  groups: readonly (readonly number[])[],
): Layout {
  // Taken down before the memory grows: then these views lose their place.
  const found = arrays.map((array) => (lease.holds(array) ? array.byteOffset : undefined))
  const bytes = arrays.map((array) => array.byteLength)
  const bindings: TensorBinding[] = []
  const rows: { tensors: readonly number[]; put: (index: number, address: number) => void }[] = []
  const inputs: number[] = []
  for (const members of groups) {
    if (members.length === 0) continue
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
    const kinds = [members, outside, ...graph.slots.map(() => members)]
    kinds.forEach((tensors, input) => {
      if (tensors.length === 0) return
      rows.push({ tensors, put: put(input) })
      inputs.push(input)
    })
    for (const index of members) if (found[index] !== undefined) put(1)(index, found[index])
  }

  const total = (tensors: readonly number[]): number => tensors.reduce((sum, index) => sum + bytes[index]!, 0)
  const blocks = lease.allocateAll(rows.map(({ tensors }) => total(tensors)))
  rows.forEach(({ tensors, put }, row) => {
    let address = blocks[row]!
    for (const index of tensors) {
      put(index, address)
      address += bytes[index]!
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
