import { compileScalarNodes, type Scalars } from '../../../graph/hostScalars.js'
import { neededNodes, type Graph } from '../../../graph/graph.js'

/**
 * The scalars of a graph that follow from counts and hyperparameters alone. The host computes them in double precision, as
 * 1 − βᵗ would have few digits left in single precision, and the device reads them.
 */
export interface EarlyScalars {
  /** By node that the rest of the graph reads: its place in a row. */
  readonly columns: ReadonlyMap<number, number>
  /** The inputs that they are computed from. */
  readonly inputs: ReadonlySet<string>
  /** Writes a row into `out`, from `at` on. */
  write(out: Float32Array, at: number, scalars: Scalars): void
}

/**
 * Finds the scalars that the host computes.
 *
 * @param outputs the outputs that the device computes
 * @param isKnown whether the host knows a scalar input
 */
export function earlyScalarsOf(
  graph: Graph,
  outputs: readonly string[],
  isKnown: (input: string) => boolean,
): EarlyScalars {
  const { nodes } = graph
  const needed = neededNodes(graph, outputs)
  const early = new Set<number>()
  for (const index of needed) {
    const { op, shape, inputs, name } = nodes[index]!
    const isOwn = op === 'input' ? isKnown(name!) : op !== 'sum' && inputs.every((input) => early.has(input))
    if (shape === 'scalar' && isOwn) early.add(index)
  }
  const read = new Set(outputs.map((name) => graph.outputs[name]!))
  for (const index of needed) if (!early.has(index)) for (const input of nodes[index]!.inputs) read.add(input)
  const row = needed.filter((index) => early.has(index) && read.has(index) && nodes[index]!.op !== 'constant')
  const ends = Object.fromEntries(row.map((index) => [String(index), index]))
  const order = neededNodes({ ...graph, outputs: ends }, Object.keys(ends))
  const evaluate = compileScalarNodes(graph, order)
  const values = new Float64Array(nodes.length)
  return {
    columns: new Map(row.map((index, column) => [index, column])),
    inputs: new Set(order.flatMap((index) => (nodes[index]!.op === 'input' ? [nodes[index]!.name!] : []))),
    write(out, at, scalars) {
      evaluate(values, scalars)
      row.forEach((index, column) => (out[at + column] = values[index]!))
    },
  }
}
