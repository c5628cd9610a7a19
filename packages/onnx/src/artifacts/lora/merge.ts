import { clone } from '@bufbuild/protobuf'
import { optionError, shapeError, unsupported } from '@induced-metric/core/adapter'
import { dataType } from '../../proto/dataType.js'
import { dropUnused, freshNames, namesIn } from '../../proto/graph.js'
import { toHalf } from '../../proto/half.js'
import { checkModel, readModel, type Model } from '../../proto/model.js'
import { ModelProtoSchema, type GraphProto, type TensorProto } from '../../proto/onnx_pb.js'
import { readTensor } from '../../proto/tensor.js'
import type { NamedTensor } from '../../proto/tensorData.js'
import { setValues, type ParameterValues } from '../forward/values.js'
import { withParameters } from '../forward/withParameters.js'
import {
  adaptersOf,
  extentsOf,
  factorNames,
  factorShapes,
  factorsOf,
  partOf,
  setAdapters,
  type Adapter,
} from './adapter.js'
import { dequantized, isQuantized, numbersOf, putInPlace } from './dequantize.js'
import { loraUses } from './uses.js'

/** Values by name: tensors as in a checkpoint, a map like a session's `parameters`, or the contents of a checkpoint. */
export type MergedValues = ParameterValues

/** Options of {@link mergeLora}. */
export interface MergeOptions {
  /**
   * Whether quantised weights that have an adapter become weights of float. By default they are refused, because rounding
   * would lose the change.
   */
  readonly dequantize?: boolean
}

/**
 * Folds the adapters of a model into its weights: W becomes W + (alpha/rank)·B·A, summed in double precision. The
 * nodes that `addLora` added go. A weight of float16 is rounded to float16 again.
 *
 * @param adapted the `model` that `addLora` returned, or the content of its file; it is not changed
 * @param parameters values that replace the model's own: a checkpoint's `trainable`, or a session's `parameters`
 * @returns the model before `addLora`, with new weights
 * @throws ERR_OPTION for a model without adapters, or parameters that it does not have; ERR_SHAPE for values of
 *   another size or type than the model's; ERR_NOT_SUPPORTED for weights in another file, and for quantised ones without
 *   `dequantize`
 */
export function mergeLora(
  adapted: Model | Uint8Array,
  parameters: MergedValues = [],
  { dequantize = false }: MergeOptions = {},
): Model {
  const original = adapted instanceof Uint8Array ? readModel(adapted) : checkModel(adapted, 'the model')
  const adapters = adaptersOf(original)
  if (adapters.size === 0) {
    throw optionError('the model has no adapters; give one that addLora returned')
  }
  const model = clone(ModelProtoSchema, withParameters(original, parameters)) as Model
  const { graph } = model
  const initializers = new Map(graph.initializer.map((tensor) => [tensor.name, tensor]))
  for (const [weight, adapter] of adapters) {
    const tensor = initializers.get(weight)
    const factors = factorsOf(weight, adapter).map(({ a, b, third }) => ({
      a: valuesOf(initializers.get(a), a),
      b: valuesOf(initializers.get(b), b),
      third,
    }))
    removeNodes(graph, weight)
    const names = new Set(factorNames(weight, adapter))
    graph.initializer = graph.initializer.filter(({ name }) => !names.has(name))
    const change = (dims: readonly number[], values: Float64Array): void => {
      for (const pair of factors) fold(weight, { dims, values }, pair, adapter)
    }
    if (tensor !== undefined && isQuantized(tensor)) {
      if (!dequantize) {
        throw unsupported(
          `${JSON.stringify(weight)} is quantised, and rounding would lose its change: run the model with its adapters, as it ` +
            'is, or store the merged weight as float with dequantize: true',
        )
      }
      replaceQuantized(graph, tensor, change)
    } else {
      const { dims } = valuesOf(tensor, weight)
      const values = numbersOf(tensor!)
      change(dims, values)
      setValues(tensor!, ofType(tensor!.dataType, values))
    }
  }
  setAdapters(model, new Map())
  return model
}

