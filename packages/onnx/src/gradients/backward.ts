import { InducedMetricError } from '@induced-metric/core'
import { unsupported } from '@induced-metric/core/adapter'
import { codedRule, describeNode, type Emitted } from '../rewrite/nodeContext.js'
import { zerosOf } from '../rewrite/operations.js'
import type { ValueTypes } from '../rewrite/valueTypes.js'
import { hasBody, type Bodies, type Body } from '../inference/bodies.js'
import { capturedBy, freshNames, namesIn, neededFor, subgraphsOf } from '../proto/graph.js'
import { dataType } from '../proto/dataType.js'
import { createNode } from '../proto/node.js'
import type { GraphProto, NodeProto, TensorProto } from '../proto/onnx_pb.js'
import { createGradientContext, noGradient, ruleOf, type GradientContext } from './context.js'
import { throughControlFlow } from './control.js'
import { throughBranches } from './branches.js'
import type { NestedScope } from './nested.js'
import { throughRounds } from './rounds.js'
import { carriesGradient, gradientType } from './quantization.js'
import { gradients as builtinGradients, type GradientTable } from './table.js'

const between = 'lies between the parameter'

/** A request for gradients. */
export interface BackwardRequest {
  /** The forward graph, its nodes in order of computation. Rules may add outputs to its nodes. */
  readonly graph: GraphProto
  /** The known types of its values. Those of gradients are added. */
  readonly types: ValueTypes
  /** The version of ONNX's operators that the graph uses, at least 13. */
  readonly opset: number
  /** Seed gradients, keyed by the value they belong to. */
  readonly seeds: ReadonlyMap<string, string>
  /** The values whose gradients are wanted. */
  readonly wanted: readonly string[]
  readonly table?: GradientTable
  /** The branches and bodies that gradients may pass through. Default: none. */
  readonly bodies?: Bodies
  /** Returns names that no graph has yet. Default: that this graph does not have. */
  readonly fresh?: (hint: string) => string
  /** The parameter that a wanted value leads to, for errors. Default: the value itself. */
  readonly parameterOf?: (wanted: string) => string
}

/** A graph's gradients. */
export interface Backward {
  /** The nodes that compute them, to be placed after those of the forward graph. */
  readonly nodes: readonly NodeProto[]
  readonly constants: readonly TensorProto[]
  /** Gradients, keyed by the value they belong to. Values that the seeds do not depend on are missing. */
  readonly gradients: ReadonlyMap<string, string>
  /** The values of the forward graph that have gradients. */
  readonly reached: ReadonlySet<string>
}

/**
 * Walks a graph in reverse, from the values with seed gradients to those whose gradients are wanted.
 *
 * @throws ERR_NOT_SUPPORTED for a node on the way that has no rule, naming the parameter that it keeps from training;
 *   and for a node that its rule cannot handle
 */
export function addGradients(request: BackwardRequest): Backward {
  const { graph, types, opset, seeds, table = builtinGradients } = request
  const emitted: Emitted = {
    nodes: [],
    constants: new Map<string, TensorProto>(),
    prefix: 'gradient',
    fresh: request.fresh ?? freshNames(namesIn(graph)),
  }
  const origins = originsOf(request)
  const needed = neededFor(graph.node, seeds.keys())
  checkRules(graph.node, origins, needed, table)

  const contributions = new Map<string, string[]>([...seeds].map(([name, gradient]) => [name, [gradient]]))
  const sum = (value: string): string | undefined => {
    const parts = contributions.get(value)
    if (parts === undefined || parts.length === 0) return undefined
    if (parts.length === 1) return parts[0]
    const total = emitted.fresh(`${value}_grad`)
    emitted.nodes.push(createNode('Sum', parts, [total]))
    types.add(total, gradientType(types.get(value)))
    contributions.set(value, [total])
    return total
  }
  for (const node of [...graph.node].reverse()) {
    const flows = node.output.map((name) => name !== '' && origins.has(name) && contributions.has(name))
    if (!flows.includes(true)) continue
    const rule = ruleOf(table, node)!
    const given = node.output.map((name, i) => (flows[i] ? sum(name) : undefined))
    const wants = (index: number): boolean => origins.has(node.input[index] ?? '')
    const contribute = (value: string, given: string): void => {
      const gradient = types.get(value).shape?.includes(0) ? emptyGradient(context, value) : given
      types.add(gradient, gradientType(types.get(value)))
      const parts = contributions.get(value)
      if (parts) parts.push(gradient)
      else contributions.set(value, [gradient])
    }
    const context = createGradientContext(node, types, emitted, opset, {
      gradient: (output) => given[output],
      wants,
      give(index, gradient) {
        if (wants(index)) contribute(node.input[index]!, gradient)
      },
    })
    const parameter = [...node.input, ...capturedBy(node)]
      .map((name) => origins.get(name))
      .find((name) => name !== undefined)!
    try {
      const scope = nestedScope(request, context, origins, contribute, parameter)
      const through = node.opType === 'If' ? throughBranches : throughRounds
      if (scope !== undefined) codedRule(node, 'it cannot be differentiated', () => through(scope))
      else if (capturedBy(node).some((name) => origins.has(name))) context.refuse(throughControlFlow)
      else if (ruleOf(builtinGradients, node) !== rule) rule(context)
      else codedRule(node, 'it cannot be differentiated', () => rule(context))
    } catch (error) {
      throw blocking(error, parameter)
    }
  }

  const made = new Map<string, string>()
  for (const value of request.wanted) {
    const gradient = sum(value)
    if (gradient !== undefined) made.set(value, gradient)
  }
  const named = nameGradients(made, emitted)
  for (const [value, gradient] of named) types.add(gradient, types.get(value))
  return {
    nodes: emitted.nodes,
    constants: [...emitted.constants.values()],
    gradients: named,
    reached: new Set(contributions.keys()),
  }
}

