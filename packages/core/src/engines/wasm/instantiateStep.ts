import type { ElementType } from '../../dtype.js'
import { unsupported } from '../../errors.js'
import type { StepGraph } from '../../step/stepGraph.js'
import type { WasmMemory } from '../engine.js'
import type { Allocator, StepKernels } from './binding.js'
import { compileStep } from './compileStep.js'
import { isWasmSupported } from './featureProbe.js'
import { createKernels } from './kernels.js'
import { isShared } from './memory.js'

/**
 * Prepares the passes of a step on a foreign WebAssembly memory, such as that of a framework's backend: for adapters
 * whose tensors are in one. All graphs of one structure share the compiled module. The returned kernels are bound to the
 * memory, and cheap to create.
 *
 * A step calls `norm` (only where the graph clips), then `reduce`, then `update`, each over all tensors with this graph.
 * `scalars` contains the graph's scalar inputs by name, for each tensor. Neighbouring tensors that share one *object* of
 * scalars are worked in one call. `clip` must be in it before `reduce`, `scale` before `update`. If results are NaN or
 * infinite, nothing has been written, and `update` must not be called.
 *
 * @param graph a parameter's graph, from `planStep`
 * @param dtype the element type of gradient, parameter and slots
 * @param memory the memory that contains them, shared between threads or not. It may grow between two calls
 * @param allocator allocates working memory: a few KiB, and for graphs with matrix products (`muon`) some matrices. It is
 *   called now, and when a step has more or larger matrices than any before it
 * @throws ERR_NOT_SUPPORTED where WebAssembly with vector instructions does not compile
 *
 * @example
 * ```ts no-run
 * import { inducedMetric, sgd } from '@induced-metric/core'
 * import { instantiateStep, planStep, type WasmMemory } from '@induced-metric/core/adapter'
 *
 * declare const memory: WasmMemory // a framework's, with its allocator
 * declare const malloc: (bytes: number) => number
 * declare const free: (address: number) => void
 * declare const [gradient, parameter, result]: [number, number, number] // addresses
 *
 * const plan = planStep(inducedMetric(sgd(), { learningRate: 0.1 }), [{ name: 'w', shape: [1000] }])
 * const kernels = instantiateStep(plan.parameters[0]!.graph, 'float32', memory, { allocate: malloc, release: free })
 * const binding = { size: 1000, rows: 1000, columns: 1, inputs: [gradient, parameter], outputs: [result] }
 * const scalars = { step: 1, learningRate: 0.1, weightDecay: 0, scale: 1 }
 * const duals = new Float64Array(1)
 * kernels.reduce([binding], [scalars], [duals])
 * scalars.scale = 1 / (1 + duals[0]! / 1000)
 * kernels.update([binding], [scalars])
 * ```
 */
export function instantiateStep(
  graph: StepGraph,
  dtype: ElementType,
  memory: WasmMemory,
  allocator: Allocator,
): StepKernels {
  if (!isWasmSupported()) {
    throw unsupported('WebAssembly with vector instructions does not compile here')
  }
  return createKernels(compileStep(graph, dtype, isShared(memory)), memory, allocator)
}
