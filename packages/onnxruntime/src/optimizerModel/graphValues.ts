import type { Graph } from '@induced-metric/core/adapter'
import { dataType, type ModelBuilder } from '@induced-metric/onnx/proto'
import { operators } from './operators.js'

/** A value of the model being written. Scalars are double; they are rounded where they meet a tensor of float. */
export interface Written {
  readonly name: string
  readonly isScalar: boolean
}

/** A recorded graph being written into a model: each node once, when an output first needs it. */
export interface GraphValues {
  readonly get: (output: string) => string
}

/**
 * Writes a recorded graph.
 *
 * @param type the element type of its tensors
 * @param supply the value of an input: a tensor, or a scalar in double precision
 * @param rounded scalars as floats, by name, shared by all graphs of a model
 */
export function writeGraph(
  builder: ModelBuilder,
  graph: Graph,
  type: number,
  supply: (name: string, isScalar: boolean) => string,
  rounded: Map<string, string>,
): GraphValues {
  const values: (Written | undefined)[] = []
  const visit = (index: number): Written => (values[index] ??= write(index))
  const round = (scalar: string): string => {
    if (type === dataType.double) return scalar
    let name = rounded.get(scalar)
    if (name === undefined) rounded.set(scalar, (name = builder.emit('Cast', [scalar], { to: type })))
    return name
  }
  const write = (index: number): Written => {
    const { op, inputs, value, name, shape } = graph.nodes[index]!
    const isScalar = shape === 'scalar'
    if (op === 'constant') return { name: builder.real(value!, dataType.double), isScalar }
    if (op === 'input') return { name: supply(name!, isScalar), isScalar }
    const operands = inputs.map(visit)
    if (isScalar && op !== 'sum') {
      return {
        name: operators[op](builder, dataType.double, ...operands.map((operand) => operand.name)),
        isScalar,
      }
    }
    const names = operands.map((operand) => (operand.isScalar ? round(operand.name) : operand.name))
    return { name: operators[op](builder, type, ...names), isScalar }
  }
  return { get: (output) => visit(graph.outputs[output]!).name }
}
