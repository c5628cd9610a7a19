import { clearField } from '@bufbuild/protobuf'
import { optionError, shapeError, show } from '@induced-metric/core/adapter'
import { elementTypeOf } from '../../proto/dataType.js'
import { TensorProtoSchema, type TensorProto } from '../../proto/onnx_pb.js'
import { createTensor, dimsOf } from '../../proto/tensor.js'
import type { NamedTensor } from '../../proto/tensorData.js'

/** The values of a parameter, and its extents if they are known. */
export type ParameterValue = Pick<NamedTensor, 'data'> & Partial<Pick<NamedTensor, 'dims'>>

/** Values by name: tensors as in a checkpoint, a map like a session's `parameters`, or the contents of a checkpoint. */
export type ParameterValues =
  | readonly (ParameterValue & Pick<NamedTensor, 'name'>)[]
  | ReadonlyMap<string, ParameterValue>
  | { readonly trainable: readonly NamedTensor[]; readonly frozen: readonly NamedTensor[] }

/**
 * Reads values by name in any of their forms.
 *
 * @param caller names the function in errors
 * @throws ERR_OPTION for anything else
 */
export function valuesByName(
  values: ParameterValues,
  caller: string,
): Iterable<readonly [string, ParameterValue]> {
  if (values instanceof Map) return values as ReadonlyMap<string, ParameterValue>
  const list: unknown =
    typeof values === 'object' && values !== null && 'trainable' in values
      ? [...values.trainable, ...values.frozen]
      : values
  if (!Array.isArray(list)) {
    throw optionError(
      `${caller} takes a session's parameters, the contents of a checkpoint, or a list of { name, data }, given ${show(values)}`,
    )
  }
  return (list as readonly NamedTensor[]).map((tensor) => [tensor.name, tensor] as const)
}

/**
 * Replaces the values of a tensor. The message gets bytes of its own.
 *
 * @param dims the extents of the new values, if they are known
 * @throws ERR_SHAPE for another size, other extents or another element type
 */
export function setValues(tensor: TensorProto, data: NamedTensor['data'], dims?: readonly number[]): void {
  const own = dimsOf(tensor)
  const size = own.reduce((product, extent) => product * extent, 1)
  const { array, name } = elementTypeOf(tensor.dataType)
  if (!ArrayBuffer.isView(data) || data.length !== size || !(data instanceof array)) {
    const given = ArrayBuffer.isView(data) ? `${data.length} in a ${data.constructor.name}` : typeof data
    throw shapeError(`${JSON.stringify(tensor.name)} has ${size} elements of ${name}, given ${given}`)
  }
  if (dims !== undefined && String(dims) !== String(own)) {
    throw shapeError(
      `${JSON.stringify(tensor.name)} is [${own.join(', ')}] in the model, given [${dims.join(', ')}]`,
    )
  }
  const { rawData } = createTensor('', [], tensor.dataType, data)
  Object.assign(tensor, { rawData, externalData: [], floatData: [], doubleData: [] })
  clearField(tensor, TensorProtoSchema.field.dataLocation)
}
