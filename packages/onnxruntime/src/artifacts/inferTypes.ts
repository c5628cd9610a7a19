import { clone, create } from '@bufbuild/protobuf'
import { valueTypes, type Extent, type ValueTypes } from '../lowering/shapes.js'
import { createOrtSession, defaultOrt, type Ort } from '../namespace.js'
import { dataType, dataTypeOf } from '../onnx/dataType.js'
import { writeModel, type Model } from '../onnx/model.js'
import { ModelProtoSchema, ValueInfoProtoSchema, type TensorProto } from '../onnx/onnx_pb.js'
import { dimsOf } from '../onnx/tensor.js'

/** What the runtime says of an output, from release 1.23 on. */
interface ValueMetadata {
  readonly name: string
  readonly isTensor: boolean
  readonly type?: string
  /** Symbols by name, '' for an extent of which nothing is known. */
  readonly shape?: readonly (number | string)[]
}

/** Elements of a constant above which shapes cannot depend on them. */
const smallConstant = 64

/**
 * Finds the types and shapes of all values of a model, by making every one an output and letting the runtime infer them.
 * Nothing is run, and the values of large constants are not handed over.
 *
 * @throws ERR_NOT_SUPPORTED where the runtime does not take the model
 */
export async function inferTypes(model: Model, ort?: Ort): Promise<ValueTypes> {
  const types = valueTypes(model.graph)
  const probe = clone(ModelProtoSchema, model) as Model
  const { graph } = probe
  const isLarge = (tensor: TensorProto): boolean =>
    dimsOf(tensor).reduce((size, extent) => size * extent, 1) > smallConstant
  const inputs = new Set(graph.input.map(({ name }) => name))
  for (const tensor of graph.initializer.filter(isLarge)) {
    if (inputs.has(tensor.name)) continue
    const dim = tensor.dims.map((value) => ({ value: { case: 'dimValue' as const, value } }))
    graph.input.push(
      create(ValueInfoProtoSchema, {
        name: tensor.name,
        type: { value: { case: 'tensorType', value: { elemType: tensor.dataType, shape: { dim } } } },
      }),
    )
  }
  graph.initializer = graph.initializer.filter((tensor) => !isLarge(tensor))
  const declared = new Set(graph.output.map(({ name }) => name))
  for (const name of graph.node.flatMap(({ output }) => output)) {
    if (name !== '' && !declared.has(name)) graph.output.push(create(ValueInfoProtoSchema, { name }))
  }
  const session = await createOrtSession(ort ?? (await defaultOrt()), writeModel(probe), 'the model', {
    graphOptimizationLevel: 'disabled',
    logSeverityLevel: 4,
  })
  try {
    const { outputMetadata = [] } = session as { outputMetadata?: readonly ValueMetadata[] }
    for (const { name, isTensor, type, shape } of outputMetadata) {
      if (!isTensor || type === undefined) continue
      types.add(name, {
        dataType: dataTypeOf(type) ?? dataType.undefined,
        shape: shape?.map((extent): Extent => (extent === '' ? undefined : extent)),
      })
    }
  } finally {
    await session.release()
  }
  return types
}
