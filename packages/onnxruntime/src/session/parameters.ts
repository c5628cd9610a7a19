import type { InducedMetricError, Parameter, TypedArray } from '@induced-metric/core'
import { checkpointError, shapeError, sizeOf, unsupported } from '@induced-metric/core/adapter'
import type { CheckpointState, LoweredTrainingModel, NamedTensor } from '@induced-metric/onnx'
import { matrixRows, typeOf } from '@induced-metric/onnx/adapter'
import { dataType, elementTypeOf, type Model } from '@induced-metric/onnx/proto'

/** Parameters and their gradients are stored in a memory of at most 4 GiB. */
const largestMemory = 2 ** 31

/** The properties of a parameter that its group depends on. */
export interface ParameterDescription {
  readonly name: string
  readonly dims: readonly number[]
}

/** The parameters of a training model with the values of a checkpoint. */
export interface SessionParameters {
  /** Those with gradients, in the order of the model's inputs. */
  readonly trainable: readonly Parameter[]
  /** Those without: frozen ones, and those that only the eval model uses. */
  readonly frozen: readonly NamedTensor[]
}

/**
 * Finds the values of a model's parameters.
 *
 * @param state the checkpoint. Without it every parameter with a gradient starts from zero
 * @throws ERR_CHECKPOINT if it lacks a parameter or has another shape or type for it; ERR_SHAPE for values that do not fill their
 *   shape; ERR_NOT_SUPPORTED for trainable parameters that are neither float nor double
 */
export function matchParameters(
  lowered: LoweredTrainingModel,
  models: readonly Model[],
  state: CheckpointState | undefined,
  groupOf: ((parameter: ParameterDescription) => string | undefined) | undefined,
): SessionParameters {
  const bytes = lowered.gradients.reduce((total, { dims, dataType: type }) => {
    return total + sizeOf(dims) * (type === dataType.double ? 8 : 4)
  }, 0)
  if (bytes > largestMemory) {
    throw unsupported(
      `the model has parameters of ${Math.ceil(bytes / 2 ** 20)} MiB to train: they and their gradients have to fit into ` +
        'the 4096 MiB of a WebAssembly memory',
    )
  }
  const saved = new Map(
    [...(state?.trainable ?? []), ...(state?.frozen ?? [])].map((tensor) => [tensor.name, tensor]),
  )
  for (const tensor of saved.values()) checkFilled(tensor)
  const trained = new Set(lowered.gradients.map(({ parameter }) => parameter))
  const trainable = lowered.gradients.map(({ parameter: name, dataType: type, dims }): Parameter => {
    if (type !== dataType.float && type !== dataType.double) {
      throw unsupported(
        `parameter ${JSON.stringify(name)} is of ${elementTypeOf(type).name}: parameters to train must be float32 or float64`,
      )
    }
    const group = groupOf?.({ name, dims })
    const data = state ? find(saved, name, type, dims) : zeros(type, sizeOf(dims))
    const rowsAre = dims.length === 2 ? matrixRows(lowered.model.graph.node, name) : undefined
    return { name, shape: dims, data, ...(group !== undefined && { group }), ...(rowsAre && { rowsAre }) }
  })
  const inputs = new Map(
    models.flatMap(({ graph }) => graph.input.map((input) => [input.name, input] as const)),
  )
  const frozen = [...saved.values()].filter(({ name }) => !trained.has(name))
  for (const tensor of frozen) {
    const input = inputs.get(tensor.name)
    const { dataType: type, shape } = input ? typeOf(input) : {}
    const fits =
      (type === undefined || type === tensor.dataType) &&
      (shape === undefined ||
        (shape.length === tensor.dims.length &&
          shape.every((extent, axis) => typeof extent !== 'number' || extent === tensor.dims[axis])))
    if (!fits) throw misfit(tensor, type ?? tensor.dataType, shape ?? [])
  }
  return { trainable, frozen }
}

/** A checkpoint that is read from bytes is filled; one that a caller puts together may not be. */
function checkFilled({ name, dims, data }: NamedTensor): void {
  const size = sizeOf(dims)
  if (data.length === size) return
  throw shapeError(
    `parameter ${JSON.stringify(name)}: shape [${dims.join(', ')}] has ${size} elements, the checkpoint has ${data.length}`,
  )
}

function find(
  saved: ReadonlyMap<string, NamedTensor>,
  name: string,
  type: number,
  dims: readonly number[],
): TypedArray {
  const tensor = saved.get(name)
  if (tensor === undefined) {
    throw checkpointError(
      `the checkpoint has no values for parameter ${JSON.stringify(name)} of the training model; it has ` +
        ([...saved.keys()].join(', ') || 'none at all'),
    )
  }
  if (tensor.dataType !== type || tensor.dims.join() !== dims.join()) throw misfit(tensor, type, dims)
  return tensor.data as TypedArray
}

function misfit(
  tensor: NamedTensor,
  type: number,
  shape: readonly (number | string | undefined)[],
): InducedMetricError {
  return checkpointError(
    `parameter ${JSON.stringify(tensor.name)} is ${elementTypeOf(type).name} [${shape.map((x) => x ?? '?').join(', ')}] in the ` +
      `model, in the checkpoint ${elementTypeOf(tensor.dataType).name} [${tensor.dims.join(', ')}]`,
  )
}

function zeros(type: number, size: number): TypedArray {
  return type === dataType.double ? new Float64Array(size) : new Float32Array(size)
}
