import { evaluateScalar } from './algebra.js'
import { InducedMetricError } from './errors.js'
import { neededNodes, type Graph } from './graph.js'
import type { Scalars } from './plan.js'

/** Evaluates outputs of a graph of scalars in double precision, on the host. */
export type ScalarProgram = (inputs: Scalars) => Float64Array

/**
 * Prepares the evaluation of scalar outputs.
 *
 * @param outputs names of outputs, none of which may hang on a tensor
 * @returns a function from named inputs to the outputs' values, in order; it returns the same array every time
 */
export function compileScalars(graph: Graph, outputs: readonly string[]): ScalarProgram {
  const order = neededNodes(graph, outputs)
  const values = new Float64Array(graph.nodes.length)
  const result = new Float64Array(outputs.length)
  return (inputs) => {
    for (const index of order) evaluateScalarNode(graph, index, values, inputs)
    outputs.forEach((name, i) => (result[i] = values[graph.outputs[name]!]!))
    return result
  }
}

/** Computes one scalar node into `values` from those before it. */
export function evaluateScalarNode(graph: Graph, index: number, values: Float64Array, inputs: Scalars): void {
  const node = graph.nodes[index]!
  if (node.op === 'constant') values[index] = node.value!
  else if (node.op === 'input') {
    const value = inputs[node.name!]
    if (value === undefined) {
      throw new InducedMetricError(
        'ERR_OPTION',
        `the graph reads a scalar ${node.name}, which the engine does not give`,
      )
    }
    values[index] = value
  } else {
    const [a, b, c] = node.inputs
    values[index] = evaluateScalar(node.op, values[a!]!, values[b!] ?? 0, values[c!] ?? 0)
  }
}
