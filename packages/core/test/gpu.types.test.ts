/// <reference types="@webgpu/types" />
import { expectTypeOf, it } from 'vitest'
import type { createGpuOptimizer, GpuBuffer, GpuDevice } from '@induced-metric/core'

// Compiled by `npm run check:types`: the core declares what it needs of WebGPU by shape.

it('takes the objects of WebGPU', () => {
  expectTypeOf((device: GPUDevice): GpuDevice => device).toBeFunction()
  expectTypeOf((buffer: GPUBuffer): GpuBuffer => buffer).toBeFunction()
  type Create = typeof createGpuOptimizer
  expectTypeOf((create: Create, device: GPUDevice, buffer: GPUBuffer, given: Parameters<Create>[0]) => {
    const optimizer = create(given, [{ name: 'w', shape: [2], buffer }], device)
    optimizer.step([buffer, null], { loss: buffer })
  }).toBeFunction()
})
