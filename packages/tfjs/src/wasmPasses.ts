import {
  changeOutput,
  instantiateStep,
  type Passes,
  type Scalars,
  type StepKernels,
  type StepPlan,
  type TensorBinding,
} from '@induced-metric/core/adapter'
import type { HostMemory, Output } from './wasmMemory.js'
import type { Tensor, Variable } from './namespace.js'
import type { VariableState } from './state.js'

/** A variable with a gradient, and what is kept for it. */
export interface FusedVariable {
  readonly variable: Variable
  readonly gradient: Tensor
  readonly state: VariableState
}

/** The passes of steps by the core's compiled loops, on tensors where they lie. */
export interface FusedPasses extends Passes<FusedVariable> {
  /** Ends a step, written or not. */
  end(): void
  dispose(): void
}

/** A parameter in the current step. */
interface Place {
  readonly given: FusedVariable
  readonly loaded: readonly { readonly tensor: Tensor; readonly address: number; readonly slot: boolean }[]
  readonly output: Output
}

/** Parameters with one graph. */
interface Work {
  readonly kernels: StepKernels
  readonly clips: boolean
  /** Of each reduction of the graph, which of the plan's it is. */
  readonly reductions: readonly number[]
  /** The same of its changes. */
  readonly changes: readonly number[]
  readonly indices: number[]
  readonly bindings: TensorBinding[]
  readonly scalars: Scalars[]
}

/** Prepares the passes of a plan on a backend's memory. */
export function createFusedPasses(plan: StepPlan, host: HostMemory): FusedPasses {
  const works = new Map<string, Work>()
  for (const { graph, clip } of plan.parameters) {
    if (works.has(graph.hash)) continue
    const kernels = instantiateStep(graph, 'float32', host.memory, host.allocator)
    const reductions = graph.reductions.map((name) => plan.reductions.indexOf(name))
    const changes = graph.averaging.map((name) => plan.changes.indexOf(changeOutput(name)))
    const lists = { indices: [], bindings: [], scalars: [] }
    works.set(graph.hash, { kernels, clips: clip !== -1, reductions, changes, ...lists })
  }
  const places: Place[] = []
  let written = false

  return {
    begin(active, gradients, scalars) {
      written = false
      for (const work of works.values()) work.indices.length = work.bindings.length = work.scalars.length = 0
      for (const index of active) {
        const { graph, size, shape } = plan.parameters[index]!
        const given = gradients[index]!
        const { variable, gradient, state } = given
        // Every output is allocated before any address is used: the memory may grow, but addresses stay.
        const output = host.output(shape)
        const load = (tensor: Tensor, slot = false): Place['loaded'][number] => ({
          tensor,
          address: host.load(tensor),
          slot,
        })
        const loaded = [
          load(gradient),
          load(variable),
          ...graph.slots.map((name) => load(state.slots[name]!, true)),
        ]
        places.push({ given, loaded, output })
        const work = works.get(graph.hash)!
        work.indices.push(index)
        work.scalars.push(scalars[index]!)
        const inputs = loaded.map(({ address }) => address)
        // Slots are the optimiser's own, and updated in place. A parameter goes to a fresh buffer, as wasm kernels cache
        // what they have packed of a tensor.
        const outputs = [output.address, ...inputs.slice(2)]
        work.bindings.push({ size, rows: shape[0] ?? 1, columns: shape[1] ?? 1, inputs, outputs })
      }
    },
    norm(results) {
      for (const { kernels, clips, indices, bindings, scalars } of works.values()) {
        if (!clips) continue
        const found = new Float64Array(indices.length)
        kernels.norm(bindings, scalars, found)
        indices.forEach((index, i) => (results[index] = found[i]!))
      }
    },
    reduce(results) {
      for (const { kernels, reductions, indices, bindings, scalars } of works.values()) {
        const found = reductions.map(() => new Float64Array(indices.length))
        kernels.reduce(bindings, scalars, found)
        reductions.forEach((at, k) => indices.forEach((index, i) => (results[at]![index] = found[k]![i]!)))
      }
    },
    update(results) {
      for (const { kernels, changes, indices, bindings, scalars } of works.values()) {
        const found = changes.map(() => new Float64Array(indices.length))
        kernels.update(bindings, scalars, found)
        changes.forEach((at, k) => indices.forEach((index, i) => (results[at]![index] = found[k]![i]!)))
      }
      written = true
    },
    end() {
      for (const { given, loaded, output } of places) {
        for (const { tensor, address, slot } of loaded) host.unload(tensor, address, slot && written)
        if (written) given.variable.assign(output.finish())
        else output.discard()
      }
      places.length = 0
    },
    dispose() {
      for (const { kernels } of works.values()) kernels.dispose()
      works.clear()
    },
  }
}
