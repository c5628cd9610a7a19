import { changeOutput } from '../../step/stepGraph.js'
import type { OptimizerWorker, WasmMemory } from '../engine.js'
import { createBarrierRunner } from './barrierRunner.js'
import type { Allocator, StepKernels } from './binding.js'
import type { Loop } from './codegen/loop.js'
import type { Program } from './compileStep.js'
import { createElementwiseRunner } from './elementwiseRunner.js'
import { createLoopArguments, type LoopFunction } from './loopArguments.js'
import { instantiate, type WasmInstance } from './memory.js'
import { createParallelLoops } from './threads/host.js'

/**
 * Prepares the passes of a program on a memory.
 *
 * @param worker runs a part of the loops, where the memory is shared with it
 */
export function createKernels(
  program: Program,
  memory: WasmMemory,
  allocator: Allocator,
  worker?: OptimizerWorker,
): StepKernels {
  const { graph, stages, type } = program
  const loops = loopsOf(program, memory)
  const loopArguments = createLoopArguments(type, memory, allocator, loops)
  const names = (): string[] => [...new Set([...loops.values()].map(({ name }) => name))]
  const runner = stages.hasBarriers
    ? createBarrierRunner(program, memory, allocator, loopArguments)
    : createElementwiseRunner(
        program,
        loopArguments,
        worker && createParallelLoops(worker, { module: program.module, memory, loops: names() }),
      )

  const { outputs, reductions, averaging } = graph
  const norm = outputs['norm'] === undefined ? [] : [outputs['norm']]
  const totals = graph.totals.map((name) => outputs[name]!)
  const sums = reductions.map((name) => outputs[name]!)
  const changes = averaging.map((name) => outputs[changeOutput(name)]!)
  return {
    prepare: (bindings) => runner.prepare(bindings),
    norm: (bindings, scalars, results) => runner.run('norm', bindings, scalars, norm, [results]),
    totals: (bindings, scalars, results) => runner.run('totals', bindings, scalars, totals, results),
    reduce: (bindings, scalars, results) => runner.run('reduce', bindings, scalars, sums, results),
    update: (bindings, scalars, results = []) =>
      runner.run('update', bindings, scalars, changes.slice(0, results.length), results),
    dispose() {
      runner.dispose()
      loopArguments.dispose()
    },
  }
}

const loopsIn = new WeakMap<WasmInstance['exports'], ReadonlyMap<Loop, LoopFunction>>()

/** The functions of a program's loops in a memory, which the engines there share. */
function loopsOf({ functions, module }: Program, memory: WasmMemory): ReadonlyMap<Loop, LoopFunction> {
  const exports = instantiate(module, memory)
  const known = loopsIn.get(exports)
  if (known !== undefined) return known
  const loops = new Map<Loop, LoopFunction>()
  for (const [loop, { name, wide }] of functions) {
    loops.set(loop, { name, run: exports[name]!, runWide: wide === undefined ? undefined : exports[wide]! })
  }
  loopsIn.set(exports, loops)
  return loops
}
