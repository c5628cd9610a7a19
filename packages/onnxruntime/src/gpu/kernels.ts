import type { GpuBuffer, GpuDevice } from '@induced-metric/core'
import { bufferUsage, type GpuPipeline } from '@induced-metric/core/adapter'
import type { DropoutMask } from '@induced-metric/onnx/adapter'
import type { SessionBuffers } from './device.js'

const groupSize = 64
const mostGroups = 1024

/** sum += addend, whole buffers of equal size. */
const addition = `
@group(0) @binding(0) var<storage, read_write> sum: array<f32>;
@group(0) @binding(1) var<storage, read> addend: array<f32>;
@compute @workgroup_size(${groupSize})
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  for (var i = id.x; i < arrayLength(&sum); i += ${groupSize}u * groups.x) { sum[i] += addend[i]; }
}`

/**
 * Each element of a mask is kept where a hash of its index, the step and the seed is not below the threshold. The hash is PCG:
 * Jarzynski and Olano, "Hash Functions for GPU Rendering", 2020.
 */
const drawing = `
struct Draw { seed: u32, step: u32, threshold: u32, kept: f32 }
@group(0) @binding(0) var<storage, read_write> mask: array<f32>;
@group(0) @binding(1) var<uniform> draw: Draw;
fn pcg(value: u32) -> u32 {
  let state = value * 747796405u + 2891336453u;
  let word = ((state >> ((state >> 28u) + 4u)) ^ state) * 277803737u;
  return (word >> 22u) ^ word;
}
@compute @workgroup_size(${groupSize})
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let start = pcg(draw.seed + pcg(draw.step));
  for (var i = id.x; i < arrayLength(&mask); i += ${groupSize}u * groups.x) {
    mask[i] = select(0.0, draw.kept, pcg(start + pcg(i)) >= draw.threshold);
  }
}`

const pipelines = new WeakMap<GpuDevice, Map<string, GpuPipeline>>()

function pipelineOf(device: GpuDevice, code: string): GpuPipeline {
  let own = pipelines.get(device)
  if (!own) pipelines.set(device, (own = new Map<string, GpuPipeline>()))
  let found = own.get(code)
  if (!found) {
    const compute = { module: device.createShaderModule({ code }), entryPoint: 'main' }
    own.set(code, (found = device.createComputePipeline({ layout: 'auto', compute })))
  }
  return found
}

/** A kernel over one list of buffers after another, of which the first is written. */
function dispatch(device: GpuDevice, code: string, lists: readonly (readonly GpuBuffer[])[]): void {
  const pipeline = pipelineOf(device, code)
  const encoder = device.createCommandEncoder()
  const pass = encoder.beginComputePass()
  pass.setPipeline(pipeline)
  for (const buffers of lists) {
    const entries = buffers.map((buffer, binding) => ({ binding, resource: { buffer } }))
    pass.setBindGroup(0, device.createBindGroup({ layout: pipeline.getBindGroupLayout(0), entries }))
    pass.dispatchWorkgroups(Math.min(mostGroups, Math.ceil(buffers[0]!.size / 4 / groupSize)))
  }
  pass.end()
  device.queue.submit([encoder.finish()])
}

/** Submits sum += addend for pairs of buffers of equal sizes. */
export function addBuffers(
  device: GpuDevice,
  pairs: readonly (readonly [sum: GpuBuffer, addend: GpuBuffer])[],
): void {
  if (pairs.length > 0) dispatch(device, addition, pairs)
}

/** Submits copies of whole buffers. */
export function copyBuffers(
  device: GpuDevice,
  pairs: readonly (readonly [to: GpuBuffer, from: GpuBuffer])[],
): void {
  if (pairs.length === 0) return
  const encoder = device.createCommandEncoder()
  for (const [to, from] of pairs) encoder.copyBufferToBuffer(from, 0, to, 0, Math.min(to.size, from.size))
  device.queue.submit([encoder.finish()])
}

/** Draws the masks of dropouts afresh. */
export class MaskDrawer {
  readonly #device: GpuDevice
  readonly #buffers: SessionBuffers
  readonly #seed: number
  readonly #draws = new Map<GpuBuffer, GpuBuffer>()

  constructor(device: GpuDevice, buffers: SessionBuffers, seed: number) {
    this.#device = device
    this.#buffers = buffers
    this.#seed = seed
  }

  /** Submits masks for a train step, counted from 0. */
  draw(masks: readonly { readonly mask: DropoutMask; readonly buffer: GpuBuffer }[], step: number): void {
    if (masks.length === 0) return
    const pairs = masks.map(({ mask, buffer }, index): readonly GpuBuffer[] => {
      let draw = this.#draws.get(buffer)
      if (!draw) {
        draw = this.#buffers.create(16, bufferUsage.uniform | bufferUsage.copyTarget)
        this.#draws.set(buffer, draw)
      }
      const words = new Uint32Array(4)
      // Masks of one step differ, also where the model gives their nodes one seed.
      words.set([
        (mask.seed ?? this.#seed) + 0x9e3779b9 * index,
        step,
        Math.min(2 ** 32 - 1, mask.ratio * 2 ** 32),
      ])
      new Float32Array(words.buffer)[3] = mask.ratio < 1 ? 1 / (1 - mask.ratio) : 0
      this.#device.queue.writeBuffer(draw, 0, words)
      return [buffer, draw]
    })
    dispatch(this.#device, drawing, pairs)
  }
}
