import type { Module } from './codegen/moduleText.js'
import type { GpuDevice, GpuPipeline } from './device.js'

const pipelines = new WeakMap<GpuDevice, Map<string, GpuPipeline>>()

/** The pipeline of a module, which optimisers of one device share. */
export function pipelineOf(device: GpuDevice, { code }: Pick<Module, 'code'>): GpuPipeline {
  const known = pipelines.get(device) ?? new Map<string, GpuPipeline>()
  pipelines.set(device, known)
  let pipeline = known.get(code)
  if (!pipeline) {
    const module = device.createShaderModule({ code })
    pipeline = device.createComputePipeline({ layout: 'auto', compute: { module, entryPoint: 'main' } })
    known.set(code, pipeline)
  }
  return pipeline
}
