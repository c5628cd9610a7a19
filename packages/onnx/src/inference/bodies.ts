import { clone } from '@bufbuild/protobuf'
import { unsupported } from '@induced-metric/core/adapter'
import { intOf, intsOf } from '../proto/attribute.js'
import { dataType } from '../proto/dataType.js'
import { capturedIn, freshNames, namesIn, renameValues, subgraphsOf } from '../proto/graph.js'
import { canonicalDomain, type Model } from '../proto/model.js'
import { GraphProtoSchema, type GraphProto, type NodeProto, type ValueInfoProto } from '../proto/onnx_pb.js'
import { declaredValue, withFields } from '../rewrite/declare.js'
import { describeNode } from '../rewrite/nodeContext.js'
import { typeOf, type Extent, type ValueType, type ValueTypes } from '../rewrite/valueTypes.js'
import type { Ort } from '../runtime/ort.js'
import { foldConstants, gatherConstants } from './fold.js'
import { inferTypes } from './runtimeTypes.js'

/** A branch of an `If`, or the body of a `Loop` or a `Scan`, as a graph that stands by itself. */
export interface Body {
  /** Its nodes, and everything they read: the values from outside are among its inputs or, if constant, its initializers. */
  readonly graph: GraphProto
  readonly types: ValueTypes
  /** What it is given, under names that no value around it has, and what it returns. */
  readonly inputs: readonly string[]
  readonly outputs: readonly string[]
  /** The values from outside that it reads. */
  readonly captured: ReadonlySet<string>
}

/** Bodies by the graph in the node's attribute. */
export type Bodies = ReadonlyMap<GraphProto, Body>

/** The number of times that the extents of what a loop carries are relaxed. */
const mostRelaxations = 3

/** Whether gradients of a node pass through graphs inside it. */
export function hasBody(node: NodeProto): boolean {
  return ['If', 'Loop', 'Scan'].includes(node.opType) && canonicalDomain(node.domain) === ''
}

/**
 * Finds the types of the values in branches and bodies. Extents that a loop keeps from round to round hold after it, too.
 *
 * @param model results of unknown rank whose rank is found here are declared in it; otherwise it is not changed
 * @param types the known types of its values
 * @param nodes the nodes in question, in order of computation
 * @returns the types of the model's values afterwards
 * @throws ERR_NOT_SUPPORTED for a body that reads a value whose type is not known
 */
export async function describeBodies(
  model: Model,
  types: ValueTypes,
  nodes: readonly NodeProto[],
  ort: Ort,
  fresh = freshNames(namesIn(model.graph)),
): Promise<{ readonly types: ValueTypes; readonly bodies: Bodies }> {
  const bodies = new Map<GraphProto, Body>()
  let known = types
  for (const node of nodes) {
    for (const graph of subgraphsOf(node)) {
      const { body, inner } = await describeBody(model, node, graph, known, ort, fresh)
      bodies.set(graph, body)
      for (const [nested, one] of inner) bodies.set(nested, one)
      if (node.opType === 'Loop' && declareResults(model.graph, node, body, known)) {
        known = await inferTypes(model, ort)
      }
    }
  }
  return { types: known, bodies }
}

/**
 * Finds the ranks of what loops return where the runtime alone does not.
 *
 * @param model the ranks are declared in it
 * @returns the types of its values afterwards
 */
export async function describeLoops(model: Model, types: ValueTypes, ort: Ort): Promise<ValueTypes> {
  const isUnknown = (name: string): boolean => name !== '' && types.get(name).shape === undefined
  const loops = model.graph.node.filter(
    (node) => node.opType === 'Loop' && hasBody(node) && node.output.some(isUnknown),
  )
  return loops.length === 0 ? types : (await describeBodies(model, types, loops, ort)).types
}

async function describeBody(
  model: Model,
  node: NodeProto,
  graph: GraphProto,
  outer: ValueTypes,
  ort: Ort,
  fresh: (hint: string) => string,
): Promise<{ readonly body: Body; readonly inner: Bodies }> {
  const names = graph.input.map(({ name }) => fresh(`${name}/given`))
  const renamed = new Map(graph.input.map(({ name }, i) => [name, names[i]!]))
  const outputs = graph.output.map(({ name }) => renamed.get(name) ?? name)
  const captured = capturedIn(graph)
  let inputs = inputTypes(node, graph, outer)
  for (let round = 0; ; round++) {
    const own = clone(GraphProtoSchema, graph)
    gatherConstants(own)
    renameValues(own, renamed)
    own.input = names.map((name, i) => declare(node, name, inputs[i] ?? {}))
    capture(own, node, captured, outer)
    // The rest need not be asked for: a body may return what it was given.
    const made = new Set(own.node.flatMap(({ output }) => output))
    own.output = own.output.filter(({ name }, i) => made.has(name) && outputs.indexOf(name) === i)
    const part = withFields(model, { graph: own })
    const { types } = await foldConstants(part, ort)
    const next = relaxed(node, inputs, { names, outputs, types })
    if (next !== undefined && round < mostRelaxations) {
      inputs = next
      continue
    }
    const nested = await describeBodies(part, types, own.node.filter(hasBody), ort, fresh)
    const body = {
      graph: own,
      types: nested.types,
      inputs: names,
      outputs,
      captured: new Set(captured),
    }
    return { body, inner: nested.bodies }
  }
}

