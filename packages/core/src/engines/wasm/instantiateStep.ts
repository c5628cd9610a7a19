import type { ElementType } from '../../dtype.js'
import { InducedMetricError } from '../../errors.js'
import type { StepGraph } from '../../step/stepGraph.js'
import { compileStep } from './codegen/program.js'
import { createKernels, type Allocator, type StepKernels } from './kernels.js'
import { isShared, isWasmSupported, type WasmMemory } from './memory.js'

/**
 * Sets the passes of a step up on a WebAssembly memory of somebody else's, such as a framework's backend: for adapters
 * whose tensors lie in one. The compiled module is shared by all graphs of one structure; what this makes is bound to
 * the memory, and cheap.
 *
 * A step calls `norm` (only where the graph clips), then `reduce`, then `update`, each over all tensors with this graph.
 * `scalars` holds, per tensor, the graph's scalar inputs by name; tensors next to one another whose scalars are the same
 * *object* are worked in one call. `clip` must be in it before `reduce`, `scale` before `update`. Results may be NaN or
 * infinite: then nothing has been written, and `update` must not be called.
 *
 * @param graph a parameter's graph, from `planStep`
 * @param dtype the element type of gradient, parameter and slots
 * @param memory the memory they lie in; shared between threads or not. Where it grows between two calls, that is noticed
 * @param allocator gives out parts of the memory to work in: a few KiB, and for graphs with matrix products (`muon`)
 *   some matrices. Called now, and when a step has more or larger matrices than any before it
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
    throw new InducedMetricError(
      'ERR_NOT_SUPPORTED',
      'WebAssembly with vector instructions does not compile here',
    )
  }
  return createKernels(compileStep(graph, dtype, isShared(memory)), memory, allocator)
}
