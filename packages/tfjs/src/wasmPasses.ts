import {
  changeOutput,
  instantiateStep,
  type Passes,
  type PlannedParameter,
  type Scalars,
  type StepKernels,
  type StepPlan,
  type TensorBinding,
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
export interface WasmPasses extends Passes<ActiveVariable> {
  /** Ends a step, written or not. */
  end(): void
  dispose(): void
}

/** The tensors of one variable in the current step. */
interface Placement {
  readonly variable: Variable
  readonly loaded: readonly { readonly tensor: Tensor; readonly address: number; readonly isSlot: boolean }[]
  readonly output: Output
}

/** The parameters that share a graph. */
interface GraphWork {
  readonly kernels: StepKernels
  readonly clips: boolean
  /** Indices of the graph's reductions among those of the plan. */
  readonly reductions: readonly number[]
  /** The same for its changes. */
  readonly changes: readonly number[]
  /** The parameters in the current step: their indices, places and scalars. */
  readonly indices: number[]
  readonly bindings: TensorBinding[]
  readonly scalars: Scalars[]
}

/** Prepares the passes of a plan on a backend's memory. */
export function createWasmPasses(plan: StepPlan, memory: BackendMemory): WasmPasses {
  const works = new Map<string, GraphWork>()
  for (const { graph, clip } of plan.parameters) {
    if (works.has(graph.hash)) continue
    const kernels = instantiateStep(graph, 'float32', memory.memory, memory.allocator)
    const reductions = graph.reductions.map((name) => plan.reductions.indexOf(name))
    const changes = graph.averaging.map((name) => plan.changes.indexOf(changeOutput(name)))
    const lists = { indices: [], bindings: [], scalars: [] }
    works.set(graph.hash, { kernels, clips: clip !== -1, reductions, changes, ...lists })
  }
  const placements: Placement[] = []
  let isWritten = false

  return {
    begin(active, gradients, scalars) {
      isWritten = false
      for (const work of works.values()) work.indices.length = work.bindings.length = work.scalars.length = 0
      for (const index of active) {
        const parameter = plan.parameters[index]!
        const placement = place(memory, parameter, gradients[index]!)
        placements.push(placement)
        const work = works.get(parameter.graph.hash)!
        work.indices.push(index)
        work.scalars.push(scalars[index]!)
        work.bindings.push(bindingOf(parameter, placement))
      }
    },
    norm(results) {
      for (const { kernels, clips, indices, bindings, scalars } of works.values()) {
        if (!clips) continue
        const norms = new Float64Array(indices.length)
        kernels.norm(bindings, scalars, norms)
        indices.forEach((index, i) => (results[index] = norms[i]!))
      }
    },
    reduce(results) {
      for (const work of works.values()) runPass(work, 'reduce', work.reductions, results)
    },
    update(results) {
      for (const work of works.values()) runPass(work, 'update', work.changes, results)
      isWritten = true
    },
    end() {
      for (const { variable, loaded, output } of placements) {
        for (const { tensor, address, isSlot } of loaded) memory.unload(tensor, address, isSlot && isWritten)
        if (isWritten) variable.assign(output.finish())
        else output.discard()
      }
      placements.length = 0
    },
    dispose() {
      for (const { kernels } of works.values()) kernels.dispose()
      works.clear()
    },
  }
}

/** Finds the places of a variable's tensors. */
function place(
  memory: BackendMemory,
  { graph, shape }: PlannedParameter,
  { variable, gradient, state }: ActiveVariable,
): Placement {
  // The output is allocated before any address is used: the memory may grow, but addresses stay.
  const output = memory.output(shape)
  const load = (tensor: Tensor, isSlot = false): Placement['loaded'][number] => {
    return { tensor, address: memory.load(tensor), isSlot }
  }
  const loaded = [
    load(gradient),
    load(variable),
    ...graph.slots.map((name) => load(state.slots[name]!, true)),
  ]
  return { variable, loaded, output }
}

function bindingOf({ size, shape }: PlannedParameter, { loaded, output }: Placement): TensorBinding {
  const inputs = loaded.map(({ address }) => address)
  // Slots belong to the optimiser and are updated in place. A variable gets a fresh buffer, because wasm kernels cache
  // packed copies by tensor.
  const outputs = [output.address, ...inputs.slice(2)]
  return { size, rows: shape[0] ?? 1, columns: shape[1] ?? 1, inputs, outputs }
}

/** Runs a pass over the parameters of one graph, and files their sums under the plan's. */
function runPass(
  { kernels, indices, bindings, scalars }: GraphWork,
  pass: 'reduce' | 'update',
  places: readonly number[],
  results: readonly Float64Array[],
): void {
  const sums = places.map(() => new Float64Array(indices.length))
  kernels[pass](bindings, scalars, sums)
  places.forEach((at, k) => indices.forEach((index, i) => (results[at]![index] = sums[k]![i]!)))
}
