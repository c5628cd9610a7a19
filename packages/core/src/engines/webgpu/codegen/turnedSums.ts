import { matrixExtents, type Shape } from '../../../graph/algebra.js'
import type { GraphNode } from '../../../graph/graph.js'
import type { StepGraph } from '../../../step/stepGraph.js'
import { isValueOp } from './arithmetic.js'

/**
 * The graph with some sums taken over the transposes of their operands, which have the same sum. Muon works on tall matrices
 * transposed: the kernel of its last product can then add up ⟨g, x⟩ itself, reading g transposed, and no other kernel has to.
 */
export function turnSums(graph: StepGraph): StepGraph {
  if (!graph.nodes.some(({ op, inputs }) => op === 'sum' && gainsByTurning(graph.nodes, inputs[0]!)))
    return graph
  const nodes: GraphNode[] = []
  const places: number[] = []
  const turnedPlaces = new Map<number, number>()
  const turned = (index: number): number => {
    const known = turnedPlaces.get(index)
    if (known !== undefined) return known
    const node = graph.nodes[index]!
    const shape = transposed(node.shape)
    let place = places[index]!
    if (node.op === 'transpose') place = places[node.inputs[0]!]!
    else if (shape !== undefined) {
      place = isValueOp(node.op)
        ? nodes.push({ ...node, shape, inputs: node.inputs.map(turned) }) - 1
        : nodes.push({ op: 'transpose', shape, inputs: [place] }) - 1
    }
    turnedPlaces.set(index, place)
    return place
  }
  graph.nodes.forEach((node, index) => {
    const [first] = node.inputs
    const isTurned = node.op === 'sum' && gainsByTurning(graph.nodes, first!)
    const inputs = isTurned ? [turned(first!)] : node.inputs.map((input) => places[input]!)
    places[index] = nodes.push({ ...node, inputs }) - 1
  })
  const outputs = Object.fromEntries(
    Object.entries(graph.outputs).map(([name, index]) => [name, places[index]!]),
  )
  return { ...graph, nodes, outputs }
}

/** The shape of a matrix's transpose; `undefined` for what a kernel reads alike in both: scalars and vectors. */
function transposed(shape: Shape): Shape | undefined {
  const extents = matrixExtents(shape)
  return extents && `${extents[1]},${extents[0]}`
}

/** Whether elements are computed from a transposed value, and from no other that is not at hand. */
function gainsByTurning(nodes: readonly GraphNode[], index: number): boolean {
  const extents = matrixExtents(nodes[index]!.shape)
  if (!extents || extents[0] === extents[1]) return false
  let [gains, loses] = [false, false]
  const seen = new Set<number>()
  const visit = (at: number): void => {
    const { op, shape, inputs } = nodes[at]!
    if (seen.has(at) || shape === 'scalar') return
    seen.add(at)
    if (op === 'transpose') gains ||= nodes[inputs[0]!]!.op !== 'input'
    else if (op === 'matmul') loses = true
    else if (isValueOp(op)) inputs.forEach(visit)
  }
  visit(index)
  return gains && !loses
}
