import type { Scalars } from '../../graph/hostScalars.js'
import type { Passes } from '../../step/passes.js'
import type { StepPlan } from '../../step/plan.js'
import { fillNormals, normalSources } from '../../step/normals.js'
import { changeOutput } from '../../step/stepGraph.js'
import type { WasmMemory } from '../engine.js'
import type { Allocator, StepKernels, TensorBinding } from './binding.js'
import { instantiateStep } from './instantiateStep.js'

/** Where a parameter's tensors are in a step; see {@link TensorBinding}. */
export type TensorPlaces = Pick<TensorBinding, 'inputs' | 'outputs'>

/** Passes that work in a memory, and own a part of it. */
export interface ForeignPasses<G> extends Passes<G> {
  /** Releases the memory that the passes work in. */
  dispose(): void
}

/** The parameters that share a graph. */
interface GraphGroup {
  readonly kernels: StepKernels
  readonly clips: boolean
  /** The plan's index of each of the graph's totals. */
  readonly totals: readonly number[]
  /** The plan's index of each of the graph's reductions. */
  readonly reductions: readonly number[]
  /** The plan's index of each of its changes. */
  readonly changes: readonly number[]
  /** The parameters of the current step: their indices, addresses and scalars. */
  readonly indices: number[]
  readonly bindings: TensorBinding[]
  readonly scalars: Scalars[]
}

/**
 * Prepares the passes of a plan on a foreign WebAssembly memory, such as that of a framework's backend, for
 * `createStepper`. The tensors, of float32, may be at other addresses in each step.
 *
 * @param plan what `planStep` returned
 * @param memory the memory that contains the tensors, shared between threads or not. It may grow at any time
 * @param allocator allocates working memory: a few KiB, and for graphs with matrix products (`muon`) some matrices. It is
 *   called now, and when a step has more or larger matrices than any before it
 * @param place finds the tensors of a parameter at the start of each step; `gradient` is the one that the step was given
 * @throws ERR_NOT_SUPPORTED where WebAssembly with vector instructions does not compile
 */
export function createForeignPasses<G extends object>(
  plan: StepPlan,
  memory: WasmMemory,
  allocator: Allocator,
  place: (index: number, gradient: G) => TensorPlaces,
): ForeignPasses<G> {
  const groups = new Map<string, GraphGroup>()
  for (const { graph, clip } of plan.parameters) {
    if (groups.has(graph.hash)) continue
    groups.set(graph.hash, {
      kernels: instantiateStep(graph, 'float32', memory, allocator),
      clips: clip !== -1,
      totals: graph.totals.map((name) => plan.totals.indexOf(name)),
      reductions: graph.reductions.map((name) => plan.reductions.indexOf(name)),
      changes: graph.averaging.map((name) => plan.changes.indexOf(changeOutput(name))),
      indices: [],
      bindings: [],
      scalars: [],
    })
  }
  const normals = plan.parameters.map(({ size }, index) =>
    normalSources(plan, index).map((source) => ({ source, address: allocator.allocate(4 * size) })),
  )
  return {
    begin(active, gradients, scalars) {
      for (const group of groups.values())
        group.indices.length = group.bindings.length = group.scalars.length = 0
      for (const index of active) {
        const { graph, size, rows, columns } = plan.parameters[index]!
        const group = groups.get(graph.hash)!
        const { inputs, outputs } = place(index, gradients[index]!)
        for (const { source, address } of normals[index]!) {
          fillNormals(new Float32Array(memory.buffer, address, size), {
            ...source,
            step: scalars[index]!['step']!,
          })
        }
        group.indices.push(index)
        const drawn = normals[index]!.map(({ address }) => address)
        group.bindings.push({ size, rows, columns, inputs: [...inputs, ...drawn], outputs })
        group.scalars.push(scalars[index]!)
      }
    },
    norm(results) {
      for (const { kernels, clips, indices, bindings, scalars } of groups.values()) {
        if (!clips) continue
        const norms = new Float64Array(indices.length)
        kernels.norm(bindings, scalars, norms)
        indices.forEach((index, i) => (results[index] = norms[i]!))
      }
    },
    totals(results) {
      for (const group of groups.values()) runPass(group, 'totals', group.totals, results)
    },
    reduce(results) {
      for (const group of groups.values()) runPass(group, 'reduce', group.reductions, results)
    },
    update(results) {
      for (const group of groups.values()) runPass(group, 'update', group.changes, results)
    },
    dispose() {
      for (const { kernels } of groups.values()) kernels.dispose()
      for (const { address } of normals.flat()) allocator.release(address)
      groups.clear()
      normals.length = 0
    },
  }
}

/** Runs a pass over the parameters of one graph, and writes their sums to the results of the plan. */
function runPass(
  { kernels, indices, bindings, scalars }: GraphGroup,
  pass: 'totals' | 'reduce' | 'update',
  places: readonly number[],
  results: readonly Float64Array[],
): void {
  if (pass === 'totals' && places.length === 0) return
  const sums = places.map(() => new Float64Array(indices.length))
  kernels[pass](bindings, scalars, sums)
  places.forEach((at, k) => indices.forEach((index, i) => (results[at]![index] = sums[k]![i]!)))
}
