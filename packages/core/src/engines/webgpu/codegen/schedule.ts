import { isVector, matrixExtents, type Shape } from '../../../graph/algebra.js'
import { neededNodes } from '../../../graph/graph.js'
import { changeOutput, type StepGraph } from '../../../step/stepGraph.js'
import { conditionsOf } from './conditions.js'
import { createPlaces, hasOwnKernel, isReduced, peel, tickOf, type KnownAt, type Place } from './places.js'

/** A kernel over the elements of tensors of one shape. */
export interface ElementKernel {
  readonly kind: 'elements'
  readonly tick: number
  readonly shape: Shape
  /** The sums that it adds up. */
  readonly sums: Set<number>
  /** The nodes that it puts into memory. */
  readonly stores: Set<number>
  /** The outputs that it writes, once the step is known to be taken. */
  readonly writes: Map<string, number>
}

/** A kernel of a matrix product, and of what is computed from its elements. */
export interface ProductKernel extends Omit<ElementKernel, 'kind'> {
  readonly kind: 'product'
  readonly node: number
  /** Scalar nodes, one of which is greater than 0 where the product is read; none where it is read in every step. */
  readonly conditions: readonly number[]
}

/** A kernel that reduces rows, or columns, of matrices. */
export interface LineKernel {
  readonly kind: 'lines'
  readonly tick: number
  /** The shape of the matrices. */
  readonly shape: Shape
  /** Whether lines are rows. */
  readonly ofRows: boolean
  readonly nodes: Set<number>
}

/** A kernel of an operation on a matrix as a whole. */
export interface MatrixKernel {
  readonly kind: 'matrix'
  readonly tick: number
  readonly shape: Shape
  readonly node: number
  /** Scalar nodes, one of which is greater than 0 where the result is read; none where it is read in every step. */
  readonly conditions: readonly number[]
}

/** A kernel of a form of parameters. */
export type Kernel = ElementKernel | ProductKernel | LineKernel | MatrixKernel

/** The kernels of a form of parameters, and what they keep in memory. */
export interface Schedule {
  /** In order. */
  readonly kernels: readonly Kernel[]
  /** Sums, in the order of their places. */
  readonly sums: readonly number[]
  /** Nodes that kernels leave in memory for later ones. */
  readonly temporaries: readonly number[]
  readonly placeOf: (index: number) => Place
}

/** The outputs of a parameter's graph that a step computes, the scalars first. */
export function stepOutputs(graph: StepGraph): { readonly scalars: string[]; readonly tensors: string[] } {
  const { slots, slotShapes, totals, reductions, averaging, outputs } = graph
  const slotOutputs = slots.map((name) => `slot.${name}`)
  const isScalar = (output: string): boolean => slotShapes[output.slice('slot.'.length)] === 'scalar'
  return {
    scalars: [
      ...('norm' in outputs ? ['norm'] : []),
      ...totals,
      ...reductions,
      ...averaging.map(changeOutput),
      ...slotOutputs.filter(isScalar),
    ],
    tensors: ['parameter', ...slotOutputs.filter((output) => !isScalar(output))],
  }
}

/** The first tick at which outputs can be read or written in memory. */
export function levelOfOutputs(graph: StepGraph, known: KnownAt, outputs: readonly string[]): number {
  const placeOf = createPlaces(graph.nodes, known)
  const levels = outputs.flatMap((name) => {
    const index = graph.outputs[name]
    if (index === undefined) return []
    const { level, head } = placeOf(index)
    return level + (head === undefined ? 0 : 1)
  })
  return Math.max(0, ...levels)
}

/**
 * The first tick at which parameters and slots can be written: no kernel but that which writes an element reads it then, or
 * later. A kernel that adds up elements is the one that writes them.
 */
export function firstWriting(graph: StepGraph, known: KnownAt): number {
  const { scalars, tensors } = stepOutputs(graph)
  const placeOf = createPlaces(graph.nodes, known)
  const ticks = neededNodes(graph, [...scalars, ...tensors]).flatMap((index) => {
    const { op } = graph.nodes[index]!
    if (op === 'sum') return tickOf(graph.nodes, index, placeOf)
    const readsAnywhere = op === 'matmul' || hasOwnKernel(graph.nodes[index]!)
    return readsAnywhere ? tickOf(graph.nodes, index, placeOf) + 1 : []
  })
  return Math.max(levelOfOutputs(graph, known, tensors), ...ticks)
}

/**
 * Plans the kernels of a form of parameters.
 *
 * @param writeTick the tick in which parameters and slots are written
 */
