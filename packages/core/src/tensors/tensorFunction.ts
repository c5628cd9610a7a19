import { arrayOf, type ElementType } from '../dtype.js'
import { isHostMatrixOp } from '../graph/algebra.js'
import { compileScalarNodes, type Scalars } from '../graph/hostScalars.js'
import { neededNodes, type Graph, type GraphNode } from '../graph/graph.js'
import type { TensorBackend } from './backend.js'
import { evaluateGraph, identityInput } from './evaluate.js'
import { createHostMatrix, type HostMatrix } from './hostMatrices.js'
import type { ValueBackend } from './operation.js'

/** Scalar tensors of numbers, each made once. */
export interface ScalarTensors<T> {
  at(value: number, dtype: ElementType): T
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

/** Computes outputs of a graph; see {@link prepareTensorFunction}. */
export type TensorFunction<T> = (given: TensorFunctionInputs<T>) => Record<string, T | number>

/** The inputs of a {@link TensorFunction}. */
export interface TensorFunctionInputs<T> {
  /** The graph's inputs that are tensors, by name: scalar slots and `identity.rows` too. They stay as they are. */
  readonly tensor: (name: string) => T
  /** The inputs that are numbers. */
  readonly numbers: Scalars
  readonly scalars: ScalarTensors<T>
  /** The element type of scalars. */
  readonly dtype: ElementType
}

/**
 * Prepares the computation of outputs of a graph on a framework's tensors. Numbers stay on the host, in double precision,
 * until they meet a tensor. The rest is a function of tensors, which the framework may compile. It frees intermediate
 * tensors after their last use. Where the host computes with matrices, nothing is compiled.
 *
 * @param graph without a `when`: a variant of the graph of a step
 * @returns a function that returns the outputs by name; every tensor among them is a new one
 */
export function prepareTensorFunction<T>(
  graph: Graph,
  outputs: readonly string[],
  backend: TensorBackend<T>,
): TensorFunction<T> {
  const { order, isTensor, tensors, numbers } = divide(graph, outputs)
  const wanted = outputs.map((name) => graph.outputs[name]!)
  const results = [...new Set(wanted)].filter((index) => isTensor.has(index) && !isInput(graph.nodes[index]!))
  const compute = compileTensors(onlyTensors(graph, isTensor, results), [...tensors, ...numbers], backend)
  const computeNumbers = compileScalarNodes(
    graph,
    order.filter((index) => !isTensor.has(index)),
  )
  const values = new Float64Array(graph.nodes.length)

  return ({ tensor, numbers: given, scalars, dtype }) => {
    computeNumbers(values, given)
    const operands = [
      ...tensors.map((index) => tensor(inputOf(graph.nodes[index]!))),
      ...numbers.map((index) => scalars.at(values[index]!, dtype)),
    ]
    const made = new Map(compute(operands).map((result, i) => [results[i]!, result]))
    const taken = new Map<number, T>()
    const take = (index: number): T | number => {
      if (!isTensor.has(index)) return values[index]!
      const result = made.get(index)
      if (made.delete(index)) {
        taken.set(index, result!)
        return result!
      }
      // An output that is an input, or another output as well, is copied.
      const original = operands[tensors.indexOf(index)] ?? taken.get(index)!
      return backend.reshape(original, backend.shape(original))
    }
    return Object.fromEntries(outputs.map((name, i) => [name, take(wanted[i]!)]))
  }
}

/** Divides the nodes that outputs need into tensors and numbers. */
function divide({ nodes, ...graph }: Graph, outputs: readonly string[]) {
  const order = neededNodes({ nodes, ...graph }, outputs)
  const isTensor = new Set<number>()
  for (const index of order) {
    const node = nodes[index]!
    if (isInput(node) ? isTensorInput(node) : node.inputs.some((i) => isTensor.has(i))) isTensor.add(index)
  }
  const read = new Set([...isTensor].flatMap((index) => nodes[index]!.inputs))
  return {
    order,
    isTensor,
    /** The inputs that are tensors. */
    tensors: [...isTensor].filter((index) => isInput(nodes[index]!)),
    /** The numbers that meet a tensor. */
    numbers: [...read].filter((index) => !isTensor.has(index)),
  }
}

/** Whether a node is given, rather than computed. */
function isInput({ op }: GraphNode): boolean {
  return op === 'input' || op === 'identity'
}

/** Whether an input is a tensor. A scalar slot is one, and every other scalar a number. */
function isTensorInput({ shape, name }: GraphNode): boolean {
  return shape !== 'scalar' || name!.startsWith('slot.')
}

/** The name under which an input is given. */
function inputOf({ op, shape, name }: GraphNode): string {
  return op === 'identity' ? identityInput(shape) : name!
}

function nodeName(index: number): string {
  return `#${index}`
}

/** The same graph with its numbers as inputs. Inputs and outputs are named by their nodes. */
function onlyTensors(
  { nodes, hash }: Graph,
  isTensor: ReadonlySet<number>,
  results: readonly number[],
): Graph {
  return {
    nodes: nodes.map((node, index): GraphNode => {
      const isComputed = isTensor.has(index) && !isInput(node)
      return isComputed ? node : { ...node, op: 'input', inputs: [], name: nodeName(index) }
    }),
    outputs: Object.fromEntries(results.map((index) => [nodeName(index), index])),
    hash,
  }
}

/** The outputs of a graph as a function of its inputs, which the framework compiles where it can. */
function compileTensors<T>(
  graph: Graph,
  inputs: readonly number[],
  backend: TensorBackend<T>,
): (operands: readonly T[]) => T[] {
  const outputs = Object.keys(graph.outputs)
  const usesHost = graph.nodes.some(({ op }) => isHostMatrixOp(op))
  const values: ValueBackend<T> = {
    lowering: backend.lowering,
    ...(usesHost && { hostMatrix: hostMatrixOf(backend) }),
    constant: (value) => {
      throw new RangeError(`the number ${value} is an operand`)
    },
    ...(backend.dispose && { free: (tensor) => backend.dispose!(tensor) }),
  }
  const compute = (operands: readonly T[]): T[] => {
    const operand = new Map(inputs.map((index, i) => [nodeName(index), operands[i]!]))
    const evaluation = evaluateGraph(graph, outputs, values, (name) => operand.get(name))
    try {
      return outputs.map((name) => evaluation.get(name))
    } catch (error) {
      evaluation.abandon()
      throw error
    }
  }
  return (usesHost ? undefined : backend.compile?.(compute)) ?? compute
}

function hostMatrixOf<T>(backend: TensorBackend<T>): HostMatrix<T> {
  return createHostMatrix<T & object>({
    read: (tensor) => backend.read(tensor),
    from(values, shape, like) {
      const array = arrayOf(backend.dtype(like), values.length)
      array.set(values)
      return backend.from(array, shape) as T & object
    },
  }) as HostMatrix<T>
}
