import type { ElementType } from '../../../dtype.js'
import type { Graph } from '../../../graph/graph.js'
import type { StepGraph } from '../../../step/stepGraph.js'
import { emitLoop } from './emitLoop.js'
import { encodeModule, type FunctionCode } from './encoder.js'
import type { Loop } from './loop.js'
import { orderStages } from './orderStages.js'
import type { PassStages, StepStages } from './stages.js'
import { vectorTypes, type VectorType } from './vectors.js'

/** A step's graph as code for one element type. It depends on no numbers of any one optimiser. */
export interface StepCode {
  readonly graph: StepGraph
  readonly stages: StepStages
  readonly type: VectorType
  /** The exported function of every loop. */
  readonly functions: ReadonlyMap<Loop, LoopNames>
  /** The module. */
  readonly bytes: Uint8Array
}

/** The names of a loop's functions. */
export interface LoopNames {
  readonly name: string
  /** The same, but every element is widened before it is added: for when the quick sum overflows. */
  readonly wide?: string
}

/**
 * Writes the module of a step's graph.
 *
 * @param shared whether the memory it works on is shared between threads
 */
export function encodeStep(graph: StepGraph, dtype: ElementType, shared: boolean): StepCode {
  const stages = orderStages(graph)
  const type = vectorTypes[dtype]
  const { functions, code } = emitFunctions(graph, stages, type)
  return { graph, stages, type, functions, bytes: encodeModule(code, shared) }
}

function emitFunctions(
  graph: StepGraph,
  { norm, reduce, update, hasBarriers }: StepStages,
  type: VectorType,
): { functions: Map<Loop, LoopNames>; code: FunctionCode[] } {
  const functions = new Map<Loop, LoopNames>()
  const code: FunctionCode[] = []
  const byForm = new Map<string, LoopNames>()
  const emit = (loop: Loop, unroll: number): string => {
    const name = `f${code.length}`
    code.push(emitLoop(name, graph, loop, type, unroll))
    return name
  }
  for (const pass of [norm, reduce, update].filter((each): each is PassStages => each !== undefined)) {
    for (const stage of pass.stages) {
      if (stage.kind !== 'loop') continue
      const { loop } = stage
      // All turns of an iteration, such as Newton–Schulz, call one function.
      const form = `${pass === update} ${formOf(graph, loop)}`
      let names = byForm.get(form)
      if (!names) {
        // Where a step is one loop, the loop's speed counts. Where it has matrix products, theirs does, and the module
        // should be small enough for a page to compile it synchronously.
        const unroll = hasBarriers ? 1 : loop.sums.length > 0 ? 4 : 2
        const name = emit(loop, unroll)
        // A loop that overwrites its inputs cannot add them up once more.
        const overflows = loop.sums.length > 0 && type.name === 'float32' && pass !== update
        names = { name, ...(overflows && { wide: emit(loop, 0) }) }
        byForm.set(form, names)
      }
      functions.set(loop, names)
    }
  }
  return { functions, code }
}

/** A loop's computation as text; the same for loops that differ only in which tensors and scalars they read. */
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
