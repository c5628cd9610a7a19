import type { ElementwiseOp, Shape } from '../../graph/algebra.js'
import { neededNodes, type Graph } from '../../graph/graph.js'
import type { Scalars } from '../../graph/hostScalars.js'
import { compileScalarNodes } from '../../graph/hostScalars.js'
import type { TypedArray } from '../../dtype.js'
import { kernels, matmul, sumOf, transpose } from './kernels.js'

/** Arrays by input or output name. */
export type Tensors = Readonly<Record<string, TypedArray>>

/** The tensor a pass works on: `size` scalars, and as a matrix `rows` × `columns`. */
export interface Extents {
  readonly size: number
  readonly rows: number
  readonly columns: number
}

/** A pass over a graph: computes some of its outputs. */
export interface Pass {
  /** Evaluates: tensor outputs go to `destinations`, scalar outputs are then told by `scalar`. */
  run(extents: Extents, tensors: Tensors, scalars: Scalars, destinations: Tensors): void
  scalar(output: string): number
}

/** Elements worked on at a time: the intermediate results of a block should stay in a second-level cache. */
const blockLength = 1024

/** The registers into which a scalar operand is spread, by its place among the operands. */
const spreadRegisters = [0, 1] as const

/** Scratch arrays by register, shared by all passes of an engine: a pass leaves nothing in them. */
export class Scratch {
  readonly #arrays: TypedArray[] = []
  readonly #make: (length: number) => TypedArray

  constructor(make: (length: number) => TypedArray) {
    this.#make = make
  }

  /** An array of at least `length` elements, the same one for the same register. */
  at(register: number, length: number): TypedArray {
    let array = this.#arrays[register]
    if (array === undefined || array.length < length) array = this.#arrays[register] = this.#make(length)
    return array
  }
}

/**
 * Prepares the interpretation of some outputs of a graph. Where tensors can be had block by block (sums only at the
 * end) it works in blocks; a graph that feeds a sum or a matrix product back into tensors is worked whole.
 */
