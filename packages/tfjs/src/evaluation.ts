import { algebra, type Graph } from '@induced-metric/core'
import type { Constants } from './constants.js'
import type { Lowering } from './lowering.js'
import type { Tensor } from './namespace.js'

/** What a graph's inputs stand for: tensors and late scalars on the device, other scalars as numbers. */
export type Inputs = Readonly<Record<string, Tensor | number>>

/** A graph being evaluated: each node once, when an output first needs it. */
export interface Evaluation {
  /** An output: a number where it depends on nothing but numbers. */
  get(output: string): Tensor | number
  /** An output as a tensor of its own, one that is no input of the graph. */
  fresh(output: string): Tensor
  /** Supplies an input that is known only now. */
  supply(name: string, value: Tensor | number): void
}

/** Begins the evaluation of a graph by TensorFlow.js operations. Call within `tf.tidy`. */
export function evaluate(graph: Graph, lowering: Lowering, constants: Constants, given: Inputs): Evaluation {
  const inputs: Record<string, Tensor | number> = { ...given }
  const values: (Tensor | number | undefined)[] = []
  const tensorOf = (value: Tensor | number): Tensor => (typeof value === 'number' ? constants.at(value) : value)

  const visit = (index: number): Tensor | number => values[index] ?? (values[index] = compute(index))
  const compute = (index: number): Tensor | number => {
    const { op, inputs: operands, value, name } = graph.nodes[index]!
    if (op === 'constant') return value!
    if (op === 'input') {
      const supplied = inputs[name!]
      if (supplied === undefined) throw new Error(`the graph reads ${name}, which was not supplied`)
      return supplied
    }
    const operandValues = operands.map(visit)
    // Scalars known to the host are computed there, in double precision, and rounded when they meet a tensor.
    if (operandValues.every((x) => typeof x === 'number')) {
      const [a, b = 0, c = 0] = operandValues
      return algebra.evaluateScalar(op, a!, b, c)
    }
    return lowering[op](...operandValues.map(tensorOf))
  }

  return {
    get: (output) => visit(graph.outputs[output]!),
    fresh(output) {
      const index = graph.outputs[output]!
      const tensor = tensorOf(visit(index))
      return graph.nodes[index]!.op === 'input' ? tensor.clone() : tensor
    },
    supply(name, value) {
      inputs[name] = value
    },
  }
}
