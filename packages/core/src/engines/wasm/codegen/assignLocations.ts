import type { Shape } from '../../../graph/algebra.js'
import type { Graph } from '../../../graph/graph.js'
import type { StepGraph } from '../../../step/stepGraph.js'
import { readNodes, storedNodes, type DraftPass } from './draftPass.js'
import type { DraftStage, Factor } from './draftStage.js'
import {
  stepTensors,
  type TensorLocation,
  type MatmulOperand,
  type PassStages,
  type Stage,
} from './stages.js'

/** Allocates scratch memory by register. */
export class Registers {
  /** The shapes each register has to hold. */
  readonly shapes: Shape[][] = []
  readonly #graph: Graph
  readonly #free: number[] = []
  readonly #held = new Map<number, number>()

  constructor(graph: Graph) {
    this.#graph = graph
  }

  /** The register of a node; a free or new one if it has none. */
  allocate(node: number): number {
    const held = this.#held.get(node)
    if (held !== undefined) return held
    const register = this.#free.pop() ?? this.shapes.push([]) - 1
    const { shape } = this.#graph.nodes[node]!
    if (!this.shapes[register]!.includes(shape)) this.shapes[register]!.push(shape)
    this.#held.set(node, register)
    return register
  }

  /** The register of a node, if it has one. */
  get(node: number): number | undefined {
    return this.#held.get(node)
  }

  release(node: number): void {
    const register = this.#held.get(node)
    if (register === undefined) return
    this.#held.delete(node)
    this.#free.push(register)
  }
}

/**
 * Gives the tensors of a pass their locations. A register is free again after the last stage that reads it.
 *
 * @param kept nodes whose registers outlast the pass
 */
export function assignLocations(
  graph: StepGraph,
  draft: DraftPass,
  registers: Registers,
  kept: readonly number[],
): PassStages {
  const lastUse = new Map<number, number>()
  draft.stages.forEach((stage, at) => {
    for (const node of [...storedNodes(stage), ...readNodes(graph, stage)]) lastUse.set(node, at)
  })
  const stages = draft.stages.map((stage, at): Stage => {
    for (const node of storedNodes(stage)) registers.allocate(node)
    const located = locate(graph, stage, registers)
    for (const [node, use] of lastUse) if (use === at && !kept.includes(node)) registers.release(node)
    return located
  })
  return { early: draft.early, stages }
}

function locate(graph: StepGraph, stage: DraftStage, registers: Registers): Stage {
  const { inputs, outputs } = stepTensors(graph)
  const locationOf = (node: number): TensorLocation => {
    const register = registers.get(node)
    return register === undefined ? inputs.indexOf(graph.nodes[node]!.name!) : -1 - register
  }
  const shapeOf = (node: number): Shape => graph.nodes[node]!.shape
  const operand = ({ node, transposed }: Factor): MatmulOperand => ({
    location: locationOf(node),
    shape: shapeOf(node),
    transposed,
  })
  const { guard } = stage
  switch (stage.kind) {
    case 'scalars':
      return stage
    case 'loop': {
      const { loop, shape } = stage
      const { ofLines, ofPlaces } = loop.lines ?? { ofLines: [], ofPlaces: [] }
      const stores =
        stage.outputs.length > 0
          ? stage.outputs.map((name) => inputs.length + outputs.indexOf(name))
          : loop.stores.map(locationOf)
      const tensors = [...loop.loads.map(locationOf), ...stores, ...[...ofLines, ...ofPlaces].map(locationOf)]
      return { kind: 'loop', loop, shape, locations: tensors, guard }
    }
    case 'matmul': {
      const { node, a, b } = stage
      return {
        kind: 'matmul',
        a: operand(a),
        b: operand(b),
        shape: shapeOf(node),
        to: locationOf(node),
        guard,
      }
    }
    case 'transpose': {
      const { node, from } = stage
      return { kind: 'transpose', from: locationOf(from), shape: shapeOf(from), to: locationOf(node), guard }
    }
    case 'hosted':
      return {
        kind: 'hosted',
        results: stage.nodes.map((node) => ({ node, shape: shapeOf(node), to: locationOf(node) })),
        operands: stage.operands.map((node) => ({
          node,
          shape: shapeOf(node),
          location: shapeOf(node) === 'scalar' ? undefined : locationOf(node),
        })),
        guard,
      }
  }
}
