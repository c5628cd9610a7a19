import { create } from '@bufbuild/protobuf'
import type { Extent, ValueTypes } from '../rewrite/valueTypes.js'
import { createOrtSession, type Ort, type OrtTensor } from '../runtime/ort.js'
import { attributeOf, intOf } from '../proto/attribute.js'
import { dataType, dataTypeOf } from '../proto/dataType.js'
import { dropUnused, subgraphsOf } from '../proto/graph.js'
import { canonicalDomain, type Model } from '../proto/model.js'
import { ValueInfoProtoSchema, type GraphProto, type NodeProto, type TensorProto } from '../proto/onnx_pb.js'
import { createTensor, int64Tensor, readTensor, realTensor } from '../proto/tensor.js'
import type { TensorData } from '../proto/tensorData.js'
import { inferTypes } from './runtimeTypes.js'
import { withFields } from '../rewrite/declare.js'

/** A constant with more elements than this is computed at run time instead. */
const largestFolded = 2 ** 20
/** The number of rounds in which folded constants may make further nodes foldable. */
const mostRounds = 8

/**
 * Operators that give a different result on every call, or that have side effects; and that which unpacks weights, whose
 * result takes four to sixteen times as many bytes.
 */
const unfolded = new Set([
  'Bernoulli',
  'DequantizeLinear',
  'Dropout',
  'Multinomial',
  'RandomNormal',
  'RandomNormalLike',
  'RandomUniform',
  'RandomUniformLike',
])

/**
 * Computes every value that does not depend on inputs, parameters or unknown extents, and replaces it by a constant.
 *
 * @param model is changed
 * @returns the types of the model's values afterwards, and the number of nodes removed
 */
export async function foldConstants(
  model: Model,
  ort: Ort,
): Promise<{ readonly types: ValueTypes; readonly folded: number }> {
  const before = model.graph.node.length
  let types = await inferTypes(model, ort)
  for (let round = 0; round < mostRounds; round++) {
    const count = foldShapes(model.graph, types) + (await foldNodes(model, types, ort))
    if (count === 0) break
    types = await inferTypes(model, ort)
  }
  return { types, folded: before - model.graph.node.length }
}

/** Computes a value from initializers alone; `undefined` if the runtime cannot. */
export async function evaluateConstant(
  model: Model,
  name: string,
  ort: Ort,
): Promise<TensorProto | undefined> {
  const graph = withFields(model.graph, { input: [], valueInfo: [] })
  dropUnused(graph, [name])
  graph.output = [create(ValueInfoProtoSchema, { name })]
  const results = await attempt(ort, withFields(model, { graph }))
  if (results === undefined) return undefined
  const { type, dims, data } = results[name]!
  return createTensor(name, dims, dataTypeOf(type)!, data as TensorData)
}

/** Turns the nodes that hold constants into initializers, and returns their names. */
export function gatherConstants(graph: GraphProto): ReadonlySet<string> {
  const names = new Set<string>()
  graph.node = graph.node.filter((node) => {
    const tensor = isOnnx(node, 'Constant') ? constantOf(node) : undefined
    if (!tensor) return true
    const name = node.output[0]!
    names.add(name)
    graph.initializer.push(withFields(tensor, { name }))
    return false
  })
  return names
}

function constantOf(node: NodeProto): TensorProto | undefined {
  const [attribute] = node.attribute
  if (node.attribute.length !== 1 || !attribute) return undefined
  switch (attribute.name) {
    case 'value':
      return attribute.t
    case 'value_float':
      return realTensor('', [attribute.f], dataType.float)
    case 'value_floats':
      return realTensor('', attribute.floats, dataType.float, [attribute.floats.length])
    case 'value_int':
      return int64Tensor('', [attribute.i], [])
    case 'value_ints':
      return int64Tensor('', attribute.ints)
    default:
      return undefined
  }
}

function isOnnx(node: NodeProto, opType: string): boolean {
  return node.opType === opType && canonicalDomain(node.domain) === ''
}

function isStatic(shape: readonly Extent[] | undefined): shape is readonly number[] {
  return shape !== undefined && shape.every((extent) => typeof extent === 'number')
}

