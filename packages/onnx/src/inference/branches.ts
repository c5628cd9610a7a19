import { create } from '@bufbuild/protobuf'
import { attributeOf } from '../proto/attribute.js'
import { dropUnused, freshNames, namesIn, renameValues, subgraphsOf } from '../proto/graph.js'
import { canonicalDomain, type Model } from '../proto/model.js'
import { createNode } from '../proto/node.js'
import { ValueInfoProtoSchema, type GraphProto, type NodeProto, type TensorProto } from '../proto/onnx_pb.js'
import { readTensor } from '../proto/tensor.js'
import type { Ort } from '../runtime/ort.js'
import { withFields } from '../rewrite/declare.js'
import { foldConstants, gatherConstants } from './fold.js'

/** The number of times that an inlined branch may make the conditions of others decidable. */
const mostRounds = 32

/**
 * Replaces every `If` whose condition follows from constants and known extents by the branch that is taken, the ones
 * in that branch included. Initializers of a branch become initializers of the graph, and so do constants in its nodes.
 *
 * @param model is changed; its constants are among its initializers, its nodes in order of computation
 * @returns the names of the constants that were in nodes
 */
export async function inlineDecidedBranches(model: Model, ort: Ort): Promise<ReadonlySet<string>> {
  const { graph } = model
  const constants = new Set<string>()
  for (let round = 0; round < mostRounds; round++) {
    const choices = graph.node.filter(isChoice)
    if (choices.length === 0) break
    const decided = await decide(model, [...new Set(choices.map(({ input }) => input[0]!))], ort)
    if (decided.size === 0) break
    for (const node of choices) {
      const taken = decided.get(node.input[0]!)
      const branch =
        taken === undefined ? undefined : attributeOf(node, taken ? 'then_branch' : 'else_branch')?.g
      if (branch) inline(graph, node, branch)
    }
    for (const name of gatherConstants(graph)) constants.add(name)
  }
  return constants
}

function isChoice({ opType, domain }: NodeProto): boolean {
  return opType === 'If' && canonicalDomain(domain) === ''
}

/** Computes the conditions that do not depend on what a caller feeds. */
async function decide(
  model: Model,
  conditions: readonly string[],
  ort: Ort,
): Promise<ReadonlyMap<string, boolean>> {
  const values = await evaluateKnown(model, conditions, ort)
  return new Map([...values].map(([name, tensor]) => [name, readTensor(tensor).data[0] === 1]))
}

/**
 * Computes the values that do not depend on what a caller feeds.
 *
 * @returns those among the given ones, by name
 */
export async function evaluateKnown(
  model: Model,
  wanted: readonly string[],
  ort: Ort,
): Promise<ReadonlyMap<string, TensorProto>> {
  const probe = withFields(model, { graph: withFields(model.graph, {}) })
  const { graph } = probe
  const inputs = new Set(graph.input.map(({ name }) => name))
  dropUnused(graph, wanted)
  const fresh = freshNames(namesIn(model.graph))
  // What reads the values keeps them when constants are folded.
  const readers = wanted.map((name) => createNode('Identity', [name], [fresh(`${name}/read`)]))
  graph.node = [...graph.node, ...readers]
  graph.output = readers.map(({ output }) => create(ValueInfoProtoSchema, { name: output[0]! }))
  await foldConstants(probe, ort)
  const isWanted = new Set(wanted)
  return new Map(
    graph.initializer.flatMap((tensor) =>
      isWanted.has(tensor.name) && !inputs.has(tensor.name) ? [[tensor.name, tensor] as const] : [],
    ),
  )
}

/** Puts a branch in the place of the node that chooses it. */
function inline(graph: GraphProto, node: NodeProto, branch: GraphProto): void {
  const others = graph.node.filter((other) => other !== node)
  const fresh = freshNames(namesIn(withFields(graph, { node: others })))
  for (const name of node.output) if (name !== '') fresh(name)
  const own = new Set([
    ...branch.initializer.map(({ name }) => name),
    ...branch.node.flatMap(({ output }) => output),
  ])
  const names = new Map<string, string>()
  const passed: NodeProto[] = []
  branch.output.forEach(({ name }, i) => {
    const to = node.output[i] ?? ''
    if (to === '') return
    const isMade = !names.has(name) && branch.node.some(({ output }) => output.includes(name))
    if (isMade) names.set(name, to)
    else passed.push(createNode('Identity', [name], [to], {}, fresh(`${node.name || to}/Identity`)))
  })
  for (const name of namesDefined(branch)) if (name !== '' && !names.has(name)) names.set(name, fresh(name))
  for (const one of passed)
    one.input = one.input.map((name) => (own.has(name) ? (names.get(name) ?? name) : name))
  renameValues(branch, names)
  const declared = branch.valueInfo.filter(({ name }) => !graph.output.some((output) => output.name === name))
  graph.valueInfo = [...graph.valueInfo, ...declared]
  graph.initializer = [...graph.initializer, ...branch.initializer]
  const at = graph.node.indexOf(node)
  graph.node = [...graph.node.slice(0, at), ...branch.node, ...passed, ...graph.node.slice(at + 1)]
}

/** The names that a graph defines, for values and for nodes, in itself and in the graphs inside it. */
export function namesDefined(graph: GraphProto): ReadonlySet<string> {
  const names = new Set<string>()
  const visit = (inner: GraphProto): void => {
    for (const { name } of [...inner.input, ...inner.initializer]) names.add(name)
    for (const node of inner.node) {
      for (const name of [node.name, ...node.output]) names.add(name)
      subgraphsOf(node).forEach(visit)
    }
  }
  visit(graph)
  return names
}
