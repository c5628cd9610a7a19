import { arrayOf, type ElementType, type TypedArray } from '../../dtype.js'
import { isVector, matrixExtents, type ElementwiseOp, type Shape } from '../../graph/algebra.js'
import { neededNodes, type Graph } from '../../graph/graph.js'
import { compileScalarNodes, type Scalars } from '../../graph/hostScalars.js'
import { symmetricEigen, type Eigen } from '../../graph/eigen.js'
import { inverseRoot, orthogonalFactor } from '../../graph/linearAlgebra.js'
import { prepareVariants } from '../../graph/variants.js'
import {
  elementwiseLoops,
  identity,
  matmul,
  spreadVector,
  sumOf,
  transpose,
  vectorReductions,
} from './operations.js'

/** Arrays by input or output name. */
export type Tensors = Readonly<Record<string, TypedArray>>

/** The tensor a pass works on: `size` scalars, and as a matrix `rows` × `columns`. */
export interface Extents {
  readonly size: number
  readonly rows: number
  readonly columns: number
}

/** A pass over a graph, which computes some of its outputs. */
export interface InterpretedPass {
  /** Writes tensor outputs to `destinations`, and computes the scalar outputs, which `scalar` returns. */
  run(extents: Extents, tensors: Tensors, scalars: Scalars, destinations: Tensors): void
  scalar(output: string): number
}

/** The number of elements worked at a time: the intermediate results of a block should fit a second-level cache. */
const blockLength = 1024

/** The registers into which a scalar or vector operand is spread, by its position among the operands. */
const spreadRegisters = [0, 1, 2] as const

/** Scratch arrays by register. All passes of an engine share them, as a pass leaves nothing in them. */
export class Scratch {
  readonly #arrays: TypedArray[] = []
  readonly #dtype: ElementType

  constructor(dtype: ElementType) {
    this.#dtype = dtype
  }

  /** An array of at least `length` elements, the same one for the same register. */
  at(register: number, length: number): TypedArray {
    let array = this.#arrays[register]
    if (array === undefined || array.length < length)
      array = this.#arrays[register] = arrayOf(this.#dtype, length)
    return array
  }
}

/**
 * Prepares the interpretation of some outputs of a graph. Work that only the values of a `when` need that a step does not
 * take is left out.
 */
export function compilePass(graph: Graph, outputs: readonly string[], scratch: Scratch): InterpretedPass {
  const variantOf = prepareVariants(graph)
  const passes = new Map<Graph, InterpretedPass>()
  let latest: InterpretedPass
  return {
    scalar: (output) => latest.scalar(output),
    run(extents, tensors, scalars, destinations) {
      const variant = variantOf(scalars)
      const known = passes.get(variant)
      latest = known ?? compileVariant(variant, outputs, scratch)
      if (!known) passes.set(variant, latest)
      latest.run(extents, tensors, scalars, destinations)
    },
  }
}

/**
 * Prepares the interpretation of some outputs of a graph without `when`. If tensors do not depend on sums or matrix products, it works
 * in blocks of elements; otherwise it works whole tensors.
 */
