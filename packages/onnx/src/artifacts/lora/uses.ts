import { floatOf, intOf, intsOf } from '../../proto/attribute.js'
import { dataType } from '../../proto/dataType.js'
import { capturedBy } from '../../proto/graph.js'
import { canonicalDomain } from '../../proto/model.js'
import type { GraphProto, NodeProto } from '../../proto/onnx_pb.js'

/** A use of a weight that an adapter can be added to. */
export interface WeightUse {
  /**
   * A product, a look-up of its rows, or a convolution; with `'whole'` the node takes the changed weight itself, because
   * nothing can be added to its result.
   */
  readonly kind: 'MatMul' | 'Gemm' | 'Gather' | 'Conv' | 'whole'
  /** The node that reads the weight, or what it becomes by transposing, dequantising or casting it. */
  readonly node: NodeProto
  /** The place of the weight among the node's inputs. */
  readonly index: number
  /** Whether the product is with the transposed weight. */
  readonly transposed: boolean
  /** The real values that are multiplied, before any quantisation. */
  readonly x: string
  /** The node whose first output is the real result, after the scales of a quantised product. */
  readonly end: NodeProto
  /** Whether the result is of float16, and the adapter's share has to be cast. */
  readonly narrow: boolean
  /** The weight's extents, if they are not those of its tensor. */
  readonly dims?: readonly number[]
}

/** The uses of a weight: those that an adapter can be added to, and the others. */
export interface WeightUses {
  readonly uses: readonly WeightUse[]
  readonly other: string | undefined
}

interface Reader {
  readonly node: NodeProto
  /** The place among its inputs; `undefined` if a graph within the node reads the value. */
  readonly index: number | undefined
}

/** Who reads and who makes the values of a graph. */
interface Links {
  readonly readers: (name: string) => readonly Reader[]
  readonly producer: (name: string) => NodeProto | undefined
  /** The element type of an initializer. */
  readonly typeOf: (name: string) => number | undefined
}

/** Finds the uses of weights, through transpositions, dequantisations and casts. It visits each value of the graph once. */
export function loraUses(graph: GraphProto): (weight: string) => WeightUses {
  const outputs = new Set(graph.output.map(({ name }) => name))
  const links = linksIn(graph)
  return (weight) => {
    const uses: WeightUse[] = []
    let other: string | undefined
    const turned = new Map([[weight, { transposed: false, type: links.typeOf(weight) }]])
    for (const [name, form] of turned) {
      const { transposed } = form
      if (outputs.has(name)) other = 'it is an output'
      for (const { node, index } of links.readers(name)) {
        if (index === undefined) other = `a graph within ${describe(node)} reads it`
        else if (isTranspose(node)) turned.set(node.output[0]!, { ...form, transposed: !transposed })
        else if (index === 0 && isConversion(node))
          turned.set(node.output[0]!, { transposed, type: convertedType(node, links) })
        else {
          const use = useOf(node, index, form, links)
          if (use) uses.push(use)
          else other = `${describe(node)} takes it as input ${index}`
        }
      }
    }
    return { uses, other }
  }
}

function linksIn(graph: GraphProto): Links {
  const readers = new Map<string, Reader[]>()
  const producers = new Map<string, NodeProto>()
  const add = (name: string, reader: Reader): void => {
    const found = readers.get(name)
    if (found) found.push(reader)
    else readers.set(name, [reader])
  }
  for (const node of graph.node) {
    for (const name of node.output) producers.set(name, node)
    node.input.forEach((name, index) => add(name, { node, index }))
    for (const name of capturedBy(node)) add(name, { node, index: undefined })
  }
  const types = new Map(graph.initializer.map((tensor) => [tensor.name, tensor.dataType]))
  return {
    readers: (name) => readers.get(name) ?? [],
    producer: (name) => producers.get(name),
    typeOf: (name) => types.get(name),
  }
}

/** A weight on its way to a use. */
interface Form {
  readonly transposed: boolean
  /** Its element type there. */
  readonly type: number | undefined
}

function useOf(
  node: NodeProto,
  index: number,
  { transposed, type }: Form,
  links: Links,
): WeightUse | undefined {
  const narrow = type === dataType.float16
  const plain = { node, index, transposed, x: node.input[0]!, end: node, narrow }
  if (canonicalDomain(node.domain) === 'com.microsoft') return microsoftUse(node, plain, links)
  if (canonicalDomain(node.domain) !== '') return undefined
  switch (node.opType) {
    case 'MatMul':
      return index === 1 ? { ...plain, kind: 'MatMul' } : undefined
    case 'Gemm':
      return index === 1
        ? { ...plain, kind: 'Gemm', transposed: (intOf(node, 'transB', 0) !== 0) !== transposed }
        : undefined
    case 'Gather':
      return index === 0 && intOf(node, 'axis', 0) === 0 ? gatherUse(plain, type, links) : undefined
    case 'Conv':
      return index === 1 && !transposed
        ? { ...plain, kind: intOf(node, 'group', 1) === 1 ? 'Conv' : 'whole' }
        : undefined
    case 'MatMulInteger':
      return index === 1 ? integerUse(node, plain, links) : undefined
    default:
      return undefined
  }
}

