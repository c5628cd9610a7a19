import type { Shape } from '../../../graph/algebra.js'
import type { Graph } from '../../../graph/graph.js'
import { changeOutput, type StepGraph } from '../../../step/stepGraph.js'
import type { Loop } from './loop.js'

/**
 * Where a tensor lies: 0 and up are a step's inputs (`gradient`, `parameter`, the slots in their order), then its
 * outputs (`parameter`, the slots); below 0 are registers of scratch memory, −1 being the first.
 */
export type Place = number

/** A stage of a pass. What it needs was computed by stages before it. */
export type Stage =
  /** Scalars that hang on sums: computed on the host, in double precision. */
  | { readonly kind: 'scalars'; readonly nodes: readonly number[] }
  | {
      readonly kind: 'loop'
      readonly loop: Loop
      readonly shape: Shape
      /** Where `loop.loads` lie, then where `loop.stores` go. */
      readonly places: readonly Place[]
    }
  | {
      readonly kind: 'matmul'
      readonly a: Operand
      readonly b: Operand
      readonly shape: Shape
      readonly to: Place
    }
  | { readonly kind: 'transpose'; readonly from: Place; readonly shape: Shape; readonly to: Place }

/** A factor of a matrix product, as it lies in memory, and whether it enters transposed. */
export interface Operand {
  readonly place: Place
  readonly shape: Shape
  readonly transposed: boolean
}

/** What one call has to do, in order. */
export interface Pass {
  /** Scalars that are known before the tensors are read. */
  readonly early: readonly number[]
  readonly stages: readonly Stage[]
}

/** The passes of a step, and the scratch memory they share. */
export interface Schedule {
  /** Absent where the gradient is not clipped. */
  readonly norm?: Pass
  readonly reduce: Pass
  readonly update: Pass
  /** Whether what is reduced of two tensors is that of both as one: not where it has products of sums, as s of Lion. */
  readonly additive: boolean
  /** Whether tensors hang on sums or matrix products: such a step is worked tensor by tensor, stage by stage. */
  readonly staged: boolean
  /** The shapes each register has to hold. */
  readonly registers: readonly (readonly Shape[])[]
  /** The registers that keep results of `reduce` until `update`. */
  readonly kept: readonly number[]
}

/** The order of a step's inputs and outputs as {@link Place}s. */
function stepPlaces(graph: StepGraph): { inputs: string[]; outputs: string[] } {
  const slots = graph.slots.map((name) => `slot.${name}`)
  return { inputs: ['gradient', 'parameter', ...slots], outputs: ['parameter', ...slots] }
}

/**
 * Orders the work of a step. Elementwise operations are gathered in loops and computed again wherever that saves
 * memory traffic; only what a matrix product reads or gives is put into scratch memory, and what `reduce` has put
 * there is not computed again by `update`.
 */
export function scheduleStep(graph: StepGraph): Schedule {
  const { outputs } = stepPlaces(graph)
  const norm = graph.outputs['norm'] === undefined ? undefined : orderPass(graph, ['norm'], new Set())
  const reduce = orderPass(graph, graph.reductions, new Set())
  const changes = graph.averaging.map(changeOutput)
  const update = orderPass(graph, [...outputs, ...changes], new Set([...reduce.stored, ...reduce.late]))

  const kept = reduce.stored.filter((node) => update.reused.has(node))
  const registers = new Registers(graph)
  for (const node of kept) registers.take(node)
  const reducePass = placePass(graph, reduce, registers, kept)
  const updatePass = placePass(graph, update, registers, kept)
  const staged = [reduce, update].some(
    ({ stages }) => stages.filter(({ kind }) => kind !== 'scalars').length > 1,
  )
  return {
    ...(norm && { norm: placePass(graph, norm, registers, kept) }),
    reduce: reducePass,
    update: updatePass,
    additive: graph.reductions.every((name) => isAdditive(graph, graph.outputs[name]!)),
    staged: staged || update.reused.size > 0,
    registers: registers.shapes,
    kept: kept.map((_, index) => index),
  }
}

/** Whether a scalar is a sum of sums over the tensors, each at most times a number that is known before. */
function isAdditive(graph: Graph, root: number): boolean {
  const { nodes } = graph
  const hasSums = (i: number): boolean => nodes[i]!.op === 'sum' || nodes[i]!.inputs.some(hasSums)
  const visit = (i: number): boolean => {
    const { op, inputs } = nodes[i]!
    if (op === 'sum') return true
    if (op === 'add' || op === 'sub' || op === 'neg') return inputs.every(visit)
    const [a, b] = inputs as [number, number]
    if (op === 'mul') return (visit(a) && !hasSums(b)) || (visit(b) && !hasSums(a))
    return op === 'div' && visit(a) && !hasSums(b)
  }
  return visit(root)
}