/** Folds shapes, sizes and single extents that are known although the values are not. */
function foldShapes(graph: GraphProto, types: ValueTypes): number {
  const made: TensorProto[] = []
  const shapeNode = (name: string): readonly Extent[] | undefined => {
    const producer = types.producer(name)
    if (!producer || !isOnnx(producer, 'Shape')) return undefined
    const { shape } = types.get(producer.input[0]!)
    const end = attributeOf(producer, 'end')
    return shape?.slice(intOf(producer, 'start', 0), end ? Number(end.i) : undefined)
  }
  const value = (node: NodeProto): TensorProto | undefined => {
    const [output = ''] = node.output
    const [input = '', index = ''] = node.input
    if (isOnnx(node, 'Shape')) {
      const extents = shapeNode(output)
      return isStatic(extents) ? int64Tensor(output, extents) : undefined
    }
    if (isOnnx(node, 'Size')) {
      const { shape } = types.get(input)
      return isStatic(shape) ? int64Tensor(output, [shape.reduce((a, b) => a * b, 1)], []) : undefined
    }
    if (!isOnnx(node, 'Gather') || intOf(node, 'axis', 0) !== 0) return undefined
    const [extents, indices] = [shapeNode(input), types.constant(index)]
    if (!extents || !indices || types.producer(index)) return undefined
    const { dims, data } = readTensor(indices)
    const chosen = Array.from(data as ArrayLike<number | bigint>, (i) => extents.at(Number(i)))
    return isStatic(chosen) ? int64Tensor(output, chosen, [...dims]) : undefined
  }
  graph.node = graph.node.filter((node) => {
    const tensor = value(node)
    if (tensor) made.push(tensor)
    return tensor === undefined
  })
  graph.initializer = [...graph.initializer, ...made]
  return made.length
}

/** Lets the runtime compute the nodes that read constants only. */
async function foldNodes(model: Model, types: ValueTypes, ort: Ort): Promise<number> {
  const { graph } = model
  const inputs = new Set(graph.input.map(({ name }) => name))
  const known = new Set(graph.initializer.map(({ name }) => name).filter((name) => !inputs.has(name)))
  const outputs = new Set(graph.output.map(({ name }) => name))
  const isSmall = (name: string): boolean => {
    const { dataType: type, shape } = types.get(name)
    if (type === undefined || type === dataType.string || !isStatic(shape)) return false
    return shape.reduce((size, extent) => size * extent, 1) <= largestFolded
  }
  const nodes = graph.node.filter((node) => {
    const given = node.input.filter((name) => name !== '')
    const results = node.output.filter((name) => name !== '')
    // How many positions it gives depends on the values; its input bounds them.
    const isBounded = isOnnx(node, 'NonZero') && given.every(isSmall)
    const folds =
      given.length > 0 &&
      given.every((name) => known.has(name)) &&
      results.every((name) => (isBounded || isSmall(name)) && !outputs.has(name)) &&
      !unfolded.has(node.opType) &&
      subgraphsOf(node).length === 0
    if (folds) for (const name of results) known.add(name)
    return folds
  })
  if (nodes.length === 0) return 0

  const folded = new Set(nodes)
  const rest = graph.node.filter((node) => !folded.has(node))
  const read = new Set(rest.flatMap(({ input }) => input))
  for (const name of rest.flatMap(subgraphsOf).flatMap(namesRead)) read.add(name)
  const wanted = nodes.flatMap(({ output }) => output).filter((name) => name !== '' && read.has(name))
  const used = new Set(nodes.flatMap(({ input }) => input))
  const inner = withFields(graph, {
    node: nodes,
    input: [],
    valueInfo: [],
    initializer: graph.initializer.filter(({ name }) => used.has(name)),
    output: wanted.map((name) => create(ValueInfoProtoSchema, { name })),
  })
  const part = withFields(model, { graph: inner })
  const results = wanted.length === 0 ? {} : await attempt(ort, part)
  if (results === undefined) return 0
  graph.node = rest
  for (const name of wanted) {
    const { type, dims, data } = results[name]!
    graph.initializer.push(createTensor(name, dims, dataTypeOf(type)!, data as TensorData))
  }
  return nodes.length
}

function namesRead(graph: GraphProto): string[] {
  return [
    ...graph.output.map(({ name }) => name),
    ...graph.node.flatMap((node) => [...node.input, ...subgraphsOf(node).flatMap(namesRead)]),
  ]
}

/** Runs a model without inputs. If the runtime cannot, the nodes stay. */
async function attempt(ort: Ort, part: Model): Promise<Readonly<Record<string, OrtTensor>> | undefined> {
  try {
    const session = await createOrtSession(ort, part, 'the constants of the model', {
      graphOptimizationLevel: 'disabled',
      logSeverityLevel: 4,
    })
    try {
      const names = part.graph.output.map(({ name }) => name)
      return await session.run({}, names)
    } finally {
      await session.release()
    }
  } catch {
    return undefined
  }
}