export function compilePass(graph: Graph, outputs: readonly string[], scratch: Scratch): Pass {
  const { nodes } = graph
  const order = neededNodes(graph, outputs)
  const isTensor = (i: number): boolean => nodes[i]!.shape !== 'scalar'
  const afterSum = new Set<number>()
  for (const i of order) {
    if (nodes[i]!.op === 'sum' || nodes[i]!.inputs.some((j) => afterSum.has(j))) afterSum.add(i)
  }
  const isBarrier = (i: number): boolean => nodes[i]!.op === 'matmul' || nodes[i]!.op === 'transpose'
  const whole = order.some((i) => isBarrier(i) || (isTensor(i) && afterSum.has(i)))

  const early = order.filter((i) => !isTensor(i) && !afterSum.has(i))
  const sums = order.filter((i) => nodes[i]!.op === 'sum')
  // Worked whole, the scalars after a sum come in their place; in blocks, when the sums are complete.
  const body = order.filter((i) => isTensor(i) || nodes[i]!.op === 'sum' || (whole && afterSum.has(i)))
  const tail = whole ? [] : order.filter((i) => !isTensor(i) && afterSum.has(i) && nodes[i]!.op !== 'sum')
  const results = outputs.filter((name) => isTensor(graph.outputs[name]!))
  const registers = allocateRegisters(graph, body, results)

  const evaluateEarly = compileScalarNodes(graph, early)
  const evaluateTail = compileScalarNodes(graph, tail)
  const evaluateBetween = new Map(
    body.filter((i) => !isTensor(i)).map((i) => [i, compileScalarNodes(graph, [i])]),
  )

  const values = new Float64Array(nodes.length)
  const arrays: TypedArray[] = []
  const offsets = new Uint32Array(nodes.length)

  return {
    scalar: (output) => values[graph.outputs[output]!]!,
    run(extents, tensors, scalars, destinations) {
      const { size } = extents
      const block = whole ? size : Math.min(size, blockLength)

      // In blocks everything has the parameter's shape, matrices included.
      const lengthOf = (shape: Shape, n: number): number =>
        shape === 'tensor' || !whole ? n : matrixExtents(shape, extents).reduce((p, q) => p * q)
      const evaluateTensor = (i: number, n: number): void => {
        const { op, inputs, shape } = nodes[i]!
        const length = lengthOf(shape, n)
        const out = (arrays[i] = scratch.at(registers.get(i)!, length))
        const [a, b = a] = inputs as [number, number?]
        if (op === 'matmul') {
          const [p, q] = matrixExtents(nodes[a]!.shape, extents)
          matmul(out, arrays[a]!, arrays[b]!, p, q, matrixExtents(nodes[b]!.shape, extents)[1])
        } else if (op === 'transpose') {
          transpose(out, arrays[a]!, ...matrixExtents(nodes[a]!.shape, extents))
        } else {
          const x = operand(a, 0, length)
          const y = b === a ? x : operand(b, 1, length)
          kernels[op as ElementwiseOp](out, length, x, offsets[a]!, y, offsets[b]!)
        }
      }
      /** A tensor's array; a scalar is spread over one, which rounds it to the type of the tensors. */
      const operand = (i: number, place: 0 | 1, length: number): TypedArray =>
        isTensor(i) ? arrays[i]! : scratch.at(spreadRegisters[place], length).fill(values[i]!, 0, length)

      evaluateEarly(values, scalars)
      for (const i of sums) values[i] = 0
      for (let start = 0; start === 0 || start < size; start += Math.max(block, 1)) {
        const n = Math.min(block, size - start)
        for (const i of body) {
          const { op, inputs, name } = nodes[i]!
          if (op === 'sum') {
            const x = inputs[0]!
            const { shape } = nodes[x]!
            const length = lengthOf(shape, n)
            values[i]! += sumOf(length, arrays[x]!, offsets[x]!)
          } else if (!isTensor(i)) {
            evaluateBetween.get(i)!(values, scalars)
          } else if (op === 'input') {
            arrays[i] = tensors[name!]!
            offsets[i] = start
          } else {
            evaluateTensor(i, n)
          }
        }
        // An output may be an input itself (a slot that hands on another): read them all before any is written.
        for (const i of new Set(results.map((name) => graph.outputs[name]!))) {
          if (nodes[i]!.op !== 'input') continue
          const copy = scratch.at(registers.get(i)!, n)
          for (let k = 0; k < n; k++) copy[k] = arrays[i]![start + k]!
          arrays[i] = copy
        }
        for (const name of results) {
          const source = arrays[graph.outputs[name]!]!
          const destination = destinations[name]!
          for (let k = 0; k < n; k++) destination[start + k] = source[k]!
        }
      }
      evaluateTail(values, scalars)
    },
  }
}

function matrixExtents(shape: Shape, extents: Extents): [number, number] {
  const [p, q] = shape.split(',') as ['rows' | 'columns', 'rows' | 'columns']
  return [extents[p], extents[q]]
}

/** Gives each result a register, and gives the register on when nobody reads the result any more. */
function allocateRegisters(
  graph: Graph,
  body: readonly number[],
  results: readonly string[],
): Map<number, number> {
  const kept = new Set(results.map((name) => graph.outputs[name]!))
  const lastUse = new Map<number, number>()
  body.forEach((i, position) => graph.nodes[i]!.inputs.forEach((j) => lastUse.set(j, position)))

  const registers = new Map<number, number>()
  const free: number[] = []
  let count: number = spreadRegisters.length
  body.forEach((i, position) => {
    const { op, inputs, shape } = graph.nodes[i]!
    // An operand's register is given on after this one is taken: no operation writes over what it reads.
    if (shape !== 'scalar' && (op !== 'input' || kept.has(i))) registers.set(i, free.pop() ?? count++)
    for (const j of new Set(inputs)) {
      const register = registers.get(j)
      if (register !== undefined && lastUse.get(j) === position && !kept.has(j)) free.push(register)
    }
  })
  return registers
}
