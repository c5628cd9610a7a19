import type { DeferredBackend, Lowering } from '@induced-metric/core/adapter'
import { dataType, type Dimension, type ModelBuilder } from '@induced-metric/onnx/proto'
import { operators } from './operators.js'

/** The operations of a step on the values of a model that is being written. A value is given by its name. */
export interface ModelBackend extends DeferredBackend<string> {
  /** Declares an input of the model, a tensor of float or double; only once, however often it is asked for. */
  readonly tensor: (name: string, type: number, dims: readonly Dimension[]) => string
  /** A scalar of any type as a double, as all scalars of a step are. */
  readonly toDouble: (value: string) => string
  /** A double scalar in another type. */
  readonly toType: (value: string, type: number) => string
}

/**
 * Creates the operations of a model. Scalars and sums are double. A scalar that meets a tensor of float is rounded, which
 * happens once in the model.
 */
export function createModelBackend(builder: ModelBuilder): ModelBackend {
  /** The names of values of float. */
  const floats = new Set<string>()
  const rounded = new Map<string, string>()
  const round = (value: string): string => {
    if (floats.has(value)) return value
    let name = rounded.get(value)
    if (name === undefined) rounded.set(value, (name = builder.emit('Cast', [value], { to: dataType.float })))
    return name
  }
  const operate =
    (op: keyof Lowering<string>) =>
    (...operands: string[]): string => {
      if (!operands.some((operand) => floats.has(operand)))
        return operators[op](builder, dataType.double, ...operands)
      const result = operators[op](builder, dataType.float, ...operands.map(round))
      if (op !== 'sum') floats.add(result)
      return result
    }
  const ops = Object.keys(operators) as (keyof Lowering<string>)[]
  return {
    lowering: Object.fromEntries(ops.map((op) => [op, operate(op)])) as Lowering<string>,
    constant: (value) => builder.real(value, dataType.double),
    sum: (values) => builder.emit('Sum', values),
    reshape(value, shape) {
      const result = builder.emit('Reshape', [value, builder.ints(shape)])
      if (floats.has(value)) floats.add(result)
      return result
    },
    identity(n, like) {
      const { float, double } = dataType
      const zeros = builder.emit('ConstantOfShape', [builder.ints([n, n])])
      const result = builder.emit('EyeLike', [zeros], { dtype: floats.has(like) ? float : double })
      if (floats.has(like)) floats.add(result)
      return result
    },
    toDouble: (value) => (floats.has(value) ? builder.emit('Cast', [value], { to: dataType.double }) : value),
    toType: (value, type) => (type === dataType.double ? value : builder.emit('Cast', [value], { to: type })),
    tensor(name, type, dims) {
      if (type === dataType.float) floats.add(name)
      return builder.input(name, type, dims)
    },
  }
}
