import type { Op } from '../graph/algebra.js'
import { arrayOf, type TypedArray } from '../dtype.js'
import { neededNodes, type Graph } from '../graph/graph.js'
import { compileScalarNodes, type Scalars } from '../graph/hostScalars.js'

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
  /**
   * Compiles a function of tensors, where the framework can fuse operations. It is made of the lowering's functions and
   * of `dispose`, has no other effect, leaves its operands as they are, and is called with the same number of them each
   * time, of shapes and types that may differ from those of the call before.
   */
  compile?(compute: (operands: readonly T[]) => T[]): (operands: readonly T[]) => T[]
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

/** Evaluates outputs of a graph; see {@link prepareEvaluation}. */
export type Evaluation<T> = (given: EvaluationInputs<T>) => Record<string, T | number>

/** What an evaluation is given. */
export interface EvaluationInputs<T> {
  /** The graph's inputs that are tensors, by name. They are left alone. */
  readonly tensor: (name: string) => T
  /** Those that are numbers. */
  readonly numbers: Scalars
  readonly scalars: ScalarTensors<T>
  /** The element type of scalars. */
  readonly dtype: 'float32' | 'float64'
}

/**
 * Prepares the evaluation of outputs of a graph on a framework's tensors. Numbers stay on the host, in double precision,
 * until they meet a tensor. What is left is a function of tensors, which the framework may compile; intermediate tensors
 * are freed after their last use.
 *
 * @returns a function to the outputs by name; tensors among them are new ones, no two the same
 */
export function prepareEvaluation<T>(
  graph: Graph,
  outputs: readonly string[],
  backend: TensorBackend<T>,
): Evaluation<T> {
  const { nodes } = graph
  const order = neededNodes(graph, outputs)
  const tensors = new Set<number>()
  for (const index of order) {
    const { op, inputs, shape } = nodes[index]!
    const isTensor = op === 'input' ? shape !== 'scalar' : op === 'sum' || inputs.some((i) => tensors.has(i))
    if (isTensor) tensors.add(index)
  }
  const computed = [...tensors].filter((index) => nodes[index]!.op !== 'input')
  const given = [...tensors].filter((index) => nodes[index]!.op === 'input')
  const used = new Set(computed.flatMap((index) => nodes[index]!.inputs))
  const met = [...used].filter((index) => !tensors.has(index))
  const wanted = outputs.map((name) => graph.outputs[name]!)
  const results = [...new Set(wanted)].filter((index) => computed.includes(index))
  const values = new Float64Array(nodes.length)
  const computeNumbers = compileScalarNodes(
    graph,
    order.filter((index) => !tensors.has(index)),
  )

  const computeTensors = (operands: readonly T[]): T[] => {
    const operand = new Map([...given, ...met].map((index, i) => [index, operands[i]!]))
    const own = new Map<number, T>()
    const uses = new Map<number, number>()
    const use = (index: number): void => void uses.set(index, (uses.get(index) ?? 0) + 1)
    for (const index of computed) nodes[index]!.inputs.forEach(use)
    results.forEach(use)
    const release = (index: number): void => {
      uses.set(index, uses.get(index)! - 1)
      const tensor = own.get(index)
      if (uses.get(index)! > 0 || tensor === undefined) return
      own.delete(index)
      backend.dispose?.(tensor)
    }
    try {
      for (const index of computed) {
        const { op, inputs } = nodes[index]!
        if (op === 'constant' || op === 'input') continue
        own.set(index, backend.lowering[op](...inputs.map((i) => own.get(i) ?? operand.get(i)!)))
        inputs.forEach(release)
      }
      return results.map((index) => own.get(index)!)
    } catch (error) {
      for (const tensor of own.values()) backend.dispose?.(tensor)
      throw error
    }
  }
  const compute = backend.compile?.(computeTensors) ?? computeTensors

  return ({ tensor, numbers, scalars, dtype }) => {
    computeNumbers(values, numbers)
    const operands = [
      ...given.map((index) => tensor(nodes[index]!.name!)),
      ...met.map((index) => scalars.at(values[index]!, dtype)),
    ]
    const made = new Map(compute(operands).map((result, i) => [results[i]!, result]))
    const take = (index: number): T | number => {
      if (!tensors.has(index)) return values[index]!
      const result = made.get(index)
      if (made.delete(index)) return result!
      // An input handed on, or an output that is another one as well, is to be had in a copy.
      const original = operands[given.indexOf(index)] ?? taken.get(index)!
      return backend.from(backend.read(original), backend.shape(original))
    }
    const taken = new Map<number, T>()
    return Object.fromEntries(
      outputs.map((name, i) => {
        const value = take(wanted[i]!)
        if (typeof value !== 'number') taken.set(wanted[i]!, value)
        return [name, value]
      }),
    )
  }
}