function compileVariant(graph: Graph, outputs: readonly string[], scratch: Scratch): InterpretedPass {
  const { nodes } = graph
  const order = orderPass(graph, outputs)
  const { inBlocks, body } = order
  const evaluateEarly = compileScalarNodes(graph, order.early)
  const evaluateLate = compileScalarNodes(graph, order.late)
  const evaluateBetween = new Map(
    body.filter((i) => nodes[i]!.shape === 'scalar').map((i) => [i, compileScalarNodes(graph, [i])]),
  )
  const values = new Float64Array(nodes.length)
  /** By node: its array, and the index in it of the block's first element. */
  const arrays: TypedArray[] = []
  const offsets = new Uint32Array(nodes.length)
  const eigens = new Map<number, Eigen>()
  const evaluateTensor = createTensorEvaluator(graph, order, { scratch, values, arrays, offsets, eigens })

  const evaluateBlock = (
    start: number,
    n: number,
    extents: Extents,
    tensors: Tensors,
    scalars: Scalars,
  ): void => {
    for (const i of body) {
      const { op, inputs, name, shape } = nodes[i]!
      if (op === 'sum') {
        const x = inputs[0]!
        const length = lengthOf(nodes[x]!.shape, n, extents, inBlocks)
        values[i]! += sumOf(length, arrays[x]!, offsets[x]!)
      } else if (shape === 'scalar') {
        evaluateBetween.get(i)!(values, scalars)
      } else if (op === 'input') {
        arrays[i] = tensors[name!]!
        offsets[i] = start
      } else {
        evaluateTensor(i, n, extents)
      }
    }
  }
  const writeBlock = (start: number, n: number, extents: Extents, destinations: Tensors): void => {
    const lengthAt = (i: number): number => lengthOf(nodes[i]!.shape, n, extents, inBlocks)
    // An output may be an input itself, as of a slot that passes another on: all of these are read before any is written.
    for (const i of new Set(order.results.map((name) => graph.outputs[name]!))) {
      if (nodes[i]!.op !== 'input') continue
      const length = lengthAt(i)
      const copy = scratch.at(order.registers.get(i)!, length)
      for (let k = 0; k < length; k++) copy[k] = arrays[i]![start + k]!
      arrays[i] = copy
    }
    for (const name of order.results) {
      const index = graph.outputs[name]!
      const source = arrays[index]!
      const destination = destinations[name]!
      const length = lengthAt(index)
      for (let k = 0; k < length; k++) destination[start + k] = source[k]!
    }
  }
  return {
    scalar: (output) => values[graph.outputs[output]!]!,
    run(extents, tensors, scalars, destinations) {
      const { size } = extents
      const block = inBlocks ? Math.min(size, blockLength) : size
      evaluateEarly(values, scalars)
      eigens.clear()
      for (const i of order.sums) values[i] = 0
      for (let start = 0; start === 0 || start < size; start += Math.max(block, 1)) {
        const n = Math.min(block, size - start)
        evaluateBlock(start, n, extents, tensors, scalars)
        writeBlock(start, n, extents, destinations)
      }
      evaluateLate(values, scalars)
    },
  }
}

const wholeOps: ReadonlySet<string> = new Set([
  ...Object.keys(vectorReductions),
  'matmul',
  'transpose',
  'identity',
  'eigenvalues',
  'eigenvectors',
  'qr',
  'inverseRoot',
])

function isSquare(shape: Shape): boolean {
  const extents = matrixExtents(shape)
  return extents !== undefined && extents[0] === extents[1]
}

/** The work of a pass, in order. */
interface PassOrder {
  /** Whether tensors can be worked in blocks of elements. */
  readonly inBlocks: boolean
  /** Scalars that are known before the tensors are read. */
  readonly early: readonly number[]
  readonly sums: readonly number[]
  /** Tensors and sums. Without blocks, also the scalars that depend on sums. */
  readonly body: readonly number[]
  /** In blocks, the scalars that depend on sums: they are computed when the sums are complete. */
  readonly late: readonly number[]
  /** The outputs that are tensors. */
  readonly results: readonly string[]
  readonly registers: ReadonlyMap<number, number>
}

function orderPass(graph: Graph, outputs: readonly string[]): PassOrder {
  const { nodes } = graph
  const order = neededNodes(graph, outputs)
  const isTensor = (i: number): boolean => nodes[i]!.shape !== 'scalar'
  const isSum = (i: number): boolean => nodes[i]!.op === 'sum'
  // Blocks are of the parameter's own shape; there is none but this where nothing is a barrier.
  const isBarrier = (i: number): boolean =>
    wholeOps.has(nodes[i]!.op) || isVector(nodes[i]!.shape) || isSquare(nodes[i]!.shape)
  const afterSum = new Set<number>()
  for (const i of order) {
    if (isSum(i) || nodes[i]!.inputs.some((j) => afterSum.has(j))) afterSum.add(i)
  }
  const inBlocks = !order.some((i) => isBarrier(i) || (isTensor(i) && afterSum.has(i)))
  const body = order.filter((i) => isTensor(i) || isSum(i) || (!inBlocks && afterSum.has(i)))
  const results = outputs.filter((name) => isTensor(graph.outputs[name]!))
  return {
    inBlocks,
    early: order.filter((i) => !isTensor(i) && !afterSum.has(i)),
    sums: order.filter(isSum),
    body,
    late: inBlocks ? order.filter((i) => !isTensor(i) && afterSum.has(i) && !isSum(i)) : [],
    results,
    registers: allocateRegisters(graph, body, results),
  }
}

