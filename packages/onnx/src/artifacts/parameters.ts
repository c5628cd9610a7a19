import { dataType } from '../proto/dataType.js'
import type { GraphProto, NodeProto, TensorProto } from '../proto/onnx_pb.js'
import { dimsOf } from '../proto/tensor.js'
import { usesIn } from './uses.js'
import { declaredValue } from '../rewrite/declare.js'

/** The properties of a parameter that a selector sees. */
export interface ParameterTraits {
  readonly dims: readonly number[]
  /** Its element type: 1 is float, 11 double. */
  readonly dataType: number
}

/** A constant of a formula, which is not a parameter unless it is named as one. */
export interface FormulaConstant {
  readonly tensor: TensorProto
  /** The node that uses it as a setting or as an operand. */
  readonly user: NodeProto
}

/** The initializers of float and double, by their role. */
export interface ModelParameters {
  /** By name, in the order of the initializers. */
  readonly values: ReadonlyMap<string, TensorProto>
  /** Parameters that no gradient can flow to: running statistics. */
  readonly buffers: ReadonlySet<string>
  /** Constants of formulas. */
  readonly constants: ReadonlyMap<string, FormulaConstant>
  /** Constants in nodes that would be parameters if they were initializers. */
  readonly inNodes: readonly string[]
}

/**
 * Tells parameters from the constants of formulas that exporters write among the initializers.
 *
 * A constant is any setting of an operator (an exponent, a bound, a scale of a quantisation), an operand of Max and Min
 * only, and anything with one element that is an operand of arithmetic only (an epsilon, a factor), directly or in another form. With one
 * element, parameters are biases of products with one output, inputs of any other operator (the slope of a PRelu, the
 * scale of a normalisation), and arguments of a function (a logit scale under Exp).
 *
 * @param fixed constants that the model has in nodes. They are reported in `inNodes` only
 */
export function findParameters(graph: GraphProto, fixed: ReadonlySet<string>): ModelParameters {
  const usesOf = usesIn(graph)
  const values = new Map<string, TensorProto>()
  const buffers = new Set<string>()
  const constants = new Map<string, FormulaConstant>()
  const inNodes: string[] = []
  for (const tensor of graph.initializer) {
    const { name, dataType: type } = tensor
    const uses = usesOf(name)
    if ((type !== dataType.float && type !== dataType.double) || uses.size === 0) continue
    const isOne = tensor.dims.every((extent) => extent === 1n)
    const isOperand = !uses.has('parameter') && !uses.has('buffer') && (isOne || !uses.has('arithmetic'))
    const operator = uses.get('bound') ?? uses.get('arithmetic')
    const user = uses.get('setting') ?? (isOperand ? operator : undefined)
    if (fixed.has(name)) {
      if (!user) inNodes.push(name)
    } else if (user) constants.set(name, { tensor, user })
    else {
      values.set(name, tensor)
      if (uses.size === 1 && uses.has('buffer')) buffers.add(name)
    }
  }
  return { values, buffers, constants, inNodes }
}

/**
 * Removes the parameters from a graph's initializers and makes inputs of them, so that a training and an eval session
 * share them.
 *
 * @param graph is changed
 * @param trained constants among them are parameters, too
 * @returns the parameters by name, in the order of the initializers
 */
export function takeParameters(
  graph: GraphProto,
  { values, constants }: ModelParameters,
  trained: readonly string[],
): ReadonlyMap<string, TensorProto> {
  const named = new Set(trained)
  const taken = new Map<string, TensorProto>()
  graph.initializer = graph.initializer.filter((tensor) => {
    const { name } = tensor
    if (!values.has(name) && !(constants.has(name) && named.has(name))) return true
    taken.set(name, tensor)
    graph.input.push(declaredValue(name, tensor.dataType, dimsOf(tensor)))
    return false
  })
  return taken
}
