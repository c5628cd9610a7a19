import { evaluateScalar, type Op } from './algebra.js'
import type { TypedArray } from './engines/engine.js'
import { neededNodes, type Graph } from './graph.js'

/**
 * Every operation of a graph but its leaves, as a function of a framework's tensors: a table that lacks one does not
 * compile. Scalars are tensors of shape [], which broadcast over others; nothing else does. Truth values are 1 and 0;
 * `select(condition, a, b)` is a where the condition is above 0. A function leaves its operands as they are, and gives
 * a tensor of its own.
 */
export type Lowering<T> = Readonly<Record<Exclude<Op, 'constant' | 'input'>, (...operands: T[]) => T>>

/** What {@link createTensorOptimizer} needs of a framework with tensors of its own. */
export interface TensorBackend<T> {
  readonly lowering: Lowering<T>
  /** A tensor of these values, row-major; of their element type. The array is not kept. */
  from(values: TypedArray, shape: readonly number[]): T
  /** A tensor's values, row-major. It waits for a device: that happens once in a step, for one number. */
  read(tensor: T): TypedArray
  shape(tensor: T): readonly number[]
  dtype(tensor: T): 'float32' | 'float64'
  /** Frees what the optimiser has made and needs no longer; where the framework does that itself, nothing. */
  dispose?(tensor: T): void
}

/** Numbers as scalar tensors, each of them once. */
export interface ScalarTensors<T> {
  at(value: number, dtype: 'float32' | 'float64'): T
  dispose(): void
}

export function createScalarTensors<T>(backend: TensorBackend<T>): ScalarTensors<T> {
  const made = new Map<string, T>()
  return {
    at(value, dtype) {
      const key = `${dtype} ${Object.is(value, -0) ? '-0' : value}`
      let tensor = made.get(key)
      if (tensor === undefined) made.set(key, (tensor = backend.from(arrayOf(dtype, 1).fill(value), [])))
      return tensor
    },
    dispose() {
      for (const tensor of made.values()) backend.dispose?.(tensor)
      made.clear()
    },
  }
}

export function arrayOf(dtype: 'float32' | 'float64', length: number): TypedArray {
  return dtype === 'float64' ? new Float64Array(length) : new Float32Array(length)
}

/**
 * Evaluates outputs of a graph on a framework's tensors. Numbers stay on the host, in double precision, until they meet
 * a tensor; intermediate tensors are freed after their last use.
 *
 * @param input what the graph's inputs stand for; tensors among them are left alone
 * @param dtype the element type of scalars
 * @returns the outputs; tensors among them are new ones, no two the same
 */
export function evaluateGraph<T>(
  graph: Graph,
  outputs: readonly string[],
  input: (name: string) => T | number,
  { backend, scalars, dtype }: EvaluationContext<T>,
): Record<string, T | number> {
  const { nodes } = graph
  const order = neededNodes(graph, outputs)
  const uses = new Map<number, number>()
  const use = (index: number): void => void uses.set(index, (uses.get(index) ?? 0) + 1)
  for (const index of order) nodes[index]!.inputs.forEach(use)
  for (const name of outputs) use(graph.outputs[name]!)

  const values = new Map<number, T | number>()
  const own = new Map<number, T>()
  const asTensor = (index: number): T => {
    const value = values.get(index)!
    return typeof value === 'number' ? scalars.at(value, dtype) : value
  }
  const release = (index: number): void => {
    uses.set(index, uses.get(index)! - 1)
    const tensor = own.get(index)
    if (uses.get(index)! > 0 || tensor === undefined) return
    own.delete(index)
    backend.dispose?.(tensor)
  }
  try {
    for (const index of order) {
      const { op, inputs, value, name } = nodes[index]!
      if (op === 'constant') values.set(index, value!)
      else if (op === 'input') values.set(index, input(name!))
      else {
        const operands = inputs.map((operand) => values.get(operand)!)
        if (op !== 'sum' && operands.every((operand) => typeof operand === 'number')) {
          const [a = 0, b = 0, c = 0] = operands
          values.set(index, evaluateScalar(op, a, b, c))
          continue
        }
        const result = backend.lowering[op](...inputs.map(asTensor))
        values.set(index, result)
        own.set(index, result)
        inputs.forEach(release)
      }
    }
    const results: Record<string, T | number> = {}
    for (const name of outputs) {
      const index = graph.outputs[name]!
      const value = values.get(index)!
      // An input handed on, or an output that is another one as well, is to be had in a copy.
      const shared = typeof value !== 'number' && !own.delete(index)
      results[name] = shared ? backend.from(backend.read(value), backend.shape(value)) : value
    }
    return results
  } catch (error) {
    for (const tensor of own.values()) backend.dispose?.(tensor)
    throw error
  }
}

/** What evaluations of one step share. */
export interface EvaluationContext<T> {
  readonly backend: TensorBackend<T>
  readonly scalars: ScalarTensors<T>
  readonly dtype: 'float32' | 'float64'
}