/** Declares what a body reads from outside. */
function capture(own: GraphProto, node: NodeProto, captured: readonly string[], outer: ValueTypes): void {
  for (const name of captured) {
    const constant = outer.constant(name)
    if (constant) own.initializer.push(withFields(constant, { name }))
    else own.input.push(declare(node, name, outer.get(name)))
  }
}

function declare(node: NodeProto, name: string, { dataType: type, shape }: ValueType): ValueInfoProto {
  if (type !== undefined) return declaredValue(name, type, shape)
  throw unsupported(
    `${describeNode(node)}: the element type of ${JSON.stringify(name)}, which its body reads, is not known, or it is no ` +
      'tensor; no gradients pass through such a body',
  )
}

/** The types of what a body is given. */
function inputTypes(node: NodeProto, graph: GraphProto, outer: ValueTypes): ValueType[] {
  const given = (name: string | undefined): ValueType => (name === undefined ? {} : outer.get(name))
  if (node.opType === 'Loop') {
    return graph.input.map((input, i) => {
      const { shape = [] } = typeOf(input)
      if (i < 2) return { dataType: i === 0 ? dataType.int64 : dataType.bool, shape }
      return withDeclared(given(node.input[i]), input)
    })
  }
  if (node.opType !== 'Scan') return []
  const sequences = intOf(node, 'num_scan_inputs', 0)
  const states = graph.input.length - sequences
  const axes = intsOf(node, 'scan_input_axes') ?? []
  return graph.input.map((input, i) => {
    const type = given(node.input[i])
    if (i < states) return withDeclared(type, input)
    const axis = axes[i - states] ?? 0
    const at = type.shape === undefined || axis >= 0 ? axis : axis + type.shape.length
    return withDeclared({ dataType: type.dataType, shape: type.shape?.filter((_, k) => k !== at) }, input)
  })
}

function withDeclared({ dataType: type, shape }: ValueType, input: ValueInfoProto): ValueType {
  const declared = typeOf(input)
  return { dataType: type ?? declared.dataType, shape: shape ?? declared.shape }
}

/** The types of what a body is given, without extents that change from round to round; `undefined` if none does. */
function relaxed(
  node: NodeProto,
  inputs: readonly ValueType[],
  found: {
    readonly names: readonly string[]
    readonly outputs: readonly string[]
    readonly types: ValueTypes
  },
): ValueType[] | undefined {
  let isChanged = false
  // The result that a state has in the next round comes as many places later.
  const [first, later] = node.opType === 'Loop' ? [2, -1] : [0, 0]
  const end = node.opType === 'If' ? 0 : inputs.length - intOf(node, 'num_scan_inputs', 0)
  const next = inputs.map((type, i) => {
    const result = found.outputs[i + later] ?? ''
    if (i < first || i >= end || type.shape === undefined || result === found.names[i]) return type
    const shape = commonShape(type.shape, found.types.get(result).shape)
    if (shape?.every((extent, axis) => extent === type.shape![axis])) return type
    isChanged = true
    return { dataType: type.dataType, shape }
  })
  return isChanged ? next : undefined
}

function commonShape(a: readonly Extent[], b: readonly Extent[] | undefined): readonly Extent[] | undefined {
  if (b === undefined || b.length !== a.length) return undefined
  return a.map((extent, axis) => (extent === b[axis] ? extent : undefined))
}

/** Declares the results of a loop whose rank was not known. */
function declareResults(graph: GraphProto, node: NodeProto, body: Body, known: ValueTypes): boolean {
  const carried = body.inputs.length - 2
  let isDeclared = false
  node.output.forEach((name, i) => {
    if (name === '' || known.get(name).shape !== undefined) return
    const type = body.types.get((i < carried ? body.inputs[i + 2] : body.outputs[i + 1]) ?? '')
    const { dataType: element = type.dataType } = known.get(name)
    const shape = type.shape && (i < carried ? type.shape : [undefined, ...type.shape])
    if (element === undefined || shape === undefined) return
    const others = graph.valueInfo.filter((value) => value.name !== name)
    graph.valueInfo = [...others, declaredValue(name, element, shape)]
    isDeclared = true
  })
  return isDeclared
}
