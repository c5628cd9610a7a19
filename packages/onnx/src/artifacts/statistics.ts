import { unsupported } from '@induced-metric/core/adapter'
import { describeNode } from '../rewrite/nodeContext.js'
import type { Ort } from '../runtime/ort.js'
import { allNodes, freshNames, namesIn, neededFor } from '../proto/graph.js'
import { canonicalDomain, type Model } from '../proto/model.js'
import type { NodeProto, TensorProto } from '../proto/onnx_pb.js'
import { evaluateConstant } from '../inference/fold.js'
import { withFields } from '../rewrite/declare.js'

/** The inputs of a batch normalisation that are its running statistics. */
const places = [
  [3, 'running_mean'],
  [4, 'running_var'],
] as const

/**
 * Gives every batch normalisation running statistics of its own, with the values that it has. Exporters merge equal
 * constants, so that in an untrained network the statistics may be its weights and biases, or those of another layer.
 *
 * @param model is changed
 * @param constants initializers that stay in the graph
 * @param mode whether training updates the statistics; if not, constant ones can stay. Without it those are updated
 *   that can be
 * @throws ERR_NOT_SUPPORTED for updated statistics that depend on an input of the model
 */
export async function separateStatistics(
  model: Model,
  constants: ReadonlySet<string>,
  mode: 'training' | 'inference' | undefined,
  ort: Ort,
): Promise<void> {
  const moves = mode !== 'inference'
  const { graph } = model
  const nodes = graph.node.filter(isBatchNormalization)
  if (nodes.length === 0) return
  const readers = countReaders(model)
  const fresh = freshNames(namesIn(graph))
  const owned = new Set<string>()
  const replaced = new Set<string>()
  for (const node of nodes) {
    for (const [place, what] of places) {
      const name = node.input[place] ?? ''
      const given = graph.initializer.find((tensor) => tensor.name === name)
      const { others = 0, statistics = 0 } = readers.get(name) ?? {}
      const isOwn = given !== undefined && others === 0 && !owned.has(name)
      if (isOwn ? !moves || !constants.has(name) : !moves && constants.has(name)) {
        owned.add(name)
        continue
      }
      const tensor = given ?? (await valueOf(model, name, ort))
      if (tensor === undefined) {
        if (mode !== 'training') continue
        throw unsupported(
          `${describeNode(node)}: its ${what} ${JSON.stringify(name)} depends on an input of the model, so training cannot ` +
            "update it; give batchNormalization: 'inference'",
        )
      }
      // A node that computes nothing but these statistics goes, and they take its output's name.
      const isMade = given === undefined && others === 0 && statistics === 1
      if (isMade) replaced.add(name)
      const own = isMade ? name : fresh(`${node.name || node.output[0]}.${what}`)
      graph.initializer.push(withFields(tensor, { name: own }))
      node.input[place] = own
      owned.add(own)
    }
  }
  if (replaced.size === 0) return
  graph.node = graph.node.filter(({ output }) => !output.some((name) => replaced.has(name)))
}

function isBatchNormalization({ opType, domain }: NodeProto): boolean {
  return opType === 'BatchNormalization' && canonicalDomain(domain) === ''
}

/** How often each value is read: as running statistics, and otherwise. */
function countReaders({ graph }: Model): ReadonlyMap<string, { statistics: number; others: number }> {
  const readers = new Map<string, { statistics: number; others: number }>()
  const add = (name: string, isStatistic: boolean): void => {
    const count = readers.get(name) ?? { statistics: 0, others: 0 }
    count[isStatistic ? 'statistics' : 'others']++
    readers.set(name, count)
  }
  for (const node of allNodes(graph)) {
    node.input.forEach((name, index) => add(name, index >= 3 && isBatchNormalization(node)))
  }
  for (const { name } of graph.output) add(name, false)
  return readers
}

/** The value that is computed from constants and initializers alone. */
async function valueOf(model: Model, name: string, ort: Ort): Promise<TensorProto | undefined> {
  const { graph } = model
  let source = name
  for (;;) {
    const producer = graph.node.find(({ output }) => output.includes(source))
    if (producer?.opType !== 'Identity') break
    source = producer.input[0]!
  }
  const tensor = graph.initializer.find((candidate) => candidate.name === source)
  if (tensor) return tensor
  const needed = neededFor(graph.node, [name])
  if (graph.input.some((input) => needed.has(input.name))) return undefined
  return evaluateConstant(model, name, ort)
}
