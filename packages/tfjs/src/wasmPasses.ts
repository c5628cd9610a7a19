import {
  createForeignPasses,
  type ForeignPasses,
  type PlannedParameter,
  type StepPlan,
} from '@induced-metric/core/adapter'
import type { Tensor, Variable } from './namespace.js'
import type { VariableState } from './state.js'
import type { BackendMemory, Output } from './wasmMemory.js'

/** A variable with a gradient, and its state. */
export interface ActiveVariable {
  readonly variable: Variable
  readonly gradient: Tensor
  readonly state: VariableState
}

/** The passes of steps by the core's compiled loops, on tensors in their places. */
export interface WasmPasses extends ForeignPasses<ActiveVariable> {
  /** Ends a step, whether it was written or not. */
  end(isWritten: boolean): void
}

/** The tensors of one variable in the current step. */
interface Placement {
  readonly variable: Variable
  readonly loaded: readonly { readonly tensor: Tensor; readonly address: number; readonly isSlot: boolean }[]
  readonly output: Output
}

/** Prepares the passes of a plan on a backend's memory. */
export function createWasmPasses(plan: StepPlan, memory: BackendMemory): WasmPasses {
  const placements: Placement[] = []
  const passes = createForeignPasses<ActiveVariable>(
    plan,
    memory.memory,
    memory.allocator,
    (index, active) => {
      const placement = placeTensors(memory, plan.parameters[index]!, active)
      placements.push(placement)
      const inputs = placement.loaded.map(({ address }) => address)
      // Slots belong to the optimiser and are updated in place. A variable gets a fresh buffer, because wasm kernels cache
      // packed copies by tensor.
      return { inputs, outputs: [placement.output.address, ...inputs.slice(2)] }
    },
  )
  return {
    ...passes,
    end(isWritten) {
      for (const { variable, loaded, output } of placements) {
        for (const { tensor, address, isSlot } of loaded) memory.unload(tensor, address, isSlot && isWritten)
        if (isWritten) variable.assign(output.finish())
        else output.discard()
      }
      placements.length = 0
    },
  }
}

/** Finds or creates the places of a variable's tensors. */
function placeTensors(
  memory: BackendMemory,
  { graph, shape }: PlannedParameter,
  { variable, gradient, state }: ActiveVariable,
): Placement {
  // The output is allocated before any address is used: the memory may grow, but addresses stay.
  const output = memory.output(shape)
  const load = (tensor: Tensor, isSlot = false): Placement['loaded'][number] => {
    return { tensor, address: memory.load(tensor), isSlot }
  }
  const slots = graph.slots.map((name) => state.slots[name]!)
  const loaded = [load(gradient), load(variable), ...slots.map((slot) => load(slot, true))]
  return { variable, loaded, output }
}
