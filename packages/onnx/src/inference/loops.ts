import { clone } from '@bufbuild/protobuf'
import { attributeOf } from '../proto/attribute.js'
import { dataType } from '../proto/dataType.js'
import { allNodes, capturedBy, freshNames, namesIn, renameValues } from '../proto/graph.js'
import { canonicalDomain, type Model } from '../proto/model.js'
import { createNode } from '../proto/node.js'
import { GraphProtoSchema, type GraphProto, type NodeProto } from '../proto/onnx_pb.js'
import { createTensor, int64Tensor, readTensor } from '../proto/tensor.js'
import type { Ort } from '../runtime/ort.js'
import { evaluateKnown, namesDefined } from './branches.js'
import { withFields } from '../rewrite/declare.js'
import { gatherConstants } from './fold.js'

/** A loop that would have more nodes than this when it is written out stays a loop. */
const mostNodes = 2000
/** The number of times that loops within loops become loops of the graph. */
const mostRounds = 4

/**
 * Writes out every `Loop` that a parameter may pass and whose number of rounds follows from constants and known
 * extents, one body after another.
 *
 * @param model is changed; its constants are among its initializers, its nodes in order of computation
 * @returns the names of the constants that were in nodes
 */
export async function unrollKnownLoops(model: Model, ort: Ort): Promise<ReadonlySet<string>> {
  const { graph } = model
  const constants = new Set<string>()
  for (let round = 0; round < mostRounds; round++) {
    const loops = relevantLoops(graph)
    if (loops.length === 0) break
    const asked = [...new Set(loops.flatMap(({ input }) => input.slice(0, 2)))].filter((name) => name !== '')
    const known = await evaluateKnown(model, asked, ort)
    let count = 0
    for (const node of loops) {
      const [trips = '', condition = ''] = node.input
      const rounds = known.get(trips)
      const isOn =
        condition === '' || (known.has(condition) && readTensor(known.get(condition)!).data[0] === 1)
      const body = attributeOf(node, 'body')?.g
      if (rounds === undefined || !isOn || !body || !goesOn(body, graph)) continue
      const times = Number(readTensor(rounds).data[0])
      if (times < 1 || times * allNodes(body).length > mostNodes) continue
      for (const name of unroll(graph, node, body, times)) constants.add(name)
      count++
    }
    if (count === 0) break
    for (const name of gatherConstants(graph)) constants.add(name)
  }
  return constants
}

/** The loops that read, directly or not, an initializer that may be a parameter, or have one. */
function relevantLoops(graph: GraphProto): NodeProto[] {
  const isReal = (type: number): boolean => type === dataType.float || type === dataType.double
  const reached = new Set(
    graph.initializer.flatMap(({ name, dataType: type }) => (isReal(type) ? [name] : [])),
  )
  const loops: NodeProto[] = []
  for (const node of graph.node) {
    const isLoop = node.opType === 'Loop' && canonicalDomain(node.domain) === ''
    const own = isLoop ? (attributeOf(node, 'body')?.g?.initializer ?? []) : []
    const isReached =
      [...node.input, ...capturedBy(node)].some((name) => reached.has(name)) ||
      own.some(({ dataType: type }) => isReal(type))
    if (!isReached) continue
    for (const name of node.output) reached.add(name)
    if (isLoop) loops.push(node)
  }
  return loops
}

/**
 * Whether a body asks for the next round whatever it computes: it returns its own condition, or a constant, which may be
 * one of the graph around it.
 */
function goesOn({ input, output, initializer, node }: GraphProto, around: GraphProto): boolean {
  const constants = [...initializer, ...around.initializer]
  const own = input[1]?.name
  let name = output[0]?.name ?? ''
  for (;;) {
    if (name === own) return true
    const producer = node.find((one) => one.output.includes(name))
    const tensor = producer ? undefined : constants.find((given) => given.name === name)
    if (tensor) return readTensor(tensor).data[0] === 1
    if (producer?.opType === 'Constant') {
      const value = attributeOf(producer, 'value')?.t
      return value !== undefined && readTensor(value).data[0] === 1
    }
    if (producer?.opType !== 'Identity' && producer?.opType !== 'Cast') return false
    name = producer.input[0]!
  }
}

/** Puts the rounds of a loop in its place. */
function unroll(graph: GraphProto, node: NodeProto, body: GraphProto, times: number): string[] {
  const fresh = freshNames(namesIn(graph))
  const label = node.name === '' ? (node.output.find((name) => name !== '') ?? 'Loop') : node.name
  const carriedCount = body.input.length - 2
  let carried = node.input.slice(2, 2 + carriedCount)
  const scanned: string[][] = body.output.slice(1 + carriedCount).map(() => [])
  const made: NodeProto[] = []
  const constants: string[] = []
  const addConstant = (tensor: GraphProto['initializer'][number]): string => {
    graph.initializer.push(tensor)
    constants.push(tensor.name)
    return tensor.name
  }
  const isOn = addConstant(createTensor(fresh(`${label}/on`), [], dataType.bool, Uint8Array.of(1)))
  const axis = addConstant(int64Tensor(fresh(`${label}/axis`), [0]))
  // What a body has of its own is the same in every round.
  const shared = new Map<string, string>()
  for (const tensor of body.initializer) {
    const name = fresh(tensor.name)
    shared.set(tensor.name, name)
    graph.initializer.push(withFields(tensor, { name }))
  }
  for (let round = 0; round < times; round++) {
    const copy = clone(GraphProtoSchema, withFields(body, { initializer: [] }))
    const iteration = addConstant(int64Tensor(fresh(`${label}/round_${round}`), [round], []))
    const names = new Map(shared)
    for (const name of namesDefined(copy))
      if (name !== '') names.set(name, fresh(`${label}/${round}/${name}`))
    copy.input.forEach(({ name }, i) => {
      names.set(name, i === 0 ? iteration : i === 1 ? isOn : carried[i - 2]!)
    })
    const results = copy.output.map(({ name }) => names.get(name) ?? name)
    renameValues(copy, names)
    made.push(...copy.node)
    carried = results.slice(1, 1 + carriedCount)
    results.slice(1 + carriedCount).forEach((name, i) => scanned[i]!.push(name))
  }
  const end = (opType: string, inputs: readonly string[], output: string, attributes = {}): void => {
    if (output !== '')
      made.push(createNode(opType, inputs, [output], attributes, fresh(`${label}/${opType}`)))
  }
  node.output.forEach((output, i) => {
    if (i < carriedCount) end('Identity', [carried[i]!], output)
    else if (output !== '') {
      const rows = scanned[i - carriedCount]!.map((name) => {
        const row = fresh(`${name}/row`)
        end('Unsqueeze', [name, axis], row)
        return row
      })
      end('Concat', rows, output, { axis: 0 })
    }
  })
  const at = graph.node.indexOf(node)
  graph.node = [...graph.node.slice(0, at), ...made, ...graph.node.slice(at + 1)]
  return constants
}
