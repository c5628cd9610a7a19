import { optionError, type InducedMetricError } from '../errors.js'
import { memoised } from '../memoised.js'
import { evaluateScalar, type Op } from './algebra.js'
import { neededNodes, type Graph } from './graph.js'

/** Evaluates scalar outputs of a graph on the host, in double precision. */
export type ScalarProgram = (inputs: Scalars) => Float64Array

/** Computes nodes of a graph into `values`, which holds one value per node, from named inputs and the nodes before them. */
export type ScalarEvaluator = (values: Float64Array, inputs: Scalars) => void

/**
 * Prepares the evaluation of scalar outputs.
 *
 * @param outputs names of outputs, none of which may depend on a tensor
 * @returns a function from named inputs to the outputs' values, in order; it returns the same array every time
 */
export function compileScalars(graph: Graph, outputs: readonly string[]): ScalarProgram {
  const prepared = preparedOf(graph)
  const key = outputs.join()
  let evaluate = prepared.get(key)
  if (!evaluate) prepared.set(key, (evaluate = compileScalarNodes(graph, neededNodes(graph, outputs))))
  const values = new Float64Array(graph.nodes.length)
  const result = new Float64Array(outputs.length)
  const places = outputs.map((name) => graph.outputs[name]!)
  return (inputs) => {
    evaluate(values, inputs)
    for (let i = 0; i < places.length; i++) result[i] = values[places[i]!]!
    return result
  }
}

/** The evaluators of a graph's outputs, which optimisers of one structure share. */
const preparedOf = memoised<Graph, Map<string, ScalarEvaluator>>(() => new Map<string, ScalarEvaluator>())

/**
 * Prepares the evaluation of scalar nodes, in the order given. With small parameters this is most of a step, so the
 * evaluation only walks over numbers: it looks up no names but those of inputs, and creates no objects.
 */
export function compileScalarNodes(graph: Graph, order: readonly number[]): ScalarEvaluator {
  const count = order.length
  const codes = new Uint8Array(count)
  const targets = Int32Array.from(order)
  const operands = new Int32Array(3 * count)
  const constants = new Float64Array(count)
  const names: string[] = []
  order.forEach((index, i) => {
    const { op, inputs, value = 0, name = '' } = graph.nodes[index]!
    codes[i] = codeOf[op]
    constants[i] = value
    names.push(name)
    operands.set(inputs.slice(0, 3), 3 * i)
  })
  return (values, given) => {
    for (let i = 0; i < count; i++) {
      const a = values[operands[3 * i]!]!
      const b = values[operands[3 * i + 1]!]!
      let result: number
      switch (codes[i]) {
        case codeOf.constant:
          result = constants[i]!
          break
        case codeOf.input: {
          const value = given[names[i]!]
          if (value === undefined) throw missing(names[i]!)
          result = value
          break
        }
        // The most frequent operations are inlined; `evaluateScalar` defines them as well.
        case codeOf.add:
          result = a + b
          break
        case codeOf.sub:
          result = a - b
          break
        case codeOf.mul:
          result = a * b
          break
        case codeOf.div:
          result = a / b
          break
        default:
          result = evaluateScalar(ops[codes[i]!]!, a, b, values[operands[3 * i + 2]!]!)
      }
      values[targets[i]!] = result
    }
  }
}

/** Operations by number: a switch over small integers is one jump. */
const codeOf = {
  constant: 0,
  input: 1,
  add: 2,
  sub: 3,
  mul: 4,
  div: 5,
  max: 6,
  min: 7,
  sqrt: 8,
  square: 9,
  abs: 10,
  neg: 11,
  sign: 12,
  pow: 13,
  finite: 14,
  greater: 15,
  select: 16,
  exp: 17,
  log: 18,
  atan2: 19,
  floor: 20,
  when: 21,
  sum: 22,
  matmul: 23,
  transpose: 24,
  rowSums: 25,
  columnSums: 26,
  rowMax: 27,
  columnMax: 28,
  identity: 29,
  eigenvalues: 30,
  eigenvectors: 31,
  qr: 32,
  inverseRoot: 33,
} as const satisfies Record<Op, number>

const ops = Object.keys(codeOf) as Op[]

function missing(name: string): InducedMetricError {
  return optionError(`the graph reads a scalar ${name}, which the engine does not give`)
}

/** Named scalar inputs of a graph. */
export type Scalars = Record<string, number>
