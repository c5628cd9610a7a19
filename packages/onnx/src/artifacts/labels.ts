import { create } from '@bufbuild/protobuf'
import { optionError } from '@induced-metric/core/adapter'
import { ignoredByDefault } from '../lowering/loss.js'
import { dropUnused, neededFor } from '../proto/graph.js'
import {
  canonicalDomain,
  dataType,
  intOf,
  type Model,
  type NodeProto,
  optionalIntOf,
  readTensor,
  ValueInfoProtoSchema,
} from '../proto/index.js'
import { withFields } from '../rewrite/declare.js'
import type { ValueTypes } from '../rewrite/valueTypes.js'
import type { OrtTensor } from '../runtime/ort.js'

/** The labels of a loss: their valid range and their origin. */
export interface Labels {
  /** The value that the loss reads. */
  readonly value: string
  /** The number of classes, if the model declares it. */
  readonly classes: number
  /** A label that is ignored. */
  readonly ignored: number | undefined
  /** The input that contains all of their elements. */
  readonly input: string | undefined
}

/** The labels that the losses of a model read. */
export interface ModelLabels {
  /** Those that are inputs, or have the elements of one. */
  readonly fed: readonly Labels[]
  /** Those that the model computes of whole numbers only, which takes no time. */
  readonly computed: readonly Labels[]
}

/** The index of the labels among the inputs of the operators that take them. */
const losses: Readonly<Record<string, { readonly domain: string; readonly ignoredInput?: number }>> = {
  SoftmaxCrossEntropyLoss: { domain: '' },
  NegativeLogLikelihoodLoss: { domain: '' },
  SoftmaxCrossEntropyLossInternal: { domain: 'com.microsoft', ignoredInput: 3 },
}

/** Operators whose result has exactly the elements of their first input. */
const keepsElements = new Set(['Cast', 'Flatten', 'Identity', 'Reshape', 'Squeeze', 'Transpose', 'Unsqueeze'])

/**
 * Finds the labels that a model's losses read.
 *
 * @param parameters inputs of the model that are not fed
 */
export function labelsOf(model: Model, types: ValueTypes, parameters: ReadonlySet<string>): ModelLabels {
  const fed = new Set(model.graph.input.map(({ name }) => name).filter((name) => !parameters.has(name)))
  const all = model.graph.node.flatMap((node) => labelsOfNode(node, types, fed))
  return {
    fed: all.filter(({ input }) => input !== undefined),
    computed: all.filter(({ input, value }) => input === undefined && isCheap(model, types, fed, value)),
  }
}

function labelsOfNode(node: NodeProto, types: ValueTypes, fed: ReadonlySet<string>): Labels[] {
  const kind = Object.hasOwn(losses, node.opType) ? losses[node.opType] : undefined
  if (kind === undefined || kind.domain !== canonicalDomain(node.domain)) return []
  const [scores = '', value = '', weights = ''] = node.input
  const classes = types.get(scores).shape?.[1] ?? types.get(weights).shape?.[0]
  let source = value
  for (let producer = types.producer(source); producer; producer = types.producer(source)) {
    if (canonicalDomain(producer.domain) !== '' || !keepsElements.has(producer.opType)) break
    if (producer.opType === 'Cast' && !isInteger(intOf(producer, 'to', 1))) break
    source = producer.input[0]!
  }
  return [
    {
      value,
      classes: typeof classes === 'number' ? classes : Infinity,
      ignored: ignoredBy(node, types, kind.ignoredInput),
      input: fed.has(source) && isInteger(types.get(source).dataType) ? source : undefined,
    },
  ]
}

function ignoredBy(node: NodeProto, types: ValueTypes, input: number | undefined): number | undefined {
  const attribute = optionalIntOf(node, 'ignore_index')
  if (attribute !== undefined) return attribute
  const constant = input === undefined ? undefined : types.constant(node.input[input] ?? '')
  if (constant) return Number((readTensor(constant).data as ArrayLike<number | bigint>)[0])
  return node.opType === 'NegativeLogLikelihoodLoss' ? undefined : ignoredByDefault
}