/** What a pass works in. */
interface PassMemory {
  readonly scratch: Scratch
  /** By node: its value, if it is a scalar. */
  readonly values: Float64Array
  /** By node: its array, and the index in it of the block's first element. */
  readonly arrays: TypedArray[]
  readonly offsets: Uint32Array
  /** By node: its eigenvalues and eigenvectors, once either is computed. */
  readonly eigens: Map<number, Eigen>
}

/** A function that evaluates an operation on tensors, over `n` elements of the parameter's shape. */
function createTensorEvaluator(
  { nodes }: Graph,
  { inBlocks, registers }: PassOrder,
  { scratch, values, arrays, offsets, eigens }: PassMemory,
): (i: number, n: number, extents: Extents) => void {
  /** An operand's elements. A scalar is spread over an array, which rounds it to the element type of the tensors. */
  const operand = (
    i: number,
    position: 0 | 1 | 2,
    shape: Shape,
    length: number,
    extents: Extents,
  ): Operand => {
    const own = nodes[i]!.shape
    const spread = (): TypedArray => scratch.at(spreadRegisters[position], length)
    if (own === 'scalar') return [spread().fill(values[i]!, 0, length), 0]
    if (own === shape || !isVector(own)) return [arrays[i]!, offsets[i]!]
    const array = spread()
    const [p, q] = extentsOf(shape, extents)
    spreadVector(array, arrays[i]!, matrixExtents(shape)![0] === own, p, q)
    return [array, 0]
  }
  return (i, n, extents) => {
    const { op, inputs, shape } = nodes[i]!
    const length = lengthOf(shape, n, extents, inBlocks)
    const out = (arrays[i] = scratch.at(registers.get(i)!, length))
    const [a = -1, b = a, c = b] = inputs
    const matrix = (): [number, number] => extentsOf(nodes[a]!.shape, extents)
    switch (op) {
      case 'matmul':
        matmul(out, arrays[a]!, arrays[b]!, ...matrix(), extentsOf(nodes[b]!.shape, extents)[1])
        break
      case 'transpose':
        transpose(out, arrays[a]!, ...matrix())
        break
      case 'identity':
        identity(out, extentsOf(shape, extents)[0])
        break
      case 'rowSums':
      case 'columnSums':
      case 'rowMax':
      case 'columnMax':
        vectorReductions[op](out, arrays[a]!, ...matrix())
        break
      case 'eigenvalues':
      case 'eigenvectors': {
        const eigen = eigens.get(a) ?? symmetricEigen(arrays[a]!, matrix()[0])
        eigens.set(a, eigen)
        out.set(op === 'eigenvalues' ? eigen.values : eigen.vectors)
        break
      }
      case 'qr':
        out.set(orthogonalFactor(arrays[a]!, matrix()[0]))
        break
      case 'inverseRoot':
        out.set(inverseRoot(arrays[a]!, matrix()[0], values[b]!, values[c]!))
        break
      default: {
        const [x, xo] = operand(a, 0, shape, length, extents)
        const [y, yo] = b === a ? [x, xo] : operand(b, 1, shape, length, extents)
        const [z, zo] = c === b ? [y, yo] : operand(c, 2, shape, length, extents)
        elementwiseLoops[op as ElementwiseOp](out, length, x, xo, y, yo, z, zo)
      }
    }
  }
}

/** An array, and the index in it of an operand's first element. */
type Operand = readonly [TypedArray, number]

/** The number of elements of a tensor. In blocks, every tensor has the parameter's shape. */
function lengthOf(shape: Shape, n: number, extents: Extents, inBlocks: boolean): number {
  if (shape === 'tensor' || inBlocks) return n
  if (isVector(shape)) return extents[shape]
  const [p, q] = extentsOf(shape, extents)
  return p * q
}

function extentsOf(shape: Shape, extents: Extents): [number, number] {
  const [p, q] = matrixExtents(shape)!
  return [extents[p], extents[q]]
}

/** Gives each result a register. A register is free again after the last operation that reads it. */
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
    // Allocated before the operands' registers are free: no operation overwrites its operands.
    if (shape !== 'scalar' && (op !== 'input' || kept.has(i))) registers.set(i, free.pop() ?? count++)
    for (const j of new Set(inputs)) {
      const register = registers.get(j)
      if (register !== undefined && lastUse.get(j) === position && !kept.has(j)) free.push(register)
    }
  })
  return registers
}