/**
 * The gradient of a value without elements. A rule's own may have elements where it runs: the runtime leaves out an Expand
 * to an extent of 0.
 */
function emptyGradient(context: GradientContext, value: string): string {
  const { dataType: type = dataType.float } = gradientType(context.typeOf(value))
  return zerosOf(context, context.shapeOf(value), type)
}

/** What a node whose graphs were described needs; `undefined` for other nodes. */
function nestedScope(
  request: BackwardRequest,
  context: GradientContext,
  origins: ReadonlyMap<string, string>,
  contribute: NestedScope['contribute'],
  parameter: string,
): NestedScope | undefined {
  const { types, opset, table, bodies } = request
  const isDescribed = hasBody(context.node) && subgraphsOf(context.node).every((graph) => bodies?.has(graph))
  if (bodies === undefined || !isDescribed) return undefined
  const inner = (
    body: Body,
    seeds: ReadonlyMap<string, string>,
    wanted: readonly string[],
  ): BackwardRequest => ({
    graph: body.graph,
    types: body.types,
    opset,
    seeds,
    wanted,
    ...(table && { table }),
    bodies,
    fresh: context.fresh,
    parameterOf: (value) => origins.get(value) ?? parameter,
  })
  return {
    context,
    types,
    bodies,
    isOrigin: (name) => origins.has(name),
    dependents: (body, wanted) => new Set(originsOf(inner(body, new Map(), wanted)).keys()),
    differentiate: (body, seeds, wanted) => addGradients(inner(body, seeds, wanted)),
    contribute,
  }
}

/** Adds the parameter that a refused node keeps from training to the error. */
function blocking(error: unknown, parameter: string): unknown {
  if (!(error instanceof InducedMetricError) || error.code !== 'ERR_NOT_SUPPORTED') return error
  const reason = error.message.slice(`${error.code}: `.length)
  if (reason.includes(between)) return error
  return new InducedMetricError(
    error.code,
    `${reason}. It ${between} ${JSON.stringify(parameter)} and the loss`,
  )
}

/** The values that depend on a wanted one, each with one that it depends on. */
function originsOf({
  graph,
  types,
  wanted,
  table = builtinGradients,
  parameterOf = (name) => name,
}: BackwardRequest): ReadonlyMap<string, string> {
  const origins = new Map(wanted.map((name) => [name, parameterOf(name)]))
  for (const node of graph.node) {
    if (ruleOf(table, node) === noGradient) continue
    const through = [...node.input, ...capturedBy(node)].find((name) => origins.has(name))
    if (through === undefined) continue
    const isOrigin = (name: string): boolean => origins.has(name)
    node.output.forEach((name, i) => {
      if (name !== '' && carriesGradient(node, i, types.get(name).dataType, isOrigin))
        origins.set(name, origins.get(through)!)
    })
  }
  return origins
}

function checkRules(
  nodes: readonly NodeProto[],
  origins: ReadonlyMap<string, string>,
  needed: ReadonlySet<string>,
  table: GradientTable,
): void {
  const missing = nodes.filter(
    (node) =>
      ruleOf(table, node) === undefined && node.output.some((name) => origins.has(name) && needed.has(name)),
  )
  const [first] = missing
  if (first === undefined) return
  const parameter = origins.get(first.output.find((name) => origins.has(name))!)
  const others = [...new Set(missing.map(({ opType }) => opType))].filter((opType) => opType !== first.opType)
  throw unsupported(
    `${describeNode(first)} has no gradient rule, and ${between} ${JSON.stringify(parameter)} and the loss` +
      `${others.length === 0 ? '' : `; neither have ${others.join(', ')}`}. Freeze the parameter, or give a rule with the ` +
      'option gradients',
  )
}

/** Renames gradients as ONNX Runtime names them, `<value>_grad`. */
function nameGradients(made: ReadonlyMap<string, string>, emitted: Emitted): Map<string, string> {
  const outputs = new Set(emitted.nodes.flatMap(({ output }) => output))
  const renamed = new Map<string, string>()
  const named = new Map<string, string>()
  for (const [value, gradient] of made) {
    if (gradient === `${value}_grad`) {
      named.set(value, gradient)
      // It has its name already, and may also be the gradient of another value.
      renamed.set(gradient, gradient)
      continue
    }
    const name = emitted.fresh(`${value}_grad`)
    named.set(value, name)
    if (outputs.has(gradient) && !renamed.has(gradient)) renamed.set(gradient, name)
    else {
      emitted.nodes.push(createNode('Identity', [gradient], [name]))
    }
  }
  for (const node of emitted.nodes) {
    node.input = node.input.map((name) => renamed.get(name) ?? name)
    node.output = node.output.map((name) => renamed.get(name) ?? name)
  }
  return named
}