/** A stage before its tensors have places: nodes throughout. */
type Draft =
  | { kind: 'scalars'; nodes: number[] }
  | { kind: 'loop'; loop: Loop; shape: Shape; outputs: readonly string[] }
  | { kind: 'matmul'; node: number; a: Factor; b: Factor }
  | { kind: 'transpose'; node: number; from: number }

interface Factor {
  readonly node: number
  readonly transposed: boolean
}

interface DraftPass {
  readonly early: number[]
  readonly stages: Draft[]
  /** Nodes put into scratch memory. */
  readonly stored: number[]
  /** Scalars that hang on tensors. */
  readonly late: number[]
  /** What it takes over from an earlier pass. */
  readonly reused: ReadonlySet<number>
}

function orderPass(graph: Graph, outputs: readonly string[], available: ReadonlySet<number>): DraftPass {
  const { nodes } = graph
  const isTensor = (i: number): boolean => nodes[i]!.shape !== 'scalar'
  const isBarrier = (i: number): boolean => nodes[i]!.op === 'matmul' || nodes[i]!.op === 'transpose'

  /** A factor of a product, seen through transpositions: the product reads it either way. */
  const factor = (i: number, transposed = false): Factor =>
    nodes[i]!.op === 'transpose' && !available.has(i)
      ? factor(nodes[i]!.inputs[0]!, !transposed)
      : { node: i, transposed }
  const inputsOf = (i: number): number[] => {
    if (available.has(i)) return []
    const { op, inputs } = nodes[i]!
    return op === 'matmul' ? inputs.map((j) => factor(j).node) : [...inputs]
  }

  // The level of a node is the number of barriers behind it.
  const levels = new Map<number, number>()
  const levelOf = (i: number): number => {
    let level = levels.get(i)
    if (level === undefined) {
      level = Math.max(0, ...inputsOf(i).map(levelOf))
      if (!available.has(i) && (isBarrier(i) || nodes[i]!.op === 'sum')) level++
      levels.set(i, level)
    }
    return level
  }
  const roots = outputs.map((name) => graph.outputs[name]!)
  const last = Math.max(...roots.map(levelOf))
  const order = [...levels.keys()].sort((a, b) => a - b).filter((i) => !available.has(i))

  const barriers = order.filter(isBarrier)
  const toStore = new Set(
    barriers.flatMap(inputsOf).filter((i) => nodes[i]!.op !== 'input' && !available.has(i) && !isBarrier(i)),
  )
  const written = outputs.filter((name) => isTensor(graph.outputs[name]!))
  // What is summed of tensors while they are written.
  const beside = written.length > 0 ? roots.filter((i) => nodes[i]!.op === 'sum' && !available.has(i)) : []
  const inMemory = new Set(available)
  const stages: Draft[] = []
  const isLate = (i: number): boolean => !isTensor(i) && nodes[i]!.op !== 'sum' && levelOf(i) > 0
  for (let level = 0; level <= last; level++) {
    const scalars = order.filter((i) => isLate(i) && levelOf(i) === level)
    if (scalars.length > 0) stages.push({ kind: 'scalars', nodes: scalars })

    const stores = order.filter((i) => toStore.has(i) && levelOf(i) === level)
    const sums = order.filter(
      (i) => nodes[i]!.op === 'sum' && levelOf(i) === level + 1 && !beside.includes(i),
    )
    const shapeOfSum = (i: number): Shape => nodes[nodes[i]!.inputs[0]!]!.shape
    const shapes = new Set([...stores.map((i) => nodes[i]!.shape), ...sums.map(shapeOfSum)])
    for (const shape of shapes) {
      const loop = gather(
        graph,
        sums.filter((i) => shapeOfSum(i) === shape),
        stores.filter((i) => nodes[i]!.shape === shape),
        inMemory,
      )
      stages.push({ kind: 'loop', loop, shape, outputs: [] })
    }
    for (const node of stores) inMemory.add(node)

    for (const node of barriers.filter((i) => levelOf(i) === level + 1)) {
      const [a, b] = nodes[node]!.inputs as [number, number]
      if (nodes[node]!.op === 'matmul') stages.push({ kind: 'matmul', node, a: factor(a), b: factor(b) })
      else stages.push({ kind: 'transpose', node, from: a })
      inMemory.add(node)
    }
  }
  if (written.length > 0) {
    const stores = written.map((name) => graph.outputs[name]!)
    stages.push({
      kind: 'loop',
      loop: gather(graph, beside, stores, inMemory),
      shape: nodes[stores[0]!]!.shape,
      outputs: written,
    })
  }
  return {
    early: order.filter((i) => !isTensor(i) && levelOf(i) === 0),
    stages,
    stored: [...inMemory].filter((i) => !available.has(i)),
    late: order.filter((i) => !isTensor(i) && levelOf(i) > 0),
    reused: new Set([...levels.keys()].filter((i) => available.has(i))),
  }
}

