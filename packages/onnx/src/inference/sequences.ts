import { intOf } from '../proto/attribute.js'
import { capturedBy, freshNames, namesIn } from '../proto/graph.js'
import { canonicalDomain, type Model } from '../proto/model.js'
import { createNode, type Attributes } from '../proto/node.js'
import type { GraphProto, NodeProto, TensorProto } from '../proto/onnx_pb.js'
import { int64Tensor, readTensor } from '../proto/tensor.js'
import type { ValueTypes } from '../rewrite/valueTypes.js'
import type { Ort } from '../runtime/ort.js'
import { evaluateKnown } from './branches.js'
import { inferTypes } from './runtimeTypes.js'

/** A sequence of which it is known which tensors it has, or how it was split. */
type Sequence =
  | { readonly items: readonly string[] }
  | {
      readonly x: string
      readonly axis: number
      /** The extent of each part; `undefined` where the parts have lost the axis. */
      readonly size: number | undefined
    }

interface Dissolution {
  readonly graph: GraphProto
  readonly types: ValueTypes
  readonly values: ReadonlyMap<string, TensorProto>
  readonly sequences: Map<string, Sequence>
  readonly fresh: (hint: string) => string
}

const operators = new Set([
  'ConcatFromSequence',
  'Identity',
  'SequenceAt',
  'SequenceConstruct',
  'SequenceEmpty',
  'SequenceErase',
  'SequenceInsert',
  'SequenceLength',
  'SplitToSequence',
])

/**
 * Replaces sequences by their tensors where it is known which ones they have: exporters write splits and lists as sequences.
 * What is taken out of one becomes a Split, a Slice or a Gather, and what is joined a Concat.
 *
 * @param model is changed; its constants are among its initializers, its nodes in order of computation
 */
export async function dissolveSequences(model: Model, ort: Ort): Promise<void> {
  const { graph } = model
  const found = graph.node.filter((node) => isSequenceOperator(node) && node.opType !== 'Identity')
  if (found.length === 0) return
  const asked = found.flatMap(({ opType, input }) =>
    opType === 'SequenceConstruct' ? [] : input.slice(opType === 'SequenceInsert' ? 2 : 1),
  )
  const names = [...new Set(asked)].filter((name) => name !== '')
  const state: Dissolution = {
    graph,
    types: await inferTypes(model, ort),
    values: names.length === 0 ? new Map() : await evaluateKnown(model, names, ort),
    sequences: new Map(),
    fresh: freshNames(namesIn(graph)),
  }
  graph.node = graph.node.flatMap((node) => dissolve(state, node) ?? [node])
  dropUnread(graph, state.sequences)
}

function isSequenceOperator({ opType, domain }: NodeProto): boolean {
  return operators.has(opType) && canonicalDomain(domain) === ''
}

/** The nodes in place of one that reads or makes a known sequence; `undefined` where it stays as it is. */
function dissolve(state: Dissolution, node: NodeProto): NodeProto[] | undefined {
  if (!isSequenceOperator(node)) return undefined
  const { sequences } = state
  const output = node.output[0]!
  const given = sequences.get(node.input[0] ?? '')
  const items = given && 'items' in given ? given.items : undefined
  switch (node.opType) {
    case 'SequenceEmpty':
    case 'SequenceConstruct':
      sequences.set(output, { items: [...node.input] })
      return undefined
    case 'SplitToSequence':
      return split(state, node)
    case 'Identity':
      if (given) sequences.set(output, given)
      return undefined
    case 'SequenceInsert':
    case 'SequenceErase':
      if (items) edit(state, node, items)
      return undefined
    case 'SequenceLength':
      if (items === undefined) return undefined
      state.graph.initializer.push(int64Tensor(output, [items.length], []))
      return []
    case 'SequenceAt':
      return given && take(state, node, given)
    default:
      return items && join(state, node, items)
  }
}

/** A whole number that is known; `undefined` if it is not. */
function wholeOf({ values }: Dissolution, name: string | undefined): number | undefined {
  const tensor = values.get(name ?? '')
  return tensor === undefined ? undefined : Number(readTensor(tensor).data[0])
}

function constant(
  { graph, fresh }: Dissolution,
  hint: string,
  values: readonly number[],
  dims?: number[],
): string {
  const name = fresh(hint)
  graph.initializer.push(int64Tensor(name, values, dims))
  return name
}

