import { show, unsupported } from '../../errors.js'
import type { StepPlan } from '../../step/plan.js'
import type { Batch } from './batches.js'
import { axesOf, groupsOf, type Ticks } from './codegen/form.js'
import { kernelText } from './codegen/kernelText.js'
import { mostRows } from './codegen/matrixFunctions.js'
import { kernelModule, type Binding, type Module } from './codegen/moduleText.js'
import type { Kernel, MatrixKernel } from './codegen/schedule.js'
import type { GpuBuffer, GpuDevice, GpuPass, GpuPipeline } from './device.js'
import { pipelineOf } from './pipelines.js'

/** One dispatch of a kernel, over some parameters of a batch. */
export interface Dispatch {
  readonly tick: number
  /** Indices of the parameters. */
  readonly members: readonly number[]
  encode(pass: GpuPass, tensors: StepTensors): void
}

/** The buffers of a step, by parameter. */
export interface StepTensors {
  /** Read and written; `undefined` for a parameter without elements, and for one without a gradient in this step. */
  readonly parameters: readonly (GpuBuffer | undefined)[]
  readonly gradients: readonly (GpuBuffer | null)[]
}

/** The buffers that a dispatch binds at every step. */
export interface Buffers {
  /** It is another one when it has grown. */
  state(): GpuBuffer
  /** The buffer of the words of some members of a batch. */
  words(batch: Batch, first: number, count: number): GpuBuffer
  /** A buffer without a use, by the place of a tensor in a dispatch. */
  nothing(tensor: number): GpuBuffer
}

/** The bindings that a kernel needs for each tensor. */
function bindingsPerTensor(body: string): number {
  const uses = (pattern: RegExp): number => (pattern.test(body) ? 1 : 0)
  return uses(/\bgradientAt\(/) + uses(/\b(?:parameterAt|storeParameter)\(/)
}

/** Throws ERR_NOT_SUPPORTED for matrices with more rows than a workgroup has room for. */
function checkRows(plan: StepPlan, { form, members }: Batch, { node }: MatrixKernel): void {
  const { op, inputs } = form.graph.nodes[node]!
  const [axis] = axesOf(form.graph.nodes[inputs[0]!]!.shape)
  for (const index of members) {
    const { name, [axis]: rows } = plan.parameters[index]!
    if (rows <= mostRows) continue
    throw unsupported(
      `the base ${form.profile.base.name} needs the ${op} of a matrix of ${rows} × ${rows} for the parameter ${show(name)}, and the ` +
        `WebGPU engine takes at most ${mostRows}: put it into a group with another base, or train it with another engine`,
    )
  }
}

/** The dispatches of a kernel, each over as many parameters of a batch as the device lets it bind. */
export function createDispatches(
  device: GpuDevice,
  plan: StepPlan,
  batch: Batch,
  kernel: Kernel,
  ticks: Ticks,
  buffers: Buffers,
): Dispatch[] {
  const { form, members, arenaOf } = batch
  if (kernel.kind === 'matrix') checkRows(plan, batch, kernel)
  const body = kernelText(form, kernel, ticks)
  const own = bindingsPerTensor(body)
  const arenas = new Set([...body.matchAll(/\barena_(\d+)\b/g)].map(([, item]) => arenaOf[Number(item)]))
  const left = device.limits.maxStorageBuffersPerShaderStage - 1 - arenas.size
  const most = own === 0 ? members.length : Math.floor(left / own)
  if (most < 1 || left < 0) {
    throw unsupported(
      `the base ${form.profile.base.name} needs ${1 + arenas.size + own} storage buffers at once for a parameter of this size, and ` +
        `the device binds ${device.limits.maxStorageBuffersPerShaderStage}: request it with a larger maxStorageBufferBindingSize, ` +
        'or maxStorageBuffersPerShaderStage',
    )
  }
  const dispatches: Dispatch[] = []
  for (let first = 0; first < members.length; first += most) {
    const some = members.slice(first, first + most)
    const module = kernelModule(body, { tensors: some.length, arenas: arenaOf, metaLength: form.metaLength })
    const groups = Math.max(...some.map((index) => groupsOf(kernel, plan.parameters[index]!)))
    dispatches.push(createDispatch(device, batch, { kernel, some, first, module, groups }, buffers))
  }
  return dispatches
}

function createDispatch(
  device: GpuDevice,
  batch: Batch,
  given: {
    readonly kernel: Kernel
    readonly some: readonly number[]
    readonly first: number
    readonly module: Module
    readonly groups: number
  },
  buffers: Buffers,
): Dispatch {
  const { kernel, some, first, module, groups } = given
  const pipeline = pipelineOf(device, module)
  const place = ({ name }: Binding): number => Number(/\d+$/.exec(name)?.[0] ?? 0)
  const fixed = (binding: Binding): GpuBuffer => {
    const { name } = binding
    const index = place(binding)
    if (name === 'state') return buffers.state()
    if (name === 'words') return buffers.words(batch, first, some.length)
    return batch.arenas[index]!
  }
  const groupOf = (index: 0 | 1, bufferOf: (binding: Binding) => GpuBuffer): object =>
    bindGroup(device, pipeline, index, module, bufferOf)
  const changing = module.bindings.filter(({ group }) => group === 1)
  let bound: { readonly state: GpuBuffer; readonly group: object } | undefined
  let latest: { readonly tensors: ReadonlyMap<Binding, GpuBuffer>; readonly group: object } | undefined
  const bufferIn = ({ parameters, gradients }: StepTensors, binding: Binding): GpuBuffer => {
    const index = some[place(binding)]!
    return binding.name.startsWith('gradient')
      ? (gradients[index] ?? buffers.nothing(0))
      : (parameters[index] ?? buffers.nothing(place(binding) + 1))
  }
  return {
    tick: kernel.tick,
    members: some,
    encode(pass, given) {
      const state = buffers.state()
      if (bound?.state !== state) bound = { state, group: groupOf(0, fixed) }
      pass.setPipeline(pipeline)
      pass.setBindGroup(0, bound.group)
      if (changing.length > 0) {
        if (changing.some((binding) => latest?.tensors.get(binding) !== bufferIn(given, binding))) {
          const tensors = new Map(changing.map((binding) => [binding, bufferIn(given, binding)]))
          latest = { tensors, group: groupOf(1, (binding) => tensors.get(binding)!) }
        }
        pass.setBindGroup(1, latest!.group)
      }
      pass.dispatchWorkgroups(groups, some.length)
    },
  }
}

/** Binds the buffers of a module's group. */
export function bindGroup(
  device: GpuDevice,
  pipeline: GpuPipeline,
  group: 0 | 1,
  { bindings }: Pick<Module, 'bindings'>,
  bufferOf: (binding: Binding) => GpuBuffer,
): object {
  const entries = bindings.flatMap((binding) =>
    binding.group === group ? [{ binding: binding.binding, resource: { buffer: bufferOf(binding) } }] : [],
  )
  return device.createBindGroup({ layout: pipeline.getBindGroupLayout(group), entries })
}
