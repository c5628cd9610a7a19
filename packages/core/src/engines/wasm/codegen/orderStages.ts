import type { Graph } from '../../../graph/graph.js'
import { changeOutput, type StepGraph } from '../../../step/stepGraph.js'
import { assignLocations, Registers } from './assignLocations.js'
import { draftPass } from './draftPass.js'
import { stepTensors, type PassStages, type StepStages } from './stages.js'

const ordered = new WeakMap<StepGraph, StepStages>()

/** The stages of a step, which are the same for all element types. */
export function stagesOf(graph: StepGraph): StepStages {
  let stages = ordered.get(graph)
  if (!stages) ordered.set(graph, (stages = orderStages(graph)))
  return stages
}

/**
 * Orders the work of a step. Elementwise operations are gathered in loops, and computed again wherever that saves
 * memory traffic. Scratch memory holds only inputs and results of matrix products. `update` reads from it what
 * `reduce` has stored there, and does not compute it again.
 */
function orderStages(graph: StepGraph): StepStages {
  const { outputs } = stepTensors(graph)
  const norm = graph.outputs['norm'] === undefined ? undefined : draftPass(graph, ['norm'], new Set())
  const totals = graph.totals.length === 0 ? undefined : draftPass(graph, graph.totals, new Set())
  const written = [...outputs, ...graph.averaging.map(changeOutput)]
  const reduce = draftPass(graph, graph.reductions, new Set(), written)
  const update = draftPass(graph, written, new Set([...reduce.stored, ...reduce.late]))

  const kept = reduce.stored.filter((node) => update.reused.has(node))
  const registers = new Registers(graph)
  for (const node of kept) registers.allocate(node)
  const reduceStages = assignLocations(graph, reduce, registers, kept)
  const updateStages = assignLocations(graph, update, registers, kept)
  const others = {
    ...(norm && { norm: assignLocations(graph, norm, registers, kept) }),
    ...(totals && { totals: assignLocations(graph, totals, registers, kept) }),
  }
  const passes = [...Object.values(others), reduceStages, updateStages]
  return {
    ...others,
    reduce: reduceStages,
    update: updateStages,
    additive: [...graph.reductions, ...graph.totals].every((name) => isAdditive(graph, graph.outputs[name]!)),
    hasBarriers: hasOtherShapes(graph) || !passes.every(isOneLoop) || update.reused.size > 0,
    hasProducts: passes.some(({ stages }) =>
      stages.some(({ kind }) => kind === 'matmul' || kind === 'transpose'),
    ),
    registers: registers.shapes,
    kept: kept.map((_, index) => index),
  }
}

/** Whether slots have shapes other than the parameter's. */
function hasOtherShapes({ nodes, outputs, slots, slotShapes }: StepGraph): boolean {
  const { shape } = nodes[outputs['parameter']!]!
  return slots.some((name) => slotShapes[name] !== shape)
}

/** Whether a pass is one loop over elements, with scalars before it and after it. */
function isOneLoop({ stages }: PassStages): boolean {
  const [stage, ...others] = stages.filter(({ kind }) => kind !== 'scalars')
  return others.length === 0 && stage?.kind === 'loop' && stage.loop.lines === undefined
}

/** Whether a scalar is a sum of sums over the tensors, each multiplied at most by numbers that are known before. */
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
