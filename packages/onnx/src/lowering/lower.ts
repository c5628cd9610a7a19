import { clone } from '@bufbuild/protobuf'
import { unsupported } from '@induced-metric/core/adapter'
import { dropUnused, freshNames, namesIn, subgraphsOf } from '../proto/graph.js'
import { canonicalDomain, opsetOf, setOpset, type Model } from '../proto/model.js'
import { createNode } from '../proto/node.js'
import { ModelProtoSchema, type GraphProto, type NodeProto, type TensorProto } from '../proto/onnx_pb.js'
import { createValue } from '../proto/value.js'
import { own } from '../own.js'
import {
  codedRule,
  createContext,
  describeNode,
  type Emitted,
  type LoweringRule,
} from '../rewrite/nodeContext.js'
import { applyTypeRules } from '../rewrite/typeRules.js'
import { bufferKey, bufferName } from './names.js'
import { oldestOpset, upgradeOperators } from '../rewrite/upgrade/index.js'
import { typeOf, valueTypes, type Extent, type ValueTypes } from '../rewrite/valueTypes.js'
import { recurrent, runsAsIs } from './recurrent.js'
import { isTrainingOnly, lowerings, withGenuineLosses, type LoweringTable } from './table.js'

/** The version of ONNX's operators in lowered models whose original has an older one. */
export const loweredOpset = 17

/** A gradient that a training model computes. */
export interface GradientOutput {
  /** The parameter it belongs to, an input of the model. */
  readonly parameter: string
  /** The output of the lowered model that holds it. */
  readonly output: string
  /** The element type and the extents of the parameter. */
  readonly dataType: number
  readonly dims: readonly number[]
}

/** A value without a gradient that a training model updates at every step: a running statistic. */
export interface BufferUpdate {
  /** The input of the model that holds it. */
  readonly parameter: string
  /** The output of the lowered model that is its next value. */
  readonly output: string
}

/** A training model that the stock runtime can run. */
export interface LoweredTrainingModel {
  readonly model: Model
  /** In the order of the parameters among the original's inputs. */
  readonly gradients: readonly GradientOutput[]
  /** The running statistics of batch normalisations. */
  readonly buffers: readonly BufferUpdate[]
  /** The outputs of the original that are not accumulated gradients; the first is the loss. */
  readonly outputs: readonly string[]
}

/** A node that no row of the table lowers and that the stock runtime does not know. */
export interface UnsupportedNode {
  readonly opType: string
  readonly domain: string
  /** Its name; nodes need not have one. */
  readonly name: string
  /** The values it makes. */
  readonly output: readonly string[]
}

/**
 * Lists the nodes of a model that neither the stock runtime nor the lowering table knows, as far as this is known
 * without running anything.
 */
export function unsupportedNodes(model: Model, table: LoweringTable = lowerings): UnsupportedNode[] {
  const found: UnsupportedNode[] = []
  const visit = (graph: GraphProto, isNested: boolean): void => {
    for (const node of graph.node) {
      const domain = canonicalDomain(node.domain)
      const row = isNested ? undefined : rowIn(table, node)
      if (!row && !isAccumulator(node) && isTrainingOnly(domain, node.opType) && !isLocal(model, node)) {
        found.push({ opType: node.opType, domain, name: node.name, output: node.output })
      }
      for (const inner of subgraphsOf(node)) visit(inner, true)
    }
  }
  visit(model.graph, false)
  return found
}

/**
 * Replaces the operators that only training builds have by stock operators.
 *
 * @param model is not changed
 * @returns a model that the stock runtime runs; the same object if nothing needed lowering
 * @throws ERR_NOT_SUPPORTED for an operator without a row, or a node that its row cannot lower, naming it
 */
export function lowerModel(model: Model, table: LoweringTable = lowerings): Model {
  checkSupported(model, table)
  if (!needsLowering(model, table)) return model
  const lowered = clone(ModelProtoSchema, model) as Model
  const opset = raiseOpset(lowered)
  const { graph } = lowered
  const types = valueTypes(graph)
  applyTypeRules(graph, types)

  replaceNodes(graph, types, (node) => rowFor(table, node, types), opset)
  // Two kinds of values go. Operators of the training build compute gradients of frozen parameters together with
  // others. And the runtime would warn about every constant that only replaced nodes have read.
  dropUnused(graph)
  dropUnusedOpsets(lowered)
  return lowered
}