/** The loop that computes sums and tensors from what is in memory. */
function gather(
  graph: Graph,
  sums: readonly number[],
  stores: readonly number[],
  inMemory: ReadonlySet<number>,
): Loop {
  const loads = new Set<number>()
  const scalars = new Set<number>()
  const seen = new Set<number>()
  const visit = (i: number): void => {
    if (seen.has(i)) return
    seen.add(i)
    const { op, inputs, shape } = graph.nodes[i]!
    if (shape === 'scalar') {
      if (op !== 'constant') scalars.add(i)
    } else if (op === 'input' || inMemory.has(i)) loads.add(i)
    else inputs.forEach(visit)
  }
  for (const sum of sums) visit(graph.nodes[sum]!.inputs[0]!)
  stores.forEach(visit)
  return { loads: [...loads], scalars: [...scalars], sums, stores }
}

/** The tensors a stage reads from memory. */
function readNodes(stage: Draft): readonly number[] {
  switch (stage.kind) {
    case 'scalars':
      return []
    case 'loop':
      return stage.loop.loads
    case 'matmul':
      return [stage.a.node, stage.b.node]
    case 'transpose':
      return [stage.from]
  }
}

/** The tensors a stage leaves in scratch memory. */
function storedNodes(stage: Draft): readonly number[] {
  if (stage.kind === 'scalars') return []
  if (stage.kind === 'loop') return stage.outputs.length > 0 ? [] : stage.loop.stores
  return [stage.node]
}

/** Hands out scratch memory by register. */
class Registers {
  readonly shapes: Shape[][] = []
  readonly #graph: Graph
  readonly #free: number[] = []
  readonly #held = new Map<number, number>()

  constructor(graph: Graph) {
    this.#graph = graph
  }

  take(node: number): number {
    const held = this.#held.get(node)
    if (held !== undefined) return held
    const register = this.#free.pop() ?? this.shapes.push([]) - 1
    const { shape } = this.#graph.nodes[node]!
    if (!this.shapes[register]!.includes(shape)) this.shapes[register]!.push(shape)
    this.#held.set(node, register)
    return register
  }

  of(node: number): number | undefined {
    return this.#held.get(node)
  }

  release(node: number): void {
    const register = this.#held.get(node)
    if (register === undefined) return
    this.#held.delete(node)
    this.#free.push(register)
  }
}

/** Gives the tensors of a pass their places. A register is given on when nobody reads it any more. */
function placePass(graph: StepGraph, draft: DraftPass, registers: Registers, kept: readonly number[]): Pass {
  const { inputs, outputs } = stepPlaces(graph)
  const lastUse = new Map<number, number>()
  draft.stages.forEach((stage, at) => {
    for (const node of [...storedNodes(stage), ...readNodes(stage)]) lastUse.set(node, at)
  })
  const placeOf = (node: number): Place => {
    const { op, name } = graph.nodes[node]!
    return op === 'input' ? inputs.indexOf(name!) : -1 - registers.of(node)!
  }
  const shapeOf = (node: number): Shape => graph.nodes[node]!.shape

  const stages = draft.stages.map((stage, at): Stage => {
    for (const node of storedNodes(stage)) registers.take(node)
    const placed = ((): Stage => {
      switch (stage.kind) {
        case 'scalars':
          return stage
        case 'loop': {
          const { loop, shape } = stage
          const stores =
            stage.outputs.length > 0
              ? stage.outputs.map((name) => inputs.length + outputs.indexOf(name))
              : loop.stores.map(placeOf)
          return { kind: 'loop', loop, shape, places: [...loop.loads.map(placeOf), ...stores] }
        }
        case 'matmul': {
          const operand = ({ node, transposed }: Factor): Operand => ({
            place: placeOf(node),
            shape: shapeOf(node),
            transposed,
          })
          const { node, a, b } = stage
          return { kind: 'matmul', a: operand(a), b: operand(b), shape: shapeOf(node), to: placeOf(node) }
        }
        case 'transpose':
          return {
            kind: 'transpose',
            from: placeOf(stage.from),
            shape: shapeOf(stage.from),
            to: placeOf(stage.node),
          }
      }
    })()
    for (const [node, use] of lastUse) if (use === at && !kept.includes(node)) registers.release(node)
    return placed
  })
  return { early: draft.early, stages }
}