function isInteger(type: number | undefined): boolean {
  return type === dataType.int32 || type === dataType.int64
}

/** Whether a value is computed from feeds through whole numbers only, which takes no time. */
function isCheap({ graph }: Model, types: ValueTypes, fed: ReadonlySet<string>, value: string): boolean {
  const needed = neededFor(graph.node, [value])
  const inputs = graph.input.map(({ name }) => name).filter((name) => needed.has(name))
  const nodes = graph.node.filter(({ output }) => output.some((name) => needed.has(name)))
  const isWhole = (name: string): boolean => {
    const { dataType: type } = types.get(name)
    return name === '' || isInteger(type) || type === dataType.bool
  }
  return (
    inputs.length > 0 &&
    inputs.every((name) => fed.has(name)) &&
    nodes.every(({ opType, output }) => keepsElements.has(opType) || output.every(isWhole))
  )
}

/** The part of a model that computes labels. */
export function labelModel(model: Model, labels: readonly Labels[]): Model {
  const graph = withFields(model.graph, {})
  const names = [...new Set(labels.map(({ value }) => value))]
  const needed = dropUnused(graph, names)
  graph.input = graph.input.filter(({ name }) => needed.has(name))
  graph.output = names.map((name) => create(ValueInfoProtoSchema, { name }))
  graph.valueInfo = []
  return withFields(model, { graph })
}

/**
 * Checks labels that can be inspected without a copy. The runtime would count negative ones from the end, and stop half
 * way at larger ones.
 *
 * @param method names the step in the error
 * @throws ERR_OPTION for labels that are not a class
 */
export function checkLabels(method: string, labels: Labels, tensor: OrtTensor): void {
  const { location } = tensor as { location?: string }
  // Data on a device cannot be inspected without a copy.
  if (location !== undefined && location !== 'cpu' && location !== 'cpu-pinned') return
  const { data } = tensor
  const at =
    data instanceof BigInt64Array
      ? firstWrongOf64(data, labels)
      : data instanceof Int32Array
        ? firstWrongOf32(data, labels)
        : -1
  if (at < 0) return
  const { classes, ignored, input, value } = labels
  const upper = classes === Infinity ? 'from 0 on' : `from 0 to ${classes - 1}`
  const besides =
    ignored === undefined || (ignored >= 0 && ignored < classes) ? '' : `, or ${ignored} to be ignored`
  throw optionError(
    `${method}: ${input === undefined ? 'the value' : 'the input'} ${JSON.stringify(input ?? value)} holds the label ` +
      `${(data as BigInt64Array)[at]} (element ${at}): labels must be ${upper}${besides}. To ignore another label, set it ` +
      'where the artifacts are made: crossEntropyLoss({ ignoreIndex })',
  )
}

function firstWrongOf32(data: Int32Array, { classes, ignored }: Labels): number {
  for (let i = 0; i < data.length; i++) {
    const label = data[i]!
    if ((label < 0 || label >= classes) && label !== ignored) return i
  }
  return -1
}

const isLittleEndian = new Uint8Array(Uint32Array.of(1).buffer)[0] === 1

/** In halves, because big integers are slow to compare. */
function firstWrongOf64(data: BigInt64Array, { classes, ignored }: Labels): number {
  const words = new Int32Array(data.buffer, data.byteOffset, 2 * data.length)
  const [low, high] = isLittleEndian ? [0, 1] : [1, 0]
  const other = ignored === undefined ? undefined : BigInt(ignored)
  for (let i = 0; i < data.length; i++) {
    const label = words[2 * i + low]!
    if (words[2 * i + high] === 0 && label >= 0 && label < classes) continue
    if (data[i] !== other) return i
  }
  return -1
}