function microsoftUse(node: NodeProto, plain: Omit<WeightUse, 'kind'>, links: Links): WeightUse | undefined {
  if (plain.index !== 1) return undefined
  switch (node.opType) {
    case 'MatMulNBits':
      return {
        ...plain,
        kind: 'MatMul',
        transposed: true,
        narrow: links.typeOf(node.input[2]!) === dataType.float16,
        dims: [intOf(node, 'N', 0), intOf(node, 'K', 0)],
      }
    case 'DynamicQuantizeMatMul':
      return { ...plain, kind: 'MatMul' }
    case 'MatMulIntegerToFloat': {
      const x = quantizedFrom(node, links)
      return x === undefined ? undefined : { ...plain, kind: 'MatMul', x }
    }
    case 'FusedMatMul': {
      const isPlain = ['transA', 'transBatchA', 'transBatchB'].every((name) => intOf(node, name, 0) === 0)
      return isPlain && floatOf(node, 'alpha', 1) === 1
        ? { ...plain, kind: 'MatMul', transposed: (intOf(node, 'transB', 0) !== 0) !== plain.transposed }
        : undefined
    }
    case 'Attention':
      return plain.transposed ? undefined : { ...plain, kind: 'whole' }
    default:
      return undefined
  }
}

/** The real values of which a product takes the quantised ones. */
function quantizedFrom(node: NodeProto, { producer }: Links): string | undefined {
  const made = producer(node.input[0]!)
  return made?.opType === 'DynamicQuantizeLinear' || made?.opType === 'QuantizeLinear'
    ? made.input[0]
    : undefined
}

/** A product as ONNX Runtime's dynamic quantiser writes it: MatMulInteger, Cast, and Mul by the scales. */
function integerUse(node: NodeProto, plain: Omit<WeightUse, 'kind'>, links: Links): WeightUse | undefined {
  const x = quantizedFrom(node, links)
  const cast = onlyReader(node.output[0]!, 'Cast', links)
  const end = cast && onlyReader(cast.output[0]!, 'Mul', links)
  return x === undefined || end === undefined ? undefined : { ...plain, kind: 'MatMul', x, end }
}

/** A look-up of rows. Rows of numbers are dequantised after it. */
function gatherUse(
  plain: Omit<WeightUse, 'kind'>,
  type: number | undefined,
  links: Links,
): WeightUse | undefined {
  const { float, double, float16 } = dataType
  if (type === undefined || ([float, double, float16] as number[]).includes(type))
    return { ...plain, kind: 'Gather' }
  const end = onlyReader(plain.node.output[0]!, 'DequantizeLinear', links)
  if (end === undefined) return undefined
  return { ...plain, kind: 'Gather', end, narrow: links.typeOf(end.input[1]!) === float16 }
}

/** The one node that reads a value, if it is of an operator. */
function onlyReader(name: string, opType: string, links: Links): NodeProto | undefined {
  const [reader, ...others] = links.readers(name)
  return others.length === 0 && reader?.node.opType === opType ? reader.node : undefined
}

/** Whether a node swaps two axes. */
function isTranspose(node: NodeProto): boolean {
  if (canonicalDomain(node.domain) !== '' || node.opType !== 'Transpose') return false
  const order = intsOf(node, 'perm') ?? [1, 0]
  return order.length === 2 && order[0] === 1 && order[1] === 0
}

/** Whether a node makes real values of a weight's elements. */
function isConversion(node: NodeProto): boolean {
  if (node.opType === 'DequantizeLinear') return true
  return (
    node.opType === 'Cast' && canonicalDomain(node.domain) === '' && intOf(node, 'to', 0) === dataType.float
  )
}

/** The element type that a conversion makes. */
function convertedType(node: NodeProto, { typeOf }: Links): number | undefined {
  return node.opType === 'Cast' ? intOf(node, 'to', 0) : typeOf(node.input[1]!)
}

function describe({ opType, name, output }: NodeProto): string {
  return `${opType} ${JSON.stringify(name === '' ? output[0] : name)}`
}
