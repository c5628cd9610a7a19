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
 * Prepares the passes of a step on a foreign WebAssembly memory, such as that of a framework's backend. All graphs of one
 * structure share the compiled module. The returned kernels are bound to the memory, and cheap to create.
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