/**
 * Replaces the nodes of a graph for which there are rows.
 *
 * @param graph is changed; constants that nodes need are added to it
 * @param rowOf finds the row of a node; `undefined` keeps it
 * @param prefix the start of the names of constants. Two passes over one graph need different ones
 */
export function replaceNodes(
  graph: GraphProto,
  types: ValueTypes,
  rowOf: (node: NodeProto) => LoweringRule | undefined,
  opset: number,
  prefix?: string,
): void {
  const emitted: Emitted = {
    nodes: [],
    constants: new Map<string, TensorProto>(),
    fresh: freshNames(namesIn(graph)),
    ...(prefix !== undefined && { prefix }),
  }
  for (const node of graph.node) {
    const row = rowOf(node)
    if (!row) emitted.nodes.push(node)
    else if (rowIn(lowerings, node) !== row) row(createContext(node, types, emitted, opset))
    else codedRule(node, 'it cannot be lowered', () => row(createContext(node, types, emitted, opset)))
  }
  graph.node = emitted.nodes
  graph.initializer = [...graph.initializer, ...emitted.constants.values()]
}

/**
 * Lowers a model whose recurrent layers have a form that no kernel of the stock runtime takes.
 *
 * @param model is not changed
 * @returns the same object if it has none
 */
export function lowerRecurrentLayers(model: Model): Model {
  return needsLowering(model, { '': recurrent }) ? lowerModel(model) : model
}

/**
 * Turns a training model into one that the stock runtime runs: gradients become outputs, their accumulation and its
 * buffers go, and operators of the training build are lowered.
 *
 * @param model as `generate_artifacts` writes it
 * @throws ERR_NOT_SUPPORTED as {@link lowerModel}, and for a model that accumulates no gradients
 */
export function lowerTrainingModel(model: Model, table: LoweringTable = lowerings): LoweredTrainingModel {
  const { graph } = model
  const accumulators = graph.node.filter(isAccumulator)
  if (accumulators.length === 0) {
    throw unsupported(
      'the training model accumulates no gradients (it has no InPlaceAccumulatorV2 node); give the training_model.onnx ' +
        'that onnxruntime.training.artifacts.generate_artifacts writes',
    )
  }
  const inputs = new Map(graph.input.map((input) => [input.name, input]))
  const byBuffer = parametersByBuffer(model)
  const dropped = new Set<string>()
  const paired = accumulators.map((node) => {
    const [buffer = '', gradient = '', reset = ''] = node.input
    for (const name of [buffer, reset, ...node.output]) dropped.add(name)
    const parameter = byBuffer.get(buffer) ?? inputs.get(gradient.replace(/_grad$/, ''))?.name
    const { dataType, shape } = parameter === undefined ? {} : typeOf(inputs.get(parameter)!)
    if (parameter === undefined || dataType === undefined || !shape?.every(isKnown)) {
      throw unsupported(
        `${describeNode(node)}: no input of the model, of known type and shape, is the parameter of ${JSON.stringify(gradient)}`,
      )
    }
    return { parameter, gradient, dataType, dims: shape }
  })
  const order = [...inputs.keys()]
  paired.sort((a, b) => order.indexOf(a.parameter) - order.indexOf(b.parameter))

  const prepared = clone(ModelProtoSchema, model) as Model
  const { graph: next } = prepared
  next.node = next.node.filter((node) => !isAccumulator(node))
  next.input = next.input.filter(({ name }) => !dropped.has(name))
  next.output = next.output.filter(({ name }) => !dropped.has(name))
  const outputs = next.output.map(({ name }) => name)
  const taken = new Set([...outputs, ...order])
  const fresh = freshNames(namesIn(next))
  const gradients = paired.map(({ parameter, gradient, dataType, dims }): GradientOutput => {
    let output = gradient
    if (taken.has(gradient)) {
      output = fresh(`${parameter}_grad.output`)
      next.node.push(createNode('Identity', [gradient], [output]))
    }
    taken.add(output)
    next.output.push(createValue(output, dataType, dims))
    return { parameter, output, dataType, dims }
  })
  const trained = new Set(paired.map(({ parameter }) => parameter))
  const buffers = chainUpdates(next).filter(({ parameter }) => !trained.has(parameter))
  for (const { parameter, output } of buffers) {
    if (taken.has(output)) continue
    const { dataType = 0, shape } = typeOf(inputs.get(parameter)!)
    if (shape?.every(isKnown)) next.output.push(createValue(output, dataType, shape))
  }
  const given = new Set(next.output.map(({ name }) => name))
  return {
    model: lowerModel(prepared, withGenuineLosses(table)),
    gradients,
    buffers: buffers.filter(({ output }) => given.has(output)),
    outputs,
  }
}