export function schedule(graph: StepGraph, known: KnownAt, writeTick: number): Schedule {
  const { nodes, outputs } = graph
  const placeOf = createPlaces(nodes, known)
  const { scalars, tensors } = stepOutputs(graph)
  const kernels = new Map<string, Kernel>()
  const temporaries = new Set<number>()
  const conditionsFor = conditionsOf(graph, [...scalars, ...tensors])
  const sums: number[] = []

  const elements = (tick: number, shape: Shape): ElementKernel =>
    found(kernels, `${tick} ${shape}`, () => ({ kind: 'elements', tick, shape, ...nothing() }))
  const product = (node: number): ProductKernel =>
    found(kernels, `product ${node}`, () => {
      const { shape } = nodes[node]!
      const conditions = conditionsFor(node)
      return { kind: 'product', node, conditions, tick: placeOf(node).level, shape, ...nothing() }
    })
  /** The kernel that computes a tensor. */
  const kernelOf = (index: number): ElementKernel | ProductKernel => {
    const { level, head } = placeOf(index)
    return head === undefined ? elements(level, nodes[index]!.shape) : product(head)
  }
  const store = (index: number): void => {
    if (temporaries.has(index) || nodes[index]!.op === 'input' || hasOwnKernel(nodes[index]!)) return
    temporaries.add(index)
    const kernel = kernelOf(index)
    kernel.stores.add(index)
    require(index, kernel.tick, placeOf(index).head)
  }
  /** Puts into memory what a kernel of a tick reads and cannot compute. */
  const require = (index: number, tick: number, head: number | undefined): void => {
    const node = nodes[index]!
    if (node.shape === 'scalar' || node.op === 'input' || hasOwnKernel(node)) return
    const place = placeOf(index)
    const isElsewhere = place.head !== undefined && place.head !== head
    // Its multiples need no memory of their own.
    const isMultiple = node.op === 'mul' && nodes[node.inputs[0]!]!.shape === 'scalar'
    if (isElsewhere && !isMultiple) store(index)
    else if (node.op === 'transpose') {
      const inner = peel(nodes, index).node
      // Kernels of the last tick write over what others of their invocations would read.
      const isOverwritten = tick === writeTick && isKept(nodes[inner]!.name)
      store(isOverwritten ? index : inner)
    } else if (node.op !== 'matmul') {
      for (const input of node.inputs) require(input, tick, head)
    }
  }

  for (const index of neededNodes(graph, [...scalars, ...tensors])) {
    const { op, inputs } = nodes[index]!
    if (op === 'sum') {
      sums.push(index)
      const kernel = kernelOf(inputs[0]!)
      kernel.sums.add(index)
      require(inputs[0]!, kernel.tick, placeOf(inputs[0]!).head)
    } else if (op === 'matmul') {
      product(index)
      for (const input of inputs) store(peel(nodes, input).node)
    } else if (isReduced(nodes[index]!)) {
      addLine(kernels, graph, index, placeOf)
      require(inputs[0]!, tickOf(nodes, index, placeOf), undefined)
    } else if (hasOwnKernel(nodes[index]!)) {
      addMatrix(kernels, graph, index, { placeOf, conditionsFor })
      store(peel(nodes, inputs[0]!).node)
    }
  }
  for (const name of tensors) {
    const index = outputs[name]!
    elements(writeTick, shapeOf(graph, name)).writes.set(name, index)
    require(index, writeTick, undefined)
  }
  const apart = neededNodes(graph, [...scalars, ...tensors]).filter((index) => hasOwnKernel(nodes[index]!))
  return {
    kernels: [...kernels.values()].sort((a, b) => a.tick - b.tick || orderOf(a) - orderOf(b)),
    sums,
    temporaries: [...temporaries, ...apart],
    placeOf,
  }
}

function nothing(): Pick<ElementKernel, 'sums' | 'stores' | 'writes'> {
  return { sums: new Set(), stores: new Set(), writes: new Map() }
}

function found<K extends Kernel>(kernels: Map<string, Kernel>, key: string, create: () => K): K {
  const kernel = kernels.get(key) ?? create()
  kernels.set(key, kernel)
  return kernel as K
}

function addLine(
  kernels: Map<string, Kernel>,
  { nodes }: StepGraph,
  index: number,
  placeOf: (index: number) => Place,
): void {
  const { op, inputs } = nodes[index]!
  const { shape } = nodes[inputs[0]!]!
  const ofRows = op === 'rowSums' || op === 'rowMax'
  const tick = tickOf(nodes, index, placeOf)
  const key = `lines ${tick} ${shape} ${ofRows}`
  const kernel: LineKernel = found(kernels, key, () => ({
    kind: 'lines',
    tick,
    shape,
    ofRows,
    nodes: new Set<number>(),
  }))
  kernel.nodes.add(index)
}

function addMatrix(
  kernels: Map<string, Kernel>,
  { nodes }: StepGraph,
  node: number,
  {
    placeOf,
    conditionsFor,
  }: Pick<Schedule, 'placeOf'> & { readonly conditionsFor: (node: number) => readonly number[] },
): void {
  const tick = tickOf(nodes, node, placeOf)
  const { shape } = nodes[node]!
  kernels.set(`matrix ${node}`, { kind: 'matrix', node, conditions: conditionsFor(node), tick, shape })
}

/** The shape of an output as it is written: that of a slot, or of the parameter. A scalar fills it. */
function shapeOf(graph: StepGraph, output: string): Shape {
  return output === 'parameter'
    ? graph.nodes[graph.outputs[output]!]!.shape
    : graph.slotShapes[output.slice('slot.'.length)]!
}

/** Whether an input is what a step writes over. */
function isKept(name: string | undefined): boolean {
  return name === 'parameter' || name?.startsWith('slot.') === true
}

/** In a tick, tensors are written before the vectors that their elements are computed from. */
function orderOf(kernel: Kernel): number {
  const { shape } = kernel
  if (isVector(shape)) return 2
  const extents = matrixExtents(shape)
  return extents && extents[0] === extents[1] ? 1 : 0
}
