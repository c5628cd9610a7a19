import { clone } from '@bufbuild/protobuf'
import type { InducedMetricError } from '@induced-metric/core'
import { unsupported } from '@induced-metric/core/adapter'
import { describeNode } from './nodeContext.js'
import { freshNames, namesIn, subgraphsOf } from '../proto/graph.js'
import { canonicalDomain, opsetOf, setOpset, type Model } from '../proto/model.js'
import { createNode } from '../proto/node.js'
import {
  AttributeProtoSchema,
  NodeProtoSchema,
  type AttributeProto,
  type FunctionProto,
  type GraphProto,
  type NodeProto,
} from '../proto/onnx_pb.js'

/** Functions that call functions grow quickly. No sensible model has more nodes than this, calls included. */
const mostNodes = 100_000
/** The deepest nesting of calls. */
const deepest = 100

/**
 * Replaces the nodes that call model-local functions by the nodes of those functions.
 *
 * @param model is changed; it has no functions afterwards
 * @returns how often each function was inlined, by its name
 * @throws ERR_NOT_SUPPORTED for functions that call themselves, or use another version of ONNX's operators than the
 *   model
 */
export function inlineFunctions(model: Model): ReadonlyMap<string, number> {
  const counts = new Map<string, number>()
  if (model.functions.length === 0) return counts
  const functions = new Map(
    model.functions.map((given) => [functionKey(given.domain, given.name, given.overload), given]),
  )
  checkSize(model.graph.node, functions)
  const fresh = freshNames(namesIn(model.graph))

  const expand = (nodes: readonly NodeProto[], into: NodeProto[]): NodeProto[] => {
    for (const node of nodes) {
      const called = functions.get(functionKey(node.domain, node.opType, node.overload))
      if (called) {
        counts.set(called.name, (counts.get(called.name) ?? 0) + 1)
        importOpsets(model, called, node)
        expand(bodyOf(called, node, fresh), into)
      } else {
        for (const graph of subgraphsOf(node)) graph.node = expand(graph.node, [])
        into.push(node)
      }
    }
    return into
  }
  model.graph.node = expand(model.graph.node, [])
  model.functions = []
  return counts
}

/** Counts the nodes before any is made: thirty functions of two calls each make a thousand million. */
function checkSize(nodes: readonly NodeProto[], functions: ReadonlyMap<string, FunctionProto>): void {
  const known = new Map<string, number>()
  const sizeOf = (list: readonly NodeProto[], stack: readonly string[]): number => {
    let size = list.length
    for (const node of list) {
      for (const graph of subgraphsOf(node)) size += sizeOf(graph.node, stack)
      const key = functionKey(node.domain, node.opType, node.overload)
      const called = functions.get(key)
      if (called) {
        if (stack.includes(key)) throw refusal(node, 'the function calls itself')
        if (stack.length === deepest)
          throw refusal(node, `functions call one another more than ${deepest} deep`)
        const own = known.get(key) ?? sizeOf(called.node, [...stack, key])
        known.set(key, own)
        size += own
      }
      if (size > mostNodes)
        throw refusal(node, `the model has more than ${mostNodes} nodes once it is inlined`)
    }
    return size
  }
  sizeOf(nodes, [])
}

/** The key that tells a function from others. */
export function functionKey(domain: string, name: string, overload: string): string {
  return `${canonicalDomain(domain)}::${name}::${overload}`
}

function refusal(node: NodeProto, reason: string): InducedMetricError {
  return unsupported(`${describeNode(node)}: ${reason}`)
}

function importOpsets(model: Model, called: FunctionProto, node: NodeProto): void {
  for (const { domain, version } of called.opsetImport) {
    const name = canonicalDomain(domain)
    const known = opsetOf(model, name)
    if (known === undefined) setOpset(model, name, Number(version))
    else if (known !== Number(version)) {
      throw refusal(
        node,
        `the function uses version ${version} of the operators of ${name === '' ? 'ai.onnx' : name}, the model ${known}; ` +
          'export the model anew, or convert it to one version',
      )
    }
  }
}

/** The nodes of a function, with the names of a node that calls it. */
function bodyOf(called: FunctionProto, call: NodeProto, fresh: (hint: string) => string): NodeProto[] {
  const prefix = call.name === '' ? called.name : call.name
  const names = new Map<string, string>([['', '']])
  called.input.forEach((name, i) => names.set(name, call.input[i] ?? ''))
  const passed: NodeProto[] = []
  called.output.forEach((name, i) => {
    const actual = call.output[i] ?? ''
    const source = names.get(name)
    if (source === undefined) names.set(name, actual === '' ? fresh(`${prefix}/${name}`) : actual)
    else if (actual !== '') {
      passed.push(createNode('Identity', [source], [actual], {}, `${prefix}/${name}`))
    }
  })
  const given = new Map(call.attribute.map((attribute) => [attribute.name, attribute]))
  const defaults = new Map(called.attributeProto.map((attribute) => [attribute.name, attribute]))

  const define = (name: string): string => {
    if (name === '') return ''
    const known = names.get(name)
    if (known !== undefined) return known
    const made = fresh(`${prefix}/${name}`)
    names.set(name, made)
    return made
  }
  const use = (name: string): string => names.get(name) ?? define(name)
  const attributeFor = (attribute: AttributeProto): AttributeProto[] => {
    if (attribute.refAttrName === '') {
      for (const graph of attribute.g ? [attribute.g, ...attribute.graphs] : attribute.graphs) rename(graph)
      return [attribute]
    }
    const value = given.get(attribute.refAttrName) ?? defaults.get(attribute.refAttrName)
    if (value === undefined) return []
    const made = clone(AttributeProtoSchema, value)
    made.name = attribute.name
    return [made]
  }
  const renameNode = (node: NodeProto): void => {
    node.name = fresh(`${prefix}/${node.name === '' ? node.opType : node.name}`)
    node.input = node.input.map(use)
    node.attribute = node.attribute.flatMap(attributeFor)
    node.output = node.output.map(define)
  }
  const rename = (graph: GraphProto): void => {
    for (const value of [...graph.input, ...graph.initializer]) value.name = define(value.name)
    graph.node.forEach(renameNode)
    for (const value of [...graph.output, ...graph.valueInfo]) value.name = use(value.name)
  }
  const nodes = called.node.map((node) => clone(NodeProtoSchema, node))
  nodes.forEach(renameNode)
  return [...nodes, ...passed]
}
