import type { Scalars } from '../../graph/hostScalars.js'
import { changeOutput } from '../../step/stepGraph.js'
import { enlist, type Helper } from './threads/host.js'
import { createFlatRunner } from './elementwiseRunner.js'
import type { Program } from './codegen/program.js'
import { createStagedRunner } from './barrierRunner.js'
import { createWorkspace, type WorkspaceLoops } from './loopArguments.js'
import { instantiate, type WasmMemory } from './memory.js'

/** A tensor's place in the memory: byte addresses, which need no alignment. */
export interface TensorBinding {
  /** Number of elements. */
  size: number
  /** Extents of a matrix; for other tensors they do not matter. */
  rows: number
  columns: number
  /** Where the gradient, the parameter and the slots (in the graph's order) are read. */
  readonly inputs: number[]
  /** Where the parameter and the slots (in the graph's order) are written: the same addresses, or others. */
  readonly outputs: number[]
}

/** Gives out parts of a memory. */
export interface Allocator {
  /** The address of so many bytes, a multiple of 8. The memory may grow. */
  allocate(bytes: number): number
  release(address: number): void
}

/** The passes of a step's program over tensors in a memory. `scalars` runs parallel to `bindings`. */
export interface StepKernels {
  /** Allocates all that steps over these tensors need, so that no step has to. */
  prepare(bindings: readonly TensorBinding[]): void
  /** Σ g² of each gradient; where the graph clips. */
  norm(bindings: readonly TensorBinding[], scalars: readonly Scalars[], results: Float64Array): void
  /** The graph's `reductions` of each tensor, an array for each. */
  reduce(
    bindings: readonly TensorBinding[],
    scalars: readonly Scalars[],
    results: readonly Float64Array[],
  ): void
  /**
   * Writes parameters and slots; after `reduce`, with the same tensors in the same order.
   *
   * @param results the `change` outputs of the graph's `averaging` slots of each tensor, an array for each
   */
  update(
    bindings: readonly TensorBinding[],
    scalars: readonly Scalars[],
    results?: readonly Float64Array[],
  ): void
  /** Gives the memory back that the kernels work in. */
  dispose(): void
}

/** The passes of a step. */
export type PassName = 'norm' | 'reduce' | 'update'

/** What runs passes of one kind of program. */
export interface Runner {
  prepare(bindings: readonly TensorBinding[]): void
  /**
   * @param outputs the nodes whose values go into `results`, an array for each
   */
  run(
    pass: PassName,
    bindings: readonly TensorBinding[],
    scalars: readonly Scalars[],
    outputs: readonly number[],
    results: readonly Float64Array[],
  ): void
  dispose(): void
}

/** Sets a program up on a memory; if that is shared with a helper, with its help. */
export function createKernels(
  program: Program,
  memory: WasmMemory,
  allocator: Allocator,
  helper?: Helper,
): StepKernels {
  const exports = instantiate(program.module, memory)
  const loops: WorkspaceLoops = new Map()
  for (const [loop, { name, wide }] of program.functions) {
    loops.set(loop, { name, run: exports[name]!, runWide: wide === undefined ? undefined : exports[wide]! })
  }
  const workspace = createWorkspace(program.type, memory, allocator, loops)
  const runner = program.schedule.staged
    ? createStagedRunner(program, memory, allocator, workspace)
    : createFlatRunner(program, workspace, helper && enlist(helper, program, memory))

  const { outputs, reductions, averaging } = program.graph
  const norm = outputs['norm'] === undefined ? [] : [outputs['norm']]
  const sums = reductions.map((name) => outputs[name]!)
  const changes = averaging.map((name) => outputs[changeOutput(name)]!)
  return {
    prepare: (bindings) => runner.prepare(bindings),
    norm: (bindings, scalars, results) => runner.run('norm', bindings, scalars, norm, [results]),
    reduce: (bindings, scalars, results) => runner.run('reduce', bindings, scalars, sums, results),
    update: (bindings, scalars, results = []) =>
      runner.run('update', bindings, scalars, changes.slice(0, results.length), results),
    dispose() {
      runner.dispose()
      workspace.dispose()
    },
  }
}
