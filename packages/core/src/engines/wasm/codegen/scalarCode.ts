import type { Op } from '../../../graph/algebra.js'
import type { Graph, GraphNode } from '../../../graph/graph.js'
import type { Bytes } from './encoder.js'
import { call, f64, get, op, set, when, type Locals } from './instructions.js'

/** Writes the scalars of one graph, each into a local. */
export interface ScalarWriter {
  /** The local of every scalar that has been written. */
  readonly locals: Map<number, number>
  /** Code for the scalars among `order` that have not been written yet. Each must come after its inputs. */
  write(order: readonly number[]): Bytes[]
}

/**
 * Prepares code for the scalars of a graph.
 *
 * @param input code for the value of an input
 * @param pow the number of the imported function xʸ
 */
export function createScalarWriter(
  graph: Graph,
  locals: Locals,
  input: (name: string) => Bytes,
  pow: number,
): ScalarWriter {
  const written = new Map<number, number>()
  const value = (node: number): Bytes => get(written.get(node)!)
  return {
    locals: written,
    write: (order) =>
      order
        .filter((node) => !written.has(node))
        .map((node) => {
          const code = emitScalar(graph.nodes[node]!, value, input, pow)
          const local = locals.add('f64')
          written.set(node, local)
          // The local of a skipped power keeps its initial value 0.
          return isDecay(graph, node) ? when(remains(graph, node, value), set(local, code)) : set(local, code)
        }),
  }
}

/**
 * Whether (i32) a number is finite: x − x is 0, or NaN.
 *
 * @param again code for the same number, where `x` is not to be computed twice
 */
export function emitIsFinite(x: Bytes, again: Bytes = x): Bytes {
  return [x, again, op.f64Sub, f64(0), op.f64Equal]
}

/** Whether a scalar is a power that is only subtracted from 1, as in the bias correction 1 − βᵗ. */
function isDecay({ nodes, outputs }: Graph, index: number): boolean {
  const isFromOne = ({ op, inputs: [from, power] }: GraphNode): boolean =>
    op === 'sub' && nodes[from!]!.value === 1 && power === index
  return (
    nodes[index]!.op === 'pow' &&
    !Object.values(outputs).includes(index) &&
    nodes.every((node) => !node.inputs.includes(index) || isFromOne(node))
  )
}

/**
 * Whether (i32) 1 − βᵗ may differ from 1. Above t(1 − β) = 40 it does not, as ln β ≤ β − 1, and e⁻⁴⁰ is less than half
 * of the last bit. Adam's powers are a good part of the time of a step on few weights.
 */
function remains({ nodes }: Graph, index: number, value: (node: number) => Bytes): Bytes {
  const [base, exponent] = nodes[index]!.inputs.map(value) as [Bytes, Bytes]
  return [
    [f64(0), base, op.f64Less],
    [base, f64(1), op.f64Less, op.i32And],
    [f64(40), exponent, f64(1), base, op.f64Sub, op.f64Mul, op.f64Less, op.i32And],
    op.i32Eqz,
  ]
}

/** One scalar: the same operations in double precision as on the host, and so the same results. */
function emitScalar(
  node: GraphNode,
  value: (node: number) => Bytes,
  input: (name: string) => Bytes,
  pow: number,
): Bytes {
  if (node.op === 'constant') return f64(node.value!)
  if (node.op === 'input') return input(node.name!)
  const [a, b, c] = node.inputs.map(value) as [Bytes, Bytes, Bytes]
  const simple = instructions[node.op]
  if (simple !== undefined) return [...node.inputs.map(value), simple]
  switch (node.op) {
    case 'square':
      return [a, a, op.f64Mul]
    case 'pow':
      return [a, b, call(pow)]
    case 'sign':
      return [[f64(1), f64(-1), a, [a, f64(0), op.f64Less], op.select], [a, f64(0), op.f64Greater], op.select]
    case 'finite':
      return [emitIsFinite(a), op.f64ConvertI32]
    case 'greater':
      return [a, b, op.f64Greater, op.f64ConvertI32]
    case 'select':
    case 'when':
      return [b, c, [a, f64(0), op.f64Greater], op.select]
    default:
      throw new RangeError(`${node.op} is not an operation on scalars`)
  }
}

const instructions: Readonly<Partial<Record<Op, number>>> = {
  add: op.f64Add,
  sub: op.f64Sub,
  mul: op.f64Mul,
  div: op.f64Div,
  max: op.f64Max,
  min: op.f64Min,
  sqrt: op.f64Sqrt,
  abs: op.f64Abs,
  neg: op.f64Neg,
  floor: op.f64Floor,
}
