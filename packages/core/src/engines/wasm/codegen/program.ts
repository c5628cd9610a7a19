import type { ElementType } from '../../../dtype.js'
import type { Graph } from '../../../graph/graph.js'
import type { StepGraph } from '../../../step/stepGraph.js'
import { encodeModule, type FunctionCode } from './encoder.js'
import { emitLoop, type Loop } from './loop.js'
import { scheduleStep, type Pass, type Schedule } from './stages.js'
import { vectorTypes, type VectorType } from './vectors.js'
import { compileModule, type WasmModule } from '../memory.js'

/** A step's graph compiled for one element type. It holds no numbers of any one optimiser. */
export interface Program {
  readonly graph: StepGraph
  readonly schedule: Schedule
  readonly type: VectorType
  readonly module: WasmModule
  /** The exported function of every loop. */
  readonly functions: ReadonlyMap<Loop, LoopFunctions>
}

/** The names of a loop's functions. */
export interface LoopFunctions {
  readonly name: string
  /** The same with every element widened before it is added: for when the quick sum overflows. */
  readonly wide?: string
}

const programs = new Map<string, Program>()

/** The program of a graph, compiled when it is asked for first: graphs of one structure share it. */
export function compileStep(graph: StepGraph, dtype: ElementType, shared: boolean): Program {
  const key = `${dtype} ${shared} ${graph.hash}`
  let program = programs.get(key)
  if (!program) {
    const schedule = scheduleStep(graph)
    const type = vectorTypes[dtype]
    const { functions, code } = emitFunctions(graph, schedule, type)
    program = { graph, schedule, type, functions, module: compileModule(encodeModule(code, shared)) }
    programs.set(key, program)
  }
  return program
}

/** The bytes of a graph's module. */
export function encodeStep(graph: StepGraph, dtype: ElementType, shared = false): Uint8Array {
  return encodeModule(emitFunctions(graph, scheduleStep(graph), vectorTypes[dtype]).code, shared)
}

function emitFunctions(
  graph: StepGraph,
  { norm, reduce, update, staged }: Schedule,
  type: VectorType,
): { functions: Map<Loop, LoopFunctions>; code: FunctionCode[] } {
  const functions = new Map<Loop, LoopFunctions>()
  const code: FunctionCode[] = []
  const byForm = new Map<string, LoopFunctions>()
  const emit = (loop: Loop, unroll: number): string => {
    const name = `f${code.length}`
    code.push(emitLoop(name, graph, loop, type, unroll))
    return name
  }
  for (const pass of [norm, reduce, update].filter((each): each is Pass => each !== undefined)) {
    for (const stage of pass.stages) {
      if (stage.kind !== 'loop') continue
      const { loop } = stage
      // The turns of an iteration, as of Newton–Schulz, are one function.
      const form = `${pass === update} ${formOf(graph, loop)}`
      let names = byForm.get(form)
      if (!names) {
        // Where a step is one loop, the loop is what counts; where it has matrix products, those are, and the module
        // should be one that a page may compile at once.
        const unroll = staged ? 1 : loop.sums.length > 0 ? 4 : 2
        const name = emit(loop, unroll)
        // What has been written cannot be added up once more.
        const overflows = loop.sums.length > 0 && type.name === 'float32' && pass !== update
        names = { name, ...(overflows && { wide: emit(loop, 0) }) }
        byForm.set(form, names)
      }
      functions.set(loop, names)
    }
  }
  return { functions, code }
}

/** What a loop computes, written so that loops that differ only in which tensors and scalars they read are equal. */
function formOf(graph: Graph, { loads, scalars, sums, stores }: Loop): string {
  const numbers = new Map<number, number>()
  const lines: string[] = []
  const visit = (node: number): number => {
    const known = numbers.get(node)
    if (known !== undefined) return known
    const { op, inputs, value } = graph.nodes[node]!
    const load = loads.indexOf(node)
    const scalar = scalars.indexOf(node)
    let line: string
    if (load !== -1) line = `load ${load}`
    else if (scalar !== -1) line = `scalar ${scalar}`
    else if (op === 'constant') line = `constant ${Object.is(value, -0) ? '-0' : value}`
    else line = `${op} ${inputs.map(visit).join(' ')}`
    numbers.set(node, lines.push(line) - 1)
    return lines.length - 1
  }
  const results = [
    ...sums.map((node) => `sum ${visit(graph.nodes[node]!.inputs[0]!)}`),
    ...stores.map((node) => `store ${visit(node)}`),
  ]
  return [...lines, ...results].join('\n')
}
