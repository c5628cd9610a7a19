import type { ElementType } from '../../../dtype.js'
import type { Graph } from '../../../graph/graph.js'
import type { StepGraph } from '../../../step/stepGraph.js'
import { emitLoop } from './emitLoop.js'
import { encodeModule, type FunctionCode } from './encoder.js'
import { rootOf } from './emitOperation.js'
import type { Lines, Loop } from './loop.js'
import { stagesOf } from './orderStages.js'
import { emitPower, type PowerName } from './powers.js'
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
  const stages = stagesOf(graph)
  const type = vectorTypes[dtype]
  const { functions, code } = emitFunctions(graph, stages, type)
  return { graph, stages, type, functions, bytes: encodeModule(code, shared) }
}

function emitFunctions(
  graph: StepGraph,
  { norm, totals, reduce, update, hasBarriers, hasProducts }: StepStages,
  type: VectorType,
): { functions: Map<Loop, LoopNames>; code: FunctionCode[] } {
  const functions = new Map<Loop, LoopNames>()
  const code: FunctionCode[] = []
  const byForm = new Map<string, LoopNames>()
  const powers = new Map(powersOf(graph).map((name, index) => [name, index]))
  for (const name of powers.keys()) code.push(emitPower(name, type))
  const emit = (loop: Loop, unroll: number): string => {
    const name = `f${code.length}`
    // Where tensors depend on sums, the steps depend on the sums' last bits.
    code.push(emitLoop(name, graph, loop, type, unroll, powers, hasBarriers))
    return name
  }
  for (const pass of [norm, totals, reduce, update].filter(
    (each): each is PassStages => each !== undefined,
  )) {
    for (const stage of pass.stages) {
      if (stage.kind !== 'loop') continue
      const { loop } = stage
      // All turns of an iteration, such as Newton–Schulz, call one function.
      const form = `${pass === update} ${formOf(graph, loop)}`
      let names = byForm.get(form)
      if (!names) {
        // The loops' speed counts, unless there are matrix products: then theirs does, and the module should be small
        // enough for a page to compile it synchronously.
        const adds = loop.sums.length > 0 || loop.lines !== undefined
        const unroll = hasProducts ? 1 : adds ? 4 : 2
        const name = emit(loop, unroll)
        // A loop that overwrites its inputs cannot add them up once more.
        const overflows = loop.sums.length > 0 && type.name === 'float32' && pass !== update
        names = { name, ...(overflows && { wide: emit(withoutReductions(loop), 0) }) }
        byForm.set(form, names)
      }
      functions.set(loop, names)
    }
  }
  return { functions, code }
}

/** The functions of vectors that loops of a graph call. */
function powersOf({ nodes }: Graph): PowerName[] {
  const found = new Set<PowerName>()
  for (const { op, inputs, shape } of nodes) {
    if (shape === 'scalar') continue
    if (op === 'exp' || op === 'log' || op === 'atan2') found.add(op)
    if (op !== 'pow') continue
    const root = rootOf(nodes[inputs[1]!]!.value)
    if (root !== 2) found.add(root === 3 ? 'cbrt' : op)
  }
  return [...found]
}

/** A loop that only adds up: what its lines were reduced to stays as it is. */
function withoutReductions(loop: Loop): Loop {
  return loop.lines ? { ...loop, lines: { ...loop.lines, ofLines: [], ofPlaces: [] } } : loop
}

/** A loop's computation as text; the same for loops that differ only in which tensors and scalars they read. */
function formOf(graph: Graph, { loads, scalars, sums, stores, lines: ofMatrix }: Loop): string {
  const numbers = new Map<number, number>()
  const lines: string[] = []
  const visit = (node: number): number => {
    const known = numbers.get(node)
    if (known !== undefined) return known
    const { op, inputs, value } = graph.nodes[node]!
    const load = loads.indexOf(node)
    const scalar = scalars.indexOf(node)
    let line: string
    if (load !== -1) line = `load ${load}${ofMatrix ? kindOf(ofMatrix, node) : ''}`
    else if (scalar !== -1) line = `scalar ${scalar}`
    else if (op === 'constant') line = `constant ${Object.is(value, -0) ? '-0' : value}`
    else line = `${op} ${inputs.map(visit).join(' ')}`
    numbers.set(node, lines.push(line) - 1)
    return lines.length - 1
  }
  const results = [
    ...sums.map((node) => `sum ${visit(graph.nodes[node]!.inputs[0]!)}`),
    ...stores.map((node) => `store ${visit(node)}`),
    ...[...(ofMatrix?.ofLines ?? []), ...(ofMatrix?.ofPlaces ?? [])].map(
      (node) => `${graph.nodes[node]!.op} ${visit(graph.nodes[node]!.inputs[0]!)}`,
    ),
    ...(ofMatrix ? ['lines'] : []),
  ]
  return [...lines, ...results].join('\n')
}

/** How a loop reads a tensor. */
function kindOf({ perLine, perPlace }: Lines, node: number): string {
  if (perLine.includes(node)) return ' per line'
  return perPlace.includes(node) ? ' per place' : ''
}
