import { algebra } from '@induced-metric/core'
import type { Graph } from '@induced-metric/core/adapter'
import type { Constants } from './constants.js'
import type { Lowering } from './lowering.js'
import type { Tensor, TensorFlow } from './namespace.js'
import { addAll } from './sums.js'

/** What a graph's inputs stand for: tensors and late scalars on the device, other scalars as numbers. */
export type Inputs = Readonly<Record<string, Tensor | number>>

/** A graph being evaluated: each node once, when an output first needs it. */
export interface Evaluation {
  /** An output: a number where it depends on nothing but numbers. */
  readonly get: (output: string) => Tensor | number
  /** An output as a tensor that is no input of the graph. */
  readonly fresh: (output: string) => Tensor
  /** An output as a scalar number times a tensor, where the graph writes it so: many of those add up at less cost. */
  readonly scaled: (output: string) => { readonly factor: number; readonly tensor: Tensor }
  /** Supplies an input that is known only now. */
  readonly supply: (name: string, value: Tensor | number) => void
}

/** Evaluates graphs within one step; what they share in scalars on the device is computed once. */
export interface Evaluator {
  /** Begins an evaluation. The inputs become its own; `scalars` are looked up after them. */
  evaluate(graph: Graph, inputs: Record<string, Tensor | number>, scalars?: Inputs): Evaluation
  tensor(value: Tensor | number): Tensor
  /** The sum of outputs of several evaluations. */
  total(evaluations: readonly Evaluation[], output: string): Tensor
}

/** An evaluator for one step, within whose `tf.tidy` all its results live. */
export function createEvaluator(tf: TensorFlow, lowering: Lowering, constants: Constants): Evaluator {
  const shared = new Map<string, Tensor>()
  const tensor = (value: Tensor | number): Tensor => (typeof value === 'number' ? constants.at(value) : value)

  const evaluate = (
    graph: Graph,
    inputs: Record<string, Tensor | number>,
    scalars: Inputs = inputs,
  ): Evaluation => {
    const { nodes, outputs } = graph
    const uses = countUses(graph).slice()
    const values: (Tensor | number | undefined)[] = []

    const visit = (index: number): Tensor | number => (values[index] ??= compute(index))
    const compute = (index: number): Tensor | number => {
      const { op, inputs: operands, value, name, shape } = nodes[index]!
      if (op === 'constant') return value!
      if (op === 'input') {
        const supplied = inputs[name!] ?? scalars[name!]
        if (supplied === undefined) throw new Error(`the graph reads ${name}, which was not supplied`)
        return supplied
      }
      const [a, b, c] = operands.map(visit)
      // Scalars known to the host are computed there, in double precision, and rounded when they meet a tensor.
      if (typeof a === 'number' && typeof (b ?? 0) === 'number' && typeof (c ?? 0) === 'number') {
        return algebra.evaluateScalar(op, a, (b ?? 0) as number, (c ?? 0) as number)
      }
      const run = (): Tensor => lowering[op](...operands.map((operand) => tensor(values[operand]!)))
      if (shape !== 'scalar' || op === 'sum') {
        const result = run()
        operands.forEach(release)
        return result
      }
      const key = `${op} ${operands.map((operand) => keyOf(values[operand]!)).join(' ')}`
      let scalar = shared.get(key)
      if (scalar === undefined) shared.set(key, (scalar = run()))
      return scalar
    }

    // An intermediate tensor goes as soon as its last user is there: the next one then gets its memory while that is
    // still in the cache. What is shared or handed in is not ours to dispose of.
    const release = (index: number): void => {
      uses[index]!--
      const { op, shape } = nodes[index]!
      if (uses[index] === 0 && op !== 'input' && shape !== 'scalar') (values[index] as Tensor).dispose()
    }

    return {
      get: (output) => visit(outputs[output]!),
      fresh(output) {
        const index = outputs[output]!
        const result = tensor(visit(index))
        return nodes[index]!.op === 'input' ? result.clone() : result
      },
      scaled(output) {
        const { op, inputs: operands } = nodes[outputs[output]!]!
        if (op === 'mul') {
          const [factor, rest] = [visit(operands[0]!), visit(operands[1]!)]
          if (typeof factor === 'number') return { factor, tensor: tensor(rest) }
        }
        return { factor: 1, tensor: tensor(visit(outputs[output]!)) }
      },
      supply(name, value) {
        inputs[name] = value
      },
    }
  }

  return {
    evaluate,
    tensor,
    total(evaluations, output) {
      const byFactor = new Map<number, Tensor[]>()
      for (const evaluation of evaluations) {
        const { factor, tensor: addend } = evaluation.scaled(output)
        byFactor.set(factor, [...(byFactor.get(factor) ?? []), addend])
      }
      const sums = [...byFactor].map(([factor, addends]) => {
        const sum = addAll(tf, addends)
        return factor === 1 ? sum : lowering.mul(tensor(factor), sum)
      })
      return addAll(tf, sums)
    },
  }
}

const useCounts = new WeakMap<Graph, readonly number[]>()

/** How many nodes read each node; an output has one user more, and is never released. */
function countUses(graph: Graph): readonly number[] {
  let counts = useCounts.get(graph)
  if (counts === undefined) {
    const fresh = graph.nodes.map(() => 0)
    for (const { inputs } of graph.nodes) for (const index of inputs) fresh[index]!++
    for (const index of Object.values(graph.outputs)) fresh[index]!++
    useCounts.set(graph, (counts = fresh))
  }
  return counts
}

function keyOf(value: Tensor | number): string {
  return typeof value === 'number' ? String(value) : `#${value.id}`
}
