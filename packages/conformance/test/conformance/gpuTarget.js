/** The core's optimiser over buffers of a WebGPU device, for a page. */
import * as core from '@induced-metric/core'
import { allCapabilities } from '@induced-metric/conformance'

const usage = { mapRead: 1, copySource: 4, copyTarget: 8, storage: 128 }

/**
 * @param {import('@induced-metric/core').GpuDevice} device
 * @returns {import('@induced-metric/conformance').ConformanceTarget}
 */
export function gpuTarget(device) {
  const buffers = countBuffers(device)
  return {
    manifest: {
      name: '@induced-metric/core',
      version: '0.1.0',
      backend: 'webgpu',
      dtypes: ['float32'],
      arithmetic: { float32: { elementwise: 'float32', sums: 'float32' } },
      capabilities: allCapabilities,
    },
    core,
    living: () => buffers.size,
    create(transformation, parameters) {
      const upload = (/** @type {import('@induced-metric/conformance').TypedArray} */ data) => {
        if (!(data instanceof Float32Array)) {
          const message = 'a WebGPU device has no double precision'
          throw new core.InducedMetricError('ERR_NOT_SUPPORTED', message)
        }
        const size = Math.max(data.byteLength, 4)
        const buffer = device.createBuffer({
          size,
          usage: usage.storage | usage.copySource | usage.copyTarget,
        })
        device.queue.writeBuffer(buffer, 0, Float32Array.from(data))
        return buffer
      }
      const given = parameters.map(({ data, ...info }) => ({ ...info, buffer: upload(data) }))
      const optimizer = core.createGpuOptimizer(transformation, given, device)
      const read = () =>
        Promise.all(
          given.map(({ buffer }, index) => download(device, buffer, parameters[index]?.data.length ?? 0)),
        )
      return {
        async step(gradients, options) {
          gradients.forEach((gradient, index) => checkLength(gradient, parameters[index]))
          const buffers = gradients.map((gradient) => gradient && upload(gradient))
          try {
            optimizer.step(buffers, options)
            return await optimizer.report()
          } finally {
            for (const buffer of buffers) buffer?.destroy()
          }
        },
        read,
        async slots() {
          const { parameters: saved } = await optimizer.save()
          return Object.fromEntries(saved.map(({ name, slots }) => [name, slots]))
        },
        learningRate: () => optimizer.learningRate,
        setLearningRate: (rate) => void (optimizer.learningRate = rate),
        evaluationWeights: () => optimizer.withEvaluationWeights(read),
        save: async () => core.encodeCheckpoint(await optimizer.save()),
        load: (bytes) => optimizer.load(core.decodeCheckpoint(bytes)),
        reset: () => optimizer.reset(),
        dispose() {
          optimizer.dispose()
          for (const { buffer } of given) buffer.destroy()
        },
      }
    },
  }
}

/**
 * A buffer may be larger than its values; an array may not.
 *
 * @param {import('@induced-metric/conformance').TypedArray | null} gradient
 * @param {import('@induced-metric/conformance').TargetParameter | undefined} parameter
 */
function checkLength(gradient, parameter) {
  if (gradient === null || parameter === undefined || gradient.length === parameter.data.length) return
  const message = `${parameter.name} has ${parameter.data.length} elements, its gradient ${gradient.length}`
  throw new core.InducedMetricError('ERR_SHAPE', message)
}

/**
 * Keeps the buffers of a device that live.
 *
 * @param {import('@induced-metric/core').GpuDevice} device
 */
function countBuffers(device) {
  /** @type {Set<import('@induced-metric/core').GpuBuffer>} */
  const living = new Set()
  const create = device.createBuffer.bind(device)
  device.createBuffer = (descriptor) => {
    const buffer = create(descriptor)
    living.add(buffer)
    const destroy = buffer.destroy.bind(buffer)
    buffer.destroy = () => {
      living.delete(buffer)
      destroy()
    }
    return buffer
  }
  return living
}

/**
 * @param {import('@induced-metric/core').GpuDevice} device
 * @param {import('@induced-metric/core').GpuBuffer} buffer
 * @param {number} length
 */
async function download(device, buffer, length) {
  const size = 4 * length
  if (size === 0) return new Float32Array(0)
  const staging = device.createBuffer({ size, usage: usage.mapRead | usage.copyTarget })
  const encoder = device.createCommandEncoder()
  encoder.copyBufferToBuffer(buffer, 0, staging, 0, size)
  device.queue.submit([encoder.finish()])
  await staging.mapAsync(1)
  const copy = new Float32Array(staging.getMappedRange().slice(0))
  staging.destroy()
  return copy
}
