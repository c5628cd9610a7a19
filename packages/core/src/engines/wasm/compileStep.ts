import type { ElementType } from '../../dtype.js'
import { unsupported } from '../../errors.js'
import { isVector } from '../../graph/algebra.js'
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
  checkSupported(graph)
  const key = `${dtype} ${shared} ${graph.hash}`
  let program = programs.get(key)
  if (!program) {
    const { bytes, ...code } = encodeStep(graph, dtype, shared)
    programs.set(key, (program = { ...code, module: compileModule(bytes) }))
  }
  return program
}

const supportedOps: ReadonlySet<string> = new Set([
  'constant',
  'input',
  'add',
  'sub',
  'mul',
  'div',
  'max',
  'min',
  'sqrt',
  'square',
  'abs',
  'neg',
  'sign',
  'sum',
  'matmul',
  'transpose',
])

/** Throws ERR_NOT_SUPPORTED for a graph that has operations or slots that are not compiled. */
function checkSupported({ nodes, slotShapes, totals, normals }: StepGraph): void {
  const found = nodes.find(
    ({ op, shape }) => isVector(shape) || (shape !== 'scalar' && !supportedOps.has(op)),
  )
  const slot = Object.entries(slotShapes).find(([, shape]) => shape !== 'tensor' && shape !== 'rows,columns')
  if (!found && !slot && totals.length === 0 && normals.length === 0) return
  const what = found
    ? `the operation ${found.op}`
    : slot
      ? `the slot ${slot[0]}`
      : 'totals and normal numbers'
  throw unsupported(`the wasm engine does not compile ${what}; use engine: 'reference'`)
}
