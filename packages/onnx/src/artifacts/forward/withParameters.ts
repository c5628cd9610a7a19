import { nearestNames, optionError } from '@induced-metric/core/adapter'
import { attributeOf } from '../../proto/attribute.js'
import { canonicalDomain, checkModel, readModel, type Model } from '../../proto/model.js'
import type { NodeProto, TensorProto } from '../../proto/onnx_pb.js'
import { withFields } from '../../rewrite/declare.js'
import { setValues, valuesByName, type ParameterValues } from './values.js'

/** The number of names that an error lists. */
const listed = 6

/**
 * Puts trained parameters back into the forward model that artifacts were generated from: into its initializers, and
 * into its `Constant` nodes where `promoteConstants` made parameters of them. Everything else stays as it was, names
 * included.
 *
 * @param forward a model, or the content of its file; it is not changed
 * @param parameters a session's `parameters`, a checkpoint's contents, or a list of tensors
 * @returns a model with the new values. Tensors that keep their values share them with the given model
 * @throws ERR_OPTION for a parameter that the model does not have, such as an adapter's factor, for which there is
 *   `mergeLora`, or running statistics that the generator has split from a merged constant, for which there is
 *   `exportModelForInference`; ERR_SHAPE for values of other extents or another type than the model's
 *
 * @example
 * ```ts
 * import { withParameters } from '@induced-metric/onnxruntime/artifacts'
 * import { mlp } from '@induced-metric/onnxruntime/models'
 *
 * const forward = mlp({ sizes: [2, 1] })
 * const trained = [{ name: 'layers.0.bias', dims: [1], data: Float32Array.of(0.5) }]
 * console.log(withParameters(forward, trained).graph.initializer.length) // 2
 * ```
 */
export function withParameters(forward: Model | Uint8Array, parameters: ParameterValues): Model {
  const given = forward instanceof Uint8Array ? readModel(forward) : checkModel(forward)
  const graph = withFields(given.graph, {
    initializer: given.graph.initializer.map((tensor) => withFields(tensor, {})),
    node: [...given.graph.node],
  })
  const tensors = new Map(graph.initializer.map((tensor) => [tensor.name, tensor]))
  const nodes = new Map(
    graph.node.flatMap((node, index) => (isConstant(node) ? [[node.output[0]!, index] as const] : [])),
  )
  for (const [name, { data, dims }] of valuesByName(parameters, 'withParameters')) {
    const index = nodes.get(name)
    const tensor = tensors.get(name) ?? (index === undefined ? undefined : ownTensor(graph.node, index))
    if (!tensor) throw unknown(name, [...tensors.keys(), ...nodes.keys()])
    setValues(tensor, data, dims)
  }
  return withFields(given, { graph })
}

function isConstant(node: NodeProto): boolean {
  return node.opType === 'Constant' && canonicalDomain(node.domain) === '' && !!attributeOf(node, 'value')?.t
}

/** Replaces a node by a copy with a tensor of its own. */
function ownTensor(nodes: NodeProto[], index: number): TensorProto {
  const node = nodes[index]!
  const attribute = attributeOf(node, 'value')!
  const tensor = withFields(attribute.t!, {})
  nodes[index] = withFields(node, { attribute: [withFields(attribute, { t: tensor })] })
  return tensor
}

function unknown(name: string, names: readonly string[]): Error {
  const near = nearestNames(name, names, listed)
  return optionError(
    `withParameters: the model has no initializer ${JSON.stringify(name)}; ${near.length === 0 ? 'it has none' : `the nearest are ${near.join(', ')}`}. ` +
      'Give the model that the artifacts were generated from; adapters are folded in by mergeLora, and running statistics ' +
      'that the generator has added are in the model that exportModelForInference gives',
  )
}
