import { clone } from '@bufbuild/protobuf'
import { optionError, shapeError, unsupported } from '@induced-metric/core/adapter'
import { checkModel, readModel, type Model } from '../../proto/model.js'
import { ModelProtoSchema, type GraphProto, type TensorProto } from '../../proto/onnx_pb.js'
import { readTensor } from '../../proto/tensor.js'
import type { NamedTensor } from '../../proto/tensorData.js'
import { setValues, valuesByName, type ParameterValues } from '../forward/values.js'
import { adaptersOf, factorsOf, factorShapes, partOf, setAdapters, type Adapter } from './adapter.js'

/** Values by name: tensors as in a checkpoint, a map like a session's `parameters`, or the contents of a checkpoint. */
export type MergedValues = ParameterValues

/**
 * Folds the adapters of a model into its weights: W becomes W + (alpha/rank)·B·A, summed in double precision. The
 * nodes that `addLora` added go.
 *
 * @param adapted the `model` that `addLora` returned, or the content of its file; it is not changed
 * @param parameters values that replace the model's own: a checkpoint's `trainable`, or a session's `parameters`
 * @returns the model before `addLora`, with new weights
 * @throws ERR_OPTION for a model without adapters, or parameters that it does not have; ERR_SHAPE for values of
 *   another size or type than the model's; ERR_NOT_SUPPORTED for weights in another file
 */
export function mergeLora(adapted: Model | Uint8Array, parameters: MergedValues = []): Model {
  const original = adapted instanceof Uint8Array ? readModel(adapted) : checkModel(adapted, 'the model')
  const adapters = adaptersOf(original)
  if (adapters.size === 0) {
    throw optionError('the model has no adapters; give one that addLora returned')
  }
  const model = clone(ModelProtoSchema, original) as Model
  const { graph } = model
  const initializers = new Map(graph.initializer.map((tensor) => [tensor.name, tensor]))
  for (const [name, { data }] of valuesByName(parameters, 'mergeLora')) {
    const tensor = initializers.get(name)
    if (!tensor) {
      throw optionError(`the model has no initializer ${JSON.stringify(name)}`)
    }
    setValues(tensor, data)
  }
  for (const [weight, adapter] of adapters) {
    const { a, b } = factorsOf(weight)
    const [w, down, up] = [weight, a, b].map((name) => valuesOf(initializers.get(name), name))
    fold(w!, down!, up!, adapter)
    setValues(initializers.get(weight)!, w!.data)
    removeNodes(graph, weight)
    graph.initializer = graph.initializer.filter(({ name }) => name !== a && name !== b)
  }
  setAdapters(model, new Map())
  return model
}

function valuesOf(tensor: TensorProto | undefined, name: string): NamedTensor {
  if (!tensor) {
    throw optionError(
      `the model has no initializer ${JSON.stringify(name)}; give the model that addLora returned, not one whose ` +
        'parameters have become inputs',
    )
  }
  if (tensor.dataLocation === 1) {
    throw unsupported(
      `the values of ${JSON.stringify(name)} are in another file; read them into the model first`,
    )
  }
  return readTensor(tensor)
}

/** Adds scale·b·a to a weight, or its transpose if the weight is stored transposed. */
function fold(weight: NamedTensor, a: NamedTensor, b: NamedTensor, { scale, stored }: Adapter): void {
  const rank = a.dims[0] ?? 0
  const shapes = factorShapes(weight.dims, stored, rank)
  if (String([a.dims, b.dims]) !== String([shapes.a, shapes.b])) {
    throw shapeError(
      `${weight.name} is [${weight.dims.join(', ')}], and the factors of its change are [${a.dims.join(', ')}] and ` +
        `[${b.dims.join(', ')}]`,
    )
  }
  const [outputs, inputs] = [shapes.b[0], shapes.a[1]]
  const values = weight.data as Float64Array
  const [down, up] = [a.data as Float64Array, b.data as Float64Array]
  const [outputStride, inputStride] = stored === 'outputsFirst' ? [inputs, 1] : [1, outputs]
  for (let output = 0; output < outputs; output++) {
    for (let input = 0; input < inputs; input++) {
      let sum = 0
      for (let r = 0; r < rank; r++) sum += up[output * rank + r]! * down[r * inputs + input]!
      values[output * outputStride + input * inputStride]! += scale * sum
    }
  }
}

/** Removes the nodes of an adapter, and gives the values beside them their names back. */
function removeNodes(graph: GraphProto, weight: string): void {
  const start = partOf(weight, '')
  const restored = new Map<string, string>()
  for (const { name, opType, input, output } of graph.node) {
    if (name.startsWith(start) && opType === 'Add') restored.set(input[0]!, output[0]!)
  }
  graph.node = graph.node.filter(({ name }) => !name.startsWith(start))
  for (const node of graph.node) node.output = node.output.map((name) => restored.get(name) ?? name)
}