/**
 * Finds the new running statistics of batch normalisations in training. The training build's kernel writes them where
 * it read them, so of several nodes that share a statistic, each continues from the one before.
 *
 * @param graph is changed to do the same
 */
function chainUpdates({ input, node }: GraphProto): BufferUpdate[] {
  const inputs = new Set(input.map(({ name }) => name))
  const latest = new Map<string, string>()
  for (const given of node) {
    if (given.opType !== 'BatchNormInternal' || given.domain !== 'com.microsoft') continue
    for (const place of [1, 2]) {
      const parameter = given.input[place + 2] ?? ''
      const output = given.output[place] ?? ''
      if (!inputs.has(parameter) || output === '') continue
      given.input[place + 2] = latest.get(parameter) ?? parameter
      latest.set(parameter, output)
    }
  }
  return [...latest].map(([parameter, output]) => ({ parameter, output }))
}

/**
 * The parameters by the input that accumulates their gradient. The genuine runtime derives that input's name from the
 * parameter's. A model in which another value has such a name stores the pair in its metadata.
 */
function parametersByBuffer({ graph, metadataProps }: Model): ReadonlyMap<string, string> {
  const table = new Map(graph.input.map(({ name }) => [bufferName(name), name]))
  for (const { key, value } of metadataProps) {
    if (key.startsWith(bufferKey)) table.set(value, key.slice(bufferKey.length))
  }
  return table
}

function isKnown(extent: Extent): extent is number {
  return typeof extent === 'number'
}

function isAccumulator(node: NodeProto): boolean {
  return node.opType === 'InPlaceAccumulatorV2' && node.domain === 'com.microsoft'
}

export function rowIn(table: LoweringTable, node: NodeProto): LoweringRule | undefined {
  const rows = own(table, canonicalDomain(node.domain))
  return rows && own(rows, node.opType)
}

/** The row that replaces a node; `undefined` if the stock runtime runs it as it is. */
export function rowFor(table: LoweringTable, node: NodeProto, types: ValueTypes): LoweringRule | undefined {
  const row = rowIn(table, node)
  const isStock = row !== undefined && row === rowIn(lowerings, node) && runsAsIs(node, types)
  return isStock ? undefined : row
}

function needsLowering({ graph }: Model, table: LoweringTable): boolean {
  const nodes = graph.node.filter((node) => rowIn(table, node))
  if (nodes.length === 0) return false
  const types = valueTypes(graph)
  return nodes.some((node) => rowFor(table, node, types))
}

/** Whether a model defines an operator as a function of its own. */
function isLocal(model: Model, node: NodeProto): boolean {
  return model.functions.some(({ name, domain }) => name === node.opType && domain === node.domain)
}

function checkSupported(model: Model, table: LoweringTable): void {
  const [first, ...others] = unsupportedNodes(model, table)
  if (first === undefined) return
  const more = [...new Set(others.map(({ opType }) => opType))].filter((opType) => opType !== first.opType)
  throw unsupported(
    `${describeNode(first)} is not in stock builds of the runtime, and the lowering table has no row for it` +
      `${more.length === 0 ? '' : `; neither for ${more.join(', ')}`}. Give one with the option lowerings`,
  )
}

function raiseOpset(model: Model): number {
  const opset = opsetOf(model) ?? 1
  if (opset >= loweredOpset) return opset
  if (opset < oldestOpset) {
    throw unsupported(
      `the model uses version ${opset} of ONNX's operators, and ${oldestOpset} is the oldest supported; export the forward ` +
        `model with opset_version=${loweredOpset} and generate the artifacts again`,
    )
  }
  upgradeOperators(model.graph, opset, loweredOpset)
  setOpset(model, '', loweredOpset)
  return loweredOpset
}

/** Drops operator sets that no node uses: the training build imports some that stock builds do not have. */
function dropUnusedOpsets(model: Model): void {
  const used = new Set([''])
  const visit = (nodes: readonly NodeProto[]): void => {
    for (const node of nodes) {
      used.add(canonicalDomain(node.domain))
      for (const inner of subgraphsOf(node)) visit(inner.node)
    }
  }
  visit(model.graph.node)
  for (const { node } of model.functions) visit(node)
  model.opsetImport = model.opsetImport.filter(({ domain }) => used.has(canonicalDomain(domain)))
  if (used.has('com.microsoft') && opsetOf(model, 'com.microsoft') === undefined)
    setOpset(model, 'com.microsoft', 1)
}
