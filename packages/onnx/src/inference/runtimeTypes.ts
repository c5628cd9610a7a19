import { clone, create } from '@bufbuild/protobuf'
import { valueTypes, type Extent, type ValueTypes } from '../rewrite/valueTypes.js'
import { followSymbols } from './symbols.js'
import { lowerRecurrentLayers } from '../lowering/lower.js'
import { createOrtSession, type Ort } from '../runtime/ort.js'
import { dataTypeOf } from '../proto/dataType.js'
import { allNodes, freshNames, namesIn } from '../proto/graph.js'
import { attributeOf, intOf } from '../proto/attribute.js'
import { own } from '../own.js'
import { canonicalDomain, type Model } from '../proto/model.js'
import { createNode } from '../proto/node.js'
import { ModelProtoSchema, ValueInfoProtoSchema, type NodeProto, type TensorProto } from '../proto/onnx_pb.js'
import { dimsOf } from '../proto/tensor.js'
import { declaredValue, withFields } from '../rewrite/declare.js'

/** The runtime's description of an output, since release 1.23. */
interface ValueMetadata {
  readonly name: string
  readonly isTensor: boolean
  readonly type?: string
  /** Symbols by name. An unknown extent is '', and in onnxruntime-web also −1 as an unsigned number. */
  readonly shape?: readonly (number | string)[]
}

/** Operators without shape inference before opset 16, and others whose results have the same types. */
const sameTypes: Readonly<Record<string, string>> = { LessOrEqual: 'Less', GreaterOrEqual: 'Greater' }

const unknownInWeb = 2 ** 32 - 1

/** Shapes cannot depend on a constant with more elements than this. */
const smallConstant = 64

/**
 * Finds the types and shapes of all values of a model: it makes every value an output and lets the runtime infer
 * them. Nothing is run, and the runtime does not get the values of large constants.
 *
 * @throws ERR_NOT_SUPPORTED if the runtime does not accept the model
 */
export async function inferTypes(model: Model, ort: Ort): Promise<ValueTypes> {
  const types = valueTypes(model.graph)
  const probe = withoutLargeConstants(model)
  const { graph } = probe
  for (const node of allNodes(graph)) {
    if (canonicalDomain(node.domain) === '') node.opType = own(sameTypes, node.opType) ?? node.opType
  }
  const declared = new Set(graph.output.map(({ name }) => name))
  for (const name of graph.node.flatMap(({ output }) => output)) {
    if (name !== '' && !declared.has(name)) graph.output.push(create(ValueInfoProtoSchema, { name }))
  }
  const found = (await metadataOf(ort, probe)).filter(({ isTensor }) => isTensor)
  const scalars = await scalarsAmong(ort, probe, found)
  for (const { name, type, shape } of found) {
    types.add(name, {
      dataType: type === undefined ? undefined : dataTypeOf(type),
      shape:
        shape?.length === 0 && !scalars.has(name)
          ? undefined
          : shape?.map((extent): Extent => (extent === '' || extent === unknownInWeb ? undefined : extent)),
    })
  }
  for (const node of model.graph.node) if (isWholeReduction(node)) types.add(node.output[0]!, { shape: [] })
  followSymbols(model.graph, types)
  return types
}

/** Whether a node reduces all axes of a value, however many there are, to a scalar. */
function isWholeReduction(node: NodeProto): boolean {
  return (
    /^Reduce[LMPS]/.test(node.opType) &&
    canonicalDomain(node.domain) === '' &&
    node.input.length === 1 &&
    !attributeOf(node, 'axes') &&
    intOf(node, 'keepdims', 1) === 0 &&
    intOf(node, 'noop_with_empty_axes', 0) === 0
  )
}

/** The runtime describes a value of unknown rank like a scalar. Their shapes differ: [0], and [unknown]. */
async function scalarsAmong(
  ort: Ort,
  probe: Model,
  found: readonly ValueMetadata[],
): Promise<ReadonlySet<string>> {
  const doubtful = found.filter(({ shape }) => shape?.length === 0).map(({ name }) => name)
  if (doubtful.length === 0) return new Set()
  const { graph } = probe
  const fresh = freshNames(namesIn(graph))
  const shapes = new Map(doubtful.map((name) => [fresh(`${name}/shape of`), name]))
  for (const [shape, name] of shapes) {
    graph.node.push(createNode('Shape', [name], [shape], {}, shape))
    graph.output.push(create(ValueInfoProtoSchema, { name: shape }))
  }
  const scalars = new Set<string>()
  for (const { name, shape } of await metadataOf(ort, probe)) {
    const value = shapes.get(name)
    if (value !== undefined && shape?.[0] === 0) scalars.add(value)
  }
  return scalars
}

async function metadataOf(ort: Ort, probe: Model): Promise<readonly ValueMetadata[]> {
  const session = await createOrtSession(ort, lowerRecurrentLayers(probe), 'the model', {
    graphOptimizationLevel: 'disabled',
    logSeverityLevel: 4,
  })
  const { outputMetadata = [] } = session as { outputMetadata?: readonly ValueMetadata[] }
  await session.release()
  return outputMetadata
}

/** Copies a model and makes its large constants inputs: their values need not be known, nor even exist. */
function withoutLargeConstants(model: Model): Model {
  const { initializer } = model.graph
  const isLarge = (tensor: TensorProto): boolean =>
    dimsOf(tensor).reduce((size, extent) => size * extent, 1) > smallConstant
  const small = withFields(model.graph, { initializer: initializer.filter((tensor) => !isLarge(tensor)) })
  const probe = clone(ModelProtoSchema, withFields(model, { graph: small })) as Model
  const inputs = new Set(probe.graph.input.map(({ name }) => name))
  for (const tensor of initializer) {
    if (isLarge(tensor) && !inputs.has(tensor.name)) {
      probe.graph.input.push(declaredValue(tensor.name, tensor.dataType, tensor.dims.map(Number)))
    }
  }
  return probe
}
