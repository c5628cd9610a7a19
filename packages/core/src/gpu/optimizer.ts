import { GpuStep } from '../engines/webgpu/step.js'
import type { GpuDevice } from '../engines/webgpu/device.js'
import type { HalfCopy } from '../engines/webgpu/halfCopies.js'
import { planStep } from '../step/plan.js'
import { checkHostWork } from '../tensors/hostWork.js'
import { checkTransformation } from '../transformation/transformation.js'
import type { ParameterInfo, Transformation } from '../transformation/types.js'
import { checkBuffers, checkDevice, checkList } from './checks.js'
import { DeviceOptimizer } from './deviceOptimizer.js'
import type { GpuOptimizer, GpuParameter } from './types.js'

/**
 * Creates an optimiser for training on WebGPU that is written by hand: parameters and gradients are buffers, and stay on the
 * device. Slots are buffers of its own, in single precision.
 *
 * @param transformation as `inducedMetric` returns it
 * @param parameters names, shapes, and buffers with row-major values in single precision
 * @param device the `GPUDevice` of the buffers. A device with a larger limit `maxStorageBuffersPerShaderStage` takes more
 *   parameters in one dispatch
 * @throws ERR_OPTION for an invalid option, a name used twice or a buffer without `STORAGE` in its usage; ERR_SHAPE when buffer and
 *   shape disagree, or two parameters share a buffer; ERR_NOT_SUPPORTED for a base that draws normal numbers, for one that needs
 *   the eigenvectors or the orthogonal factor of a matrix with more than 1024 rows (`shampoo`, `soap`), and when a parameter is
 *   too large for the device's limits
 *
 * @example
 * ```ts no-run
 * import { adam, createGpuOptimizer, inducedMetric, type GpuBuffer, type GpuDevice } from '@induced-metric/core'
 *
 * declare const device: GpuDevice // await (await navigator.gpu.requestAdapter()).requestDevice()
 * declare const [weights, gradient]: [GpuBuffer, GpuBuffer] // of 10 × 3 numbers
 *
 * const transformation = inducedMetric(adam(), { learningRate: 0.01 })
 * const optimizer = createGpuOptimizer(transformation, [{ name: 'w', shape: [10, 3], buffer: weights }], device)
 * for (let i = 0; i < 100; i++) {
 *   // submit what computes the gradient, then:
 *   optimizer.step([gradient])
 * }
 * console.log((await optimizer.report()).scale)
 * ```
 */
export function createGpuOptimizer(
  transformation: Transformation,
  parameters: readonly GpuParameter[],
  device: GpuDevice,
): GpuOptimizer {
  checkTransformation(transformation)
  checkList(parameters)
  checkDevice(device)
  const plan = planStep(transformation, parameters.map(infoOf))
  checkHostWork(plan, [...plan.parameters.keys()], { computesMatrices: true, drawsNormals: false })
  checkBuffers(plan, parameters)
  const buffers = parameters.map(({ buffer }, index) =>
    plan.parameters[index]!.size === 0 ? undefined : buffer,
  )
  const copies = parameters.flatMap(({ buffer, half }, index): HalfCopy[] => {
    const { size } = plan.parameters[index]!
    return half === undefined || size === 0 ? [] : [{ full: buffer, half, size }]
  })
  return new DeviceOptimizer(plan, device, buffers, copies, new GpuStep(device, plan))
}

/** A parameter without its buffer, so that a plan does not keep that alive. */
function infoOf(parameter: ParameterInfo): ParameterInfo {
  // The plan rejects a value that is not an object.
  if (typeof parameter !== 'object' || parameter === null) return parameter
  const { name, shape, group, rowsAre } = parameter
  return { name, shape, ...(group !== undefined && { group }), ...(rowsAre !== undefined && { rowsAre }) }
}
