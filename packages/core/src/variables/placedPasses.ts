import { createForeignPasses, type ForeignPasses } from '../engines/wasm/foreignPasses.js'
import type { PlannedParameter, StepPlan } from '../step/plan.js'
import type { VariableBackend } from './backend.js'
import type { TensorMemory, TensorOutput } from './memory.js'
import type { VariableState } from './state.js'

/** A variable with a gradient, and its state. */
export interface ActiveVariable<T> {
  readonly variable: T
  readonly gradient: T
  readonly state: VariableState<T>
}

/** The passes of steps by the core's compiled loops, on tensors in their places. */
export interface PlacedPasses<T> extends ForeignPasses<ActiveVariable<T>> {
  /** Ends a step, whether it was written or not. */
  end(isWritten: boolean): void
}

/** The tensors of one variable in the current step. */
interface Placement<T> {
  readonly variable: T
  readonly loaded: readonly { readonly tensor: T; readonly address: number; readonly isSlot: boolean }[]
  readonly output: TensorOutput<T>
}

/** Prepares the passes of a plan on a framework's memory. */
export function createPlacedPasses<T extends object>(
  plan: StepPlan,
  backend: VariableBackend<T>,
  memory: TensorMemory<T>,
): PlacedPasses<T> {
  const placements: Placement<T>[] = []
  const passes = createForeignPasses<ActiveVariable<T>>(
    plan,
    memory.memory,
    memory.allocator,
    (index, active) => {
      const placement = placeTensors(memory, plan.parameters[index]!, active)
      placements.push(placement)
      const inputs = placement.loaded.map(({ address }) => address)
      // Slots belong to the optimiser and are updated in place. A variable gets a fresh buffer, because TensorFlow.js's wasm kernels cache
      // packed copies by tensor.
      return { inputs, outputs: [placement.output.address, ...inputs.slice(2)] }
    },
  )
  return {
    ...passes,
    end(isWritten) {
      for (const { variable, loaded, output } of placements) {
        for (const { tensor, address, isSlot } of loaded) memory.unload(tensor, address, isSlot && isWritten)
        if (isWritten) backend.assign(variable, output.finish())
        else output.discard()
      }
      placements.length = 0
    },
  }
}

/** Finds or creates the places of a variable's tensors. */
function placeTensors<T>(
  memory: TensorMemory<T>,
  { graph, shape }: PlannedParameter,
  { variable, gradient, state }: ActiveVariable<T>,
): Placement<T> {
  // The output is allocated before any address is used: the memory may grow, but addresses stay.
  const output = memory.output(shape)
  const load = (tensor: T, isSlot = false): Placement<T>['loaded'][number] => {
    return { tensor, address: memory.load(tensor), isSlot }
  }
  const slots = graph.slots.map((name) => state.slots[name]!)
  const loaded = [load(gradient), load(variable), ...slots.map((slot) => load(slot, true))]
  return { variable, loaded, output }
}