/** Whether a model has adapters beside quantised weights, which {@link mergeLora} refuses without `dequantize`. */
export function adaptsQuantized(model: Model): boolean {
  const adapted = adaptersOf(model)
  return model.graph.initializer.some((tensor) => adapted.has(tensor.name) && isQuantized(tensor))
}

/** Puts weights of float, with their change, in the place of a quantised one. */
function replaceQuantized(
  graph: GraphProto,
  weight: TensorProto,
  change: (dims: readonly number[], values: Float64Array) => void,
): void {
  const { uses } = loraUses(graph)(weight.name)
  const fresh = freshNames(namesIn(graph))
  const producer = graph.node.find(
    ({ opType, input }) => opType === 'DequantizeLinear' && input[0] === weight.name,
  )
  // One dequantisation serves all uses; otherwise each has a scale of its own.
  for (const use of producer ? uses.slice(0, 1) : uses) {
    if (use.narrow) {
      throw unsupported(
        `${JSON.stringify(weight.name)} is quantised from float16, and is not merged: run the model with its adapter`,
      )
    }
    const real = dequantized(graph, weight, use, producer)
    change(real.dims, real.values)
    putInPlace(graph, use, producer, real, fresh(`${weight.name}.merged`))
  }
  dropUnused(graph)
}

/** Numbers as the elements of a tensor. */
function ofType(type: number, values: Float64Array): NamedTensor['data'] {
  if (type === dataType.double) return values
  return type === dataType.float16 ? Uint16Array.from(values, toHalf) : Float32Array.from(values)
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

/** Adds scale·b·a to a weight or to a third of its outputs; to its transpose if the weight is stored transposed. */
function fold(
  weight: string,
  { dims, values }: { readonly dims: readonly number[]; readonly values: Float64Array },
  { a, b, third }: { readonly a: NamedTensor; readonly b: NamedTensor; readonly third: number },
  adapter: Adapter,
): void {
  const rank = a.dims[0] ?? 0
  const shapes = factorShapes(dims, adapter, rank)
  if (String([a.dims, b.dims]) !== String([shapes.a, shapes.b])) {
    throw shapeError(
      `${weight} is [${dims.join(', ')}], and the factors of its change are [${a.dims.join(', ')}] and [${b.dims.join(', ')}]`,
    )
  }
  const { outputs, inputs } = extentsOf(dims, adapter.stored)
  const changed = shapes.b[0]
  const [down, up] = [a.data as Float64Array, b.data as Float64Array]
  const [outputStride, inputStride] = adapter.stored === 'outputsFirst' ? [inputs, 1] : [1, outputs]
  for (let row = 0; row < changed; row++) {
    const output = third * changed + row
    for (let input = 0; input < inputs; input++) {
      let sum = 0
      for (let r = 0; r < rank; r++) sum += up[row * rank + r]! * down[r * inputs + input]!
      values[output * outputStride + input * inputStride]! += adapter.scale * sum
    }
  }
}

/** Removes the nodes of an adapter, and gives the values beside them their names back. */
function removeNodes(graph: GraphProto, weight: string): void {
  const start = partOf(weight, '')
  // A changed result takes the name of the result; a changed weight has a name of its own.
  const results = new Map<string, string>()
  const weights = new Map<string, string>()
  for (const { name, opType, input, output } of graph.node) {
    if (!name.startsWith(start) || opType !== 'Add') continue
    if (output[0]!.startsWith(start)) weights.set(output[0]!, input[0]!)
    else results.set(input[0]!, output[0]!)
  }
  graph.node = graph.node.filter(({ name }) => !name.startsWith(start))
  for (const node of graph.node) {
    node.output = node.output.map((name) => results.get(name) ?? name)
    node.input = node.input.map((name) => weights.get(name) ?? name)
  }
}
