import type { Optimizer, TypedArray } from '@induced-metric/core'
import { allocated, typeOf } from '@induced-metric/onnx/adapter'
import type { LoweredTrainingModel, NamedTensor, Ort, OrtTensor, OrtValues } from '@induced-metric/onnx'
import { createOrtTensor } from '../ort/ort.js'
import { dataType, elementTypeOf } from '@induced-metric/onnx/proto'

/** The runtime's tensors over a session's memory. It reads parameters from them and writes results into them. */
export interface SessionTensors {
  /** Every parameter, trainable and frozen, by name. */
  readonly parameters: () => OrtValues
  /** The gradients, by output of the training model. */
  readonly gradients: () => OrtValues
  /** Buffers of the same shapes, for gradients that are added to those. They are created on first use. */
  readonly addends: () => OrtValues
  /** Other outputs of known extents: the loss and new running statistics. */
  readonly others: OrtValues
  /** Releases the memory. */
  readonly release: () => void
}

/**
 * Creates tensors over the memory of an optimiser.
 *
 * @param frozen parameters that are not the optimiser's
 */
export function createSessionTensors(
  ort: Ort,
  lowered: LoweredTrainingModel,
  optimizer: Optimizer,
  frozen: readonly NamedTensor[],
): SessionTensors {
  const tensor = (type: number, data: NamedTensor['data'], dims: readonly number[]): OrtTensor =>
    createOrtTensor(ort, elementTypeOf(type).name, data, dims)
  let bound: { buffer: unknown; parameters: OrtValues; gradients: OrtValues } | undefined
  let addends: OrtValues | undefined

  /** Created once, and again only if the memory has grown (Muon, at its first step). */
  const bind = (): NonNullable<typeof bound> => {
    const buffer = optimizer.parameters[0]?.data.buffer
    if (bound && bound.buffer === buffer) return bound
    const parameters = Object.create(null) as Record<string, OrtTensor>
    const gradients = Object.create(null) as Record<string, OrtTensor>
    for (const { name, dataType: type, data, dims } of frozen) parameters[name] = tensor(type, data, dims)
    lowered.gradients.forEach(({ parameter, output, dataType: type, dims }, i) => {
      parameters[parameter] = tensor(type, optimizer.parameters[i]!.data, dims)
      gradients[output] = tensor(type, optimizer.gradients[i]!.data, dims)
    })
    return (bound = { buffer, parameters, gradients })
  }
  const others = Object.create(null) as Record<string, OrtTensor>
  const [lossName] = lowered.outputs
  const wanted = new Set([lossName, ...lowered.buffers.map(({ output }) => output)])
  for (const output of lowered.model.graph.output) {
    const { dataType: type, shape } = typeOf(output)
    const isReal = type === dataType.float || type === dataType.double
    if (!wanted.has(output.name) || !isReal || !shape?.every((extent) => typeof extent === 'number')) continue
    others[output.name] = tensor(type, zeros(type, shape), shape)
  }
  return {
    parameters: () => bind().parameters,
    gradients: () => bind().gradients,
    addends: () =>
      (addends ??= Object.fromEntries(
        lowered.gradients.map(({ output, dataType: type, dims }) => [
          output,
          tensor(type, zeros(type, dims), dims),
        ]),
      )),
    others,
    release: () => {
      bound = addends = undefined
    },
  }
}

function zeros(type: number, dims: readonly number[]): TypedArray {
  const size = dims.reduce((product, extent) => product * extent, 1)
  return allocated(`a value of [${dims.join(', ')}]`, () =>
    type === dataType.double ? new Float64Array(size) : new Float32Array(size),
  )
}