/** Splits into as many values as there are known to be. Otherwise it only notes how it would be split. */
function split(state: Dissolution, node: NodeProto): NodeProto[] | undefined {
  const { types, values, sequences, fresh } = state
  const [x = '', sizes = ''] = node.input
  const { shape } = types.get(x)
  if (shape === undefined) return undefined
  const given = intOf(node, 'axis', 0)
  const axis = given < 0 ? given + shape.length : given
  const tensor = values.get(sizes)
  if (sizes !== '' && tensor === undefined) return undefined
  const numbers = tensor ? Array.from(readTensor(tensor).data as ArrayLike<number | bigint>, Number) : [1]
  // The runtime drops axes of 1 also where sizes are given, for which ONNX has it ignore keepdims.
  const losesAxis = intOf(node, 'keepdims', 1) === 0 && numbers.every((size) => size === 1)
  const isList = tensor !== undefined && tensor.dims.length === 1
  const extent = shape[axis]
  const [size = 1] = numbers
  if (!isList && typeof extent !== 'number') {
    sequences.set(node.output[0]!, { x, axis, size: losesAxis ? undefined : size })
    return undefined
  }
  const parts = isList ? numbers : partsOf(extent as number, size)
  const label = node.output[0]!
  const items = parts.map((_, i) => fresh(`${label}/${i}`))
  sequences.set(label, { items })
  if (parts.length === 0) return undefined
  const pieces = losesAxis ? items.map((name) => fresh(`${name}/kept`)) : items
  const nodes = [createNode('Split', [x, constant(state, `${label}/split`, parts)], pieces, { axis })]
  if (losesAxis) {
    const axes = constant(state, `${label}/axes`, [axis])
    items.forEach((name, i) => nodes.push(createNode('Squeeze', [pieces[i], axes], [name])))
  }
  return [...nodes, node]
}

/** The extents of equal parts, of which the last may be smaller. */
function partsOf(extent: number, size: number): number[] {
  const count = size > 0 ? Math.ceil(extent / size) : 0
  return Array.from({ length: count }, (_, i) => Math.min(size, extent - i * size))
}

/** Notes what a sequence has after an insertion or a removal at a known position. */
function edit(state: Dissolution, node: NodeProto, items: readonly string[]): void {
  const isInsertion = node.opType === 'SequenceInsert'
  const position = node.input[isInsertion ? 2 : 1] ?? ''
  const at = position === '' ? (isInsertion ? items.length : -1) : wholeOf(state, position)
  if (at === undefined) return
  const made = [...items]
  const start = at < 0 ? at + items.length : at
  if (isInsertion) made.splice(start, 0, node.input[1]!)
  else made.splice(start, 1)
  state.sequences.set(node.output[0]!, { items: made })
}

/** One tensor of a sequence. */
function take(state: Dissolution, node: NodeProto, given: Sequence): NodeProto[] | undefined {
  const output = node.output[0]!
  const at = wholeOf(state, node.input[1])
  const emit = (opType: string, inputs: readonly string[], attributes: Attributes = {}): NodeProto[] => [
    createNode(opType, inputs, [output], attributes, node.name || undefined),
  ]
  if ('items' in given) {
    const item = at === undefined ? undefined : given.items.at(at)
    return item === undefined ? undefined : emit('Identity', [item])
  }
  const { x, axis, size } = given
  if (size === undefined) return emit('Gather', [x, node.input[1]!], { axis })
  if (at === undefined || (at < 0 && size > 1)) return undefined
  // The last part ends with the axis.
  const [start, end] = [at * size, at === -1 ? Number.MAX_SAFE_INTEGER : (at + 1) * size]
  return emit('Slice', [
    x,
    constant(state, `${output}/starts`, [start]),
    constant(state, `${output}/ends`, [end]),
    constant(state, `${output}/axes`, [axis]),
  ])
}

/** The tensors of a sequence side by side, or along a new axis. */
function join(state: Dissolution, node: NodeProto, items: readonly string[]): NodeProto[] | undefined {
  if (items.length === 0) return undefined
  const output = node.output[0]!
  const axis = intOf(node, 'axis', 0)
  if (intOf(node, 'new_axis', 0) === 0)
    return [createNode('Concat', items, [output], { axis }, node.name || undefined)]
  const axes = constant(state, `${output}/axes`, [axis])
  const rows = items.map((_, i) => state.fresh(`${output}/${i}`))
  return [
    ...items.map((name, i) => createNode('Unsqueeze', [name, axes], [rows[i]!])),
    createNode('Concat', rows, [output], { axis }, node.name || undefined),
  ]
}

/** Drops nodes whose sequences nothing reads any more. */
function dropUnread(graph: GraphProto, sequences: ReadonlyMap<string, Sequence>): void {
  const read = new Set(graph.output.map(({ name }) => name))
  const kept = [...graph.node].reverse().filter((node) => {
    if (node.output.length === 1 && sequences.has(node.output[0]!) && !read.has(node.output[0]!)) return false
    for (const name of [...node.input, ...capturedBy(node)]) read.add(name)
    return true
  })
  graph.node = kept.reverse()
}
