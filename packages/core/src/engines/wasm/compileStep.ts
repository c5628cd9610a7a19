import type { ElementType } from '../../dtype.js'
import type { StepGraph } from '../../step/stepGraph.js'
import { encodeStep, type StepCode } from './codegen/stepModule.js'
import { compileModule, type WasmModule } from './memory.js'

/** A step's graph, compiled for one element type. */
export interface Program extends Omit<StepCode, 'bytes'> {
  readonly module: WasmModule
}

const programs = new Map<string, Program>()

/** The program of a graph. It is compiled on the first call, and shared by all graphs of one structure. */
export function compileStep(graph: StepGraph, dtype: ElementType, shared: boolean): Program {
  const key = `${dtype} ${shared} ${graph.hash}`
  let program = programs.get(key)
  if (!program) {
    const { bytes, ...code } = encodeStep(graph, dtype, shared)
    programs.set(key, (program = { ...code, module: compileModule(bytes) }))
  }
  return program
}
