import type { Scalars } from '../../plan.js'
import { elementType, type Engine, type EngineFactory, type Slots, type TypedArray } from '../engine.js'
import { createArena } from './arena.js'
import { compileStep, type Program } from './program.js'
import { createKernels, type StepKernels, type TensorBinding } from './runner.js'
import { createMemory, isShared, type WasmMemory } from './webassembly.js'

/** Parameters that one program updates. */
interface Work {
  readonly kernels: StepKernels
  readonly clips: boolean
  /** What takes part in the current step, in parallel. */
  readonly active: number[]
  readonly bindings: TensorBinding[]
  readonly scalars: Scalars[]
  readonly results: Float64Array
  count: number
}

/** The views of one parameter's tensors. */
interface Views {
  readonly parameter: TypedArray
  readonly gradient: TypedArray
  readonly slots: Slots
}

/**
 * The fast engine: every graph is compiled into loops that read and write each tensor once. It works on a WebAssembly
 * memory; arrays that lie elsewhere are copied in before a step and out after it.
 */
export const createWasmEngine: EngineFactory = (
  plan,
  given,
  initial,
  { memory: shared, adopt = false },
): Engine => {
  const memory: WasmMemory = shared ?? createMemory()
  const arena = createArena(memory)
  // Taken down before the memory grows: then these views lose their place.
  const found = given.map((array) => (array.buffer === memory.buffer ? array.byteOffset : undefined))
  const inMemory = found.map((address) => address !== undefined)

  // The layout: for each parameter its values, its gradient and its slots.
  const padded = (bytes: number): number => Math.ceil(bytes / 64) * 64
  const tensorBytes = given.map((array) => padded(array.byteLength))
  const tensorCounts = plan.parameters.map(
    ({ graph }, index) => graph.slots.length + (inMemory[index] ? 1 : 2),
  )
  arena.reserve(tensorCounts.reduce((total, count, index) => total + count * tensorBytes[index]!, 0))
  const bindings = plan.parameters.map(({ graph, size, shape }, index): TensorBinding => {
    const allocate = (): number => arena.allocate(tensorBytes[index]!)
    const parameter = found[index] ?? allocate()
    const gradient = allocate()
    const slots = graph.slots.map(allocate)
    return {
      size,
      rows: shape[0] ?? 1,
      columns: shape[1] ?? 1,
      inputs: [gradient, parameter, ...slots],
      outputs: [parameter, ...slots],
    }
  })
  const gradientAddresses = bindings.map(({ inputs }) => inputs[0]!)

  const programs = new Map<Program, number[]>()
  plan.parameters.forEach(({ graph }, index) => {
    const program = compileStep(graph, elementType(given[index])!, isShared(memory))
    const members = programs.get(program)
    if (members) members.push(index)
    else programs.set(program, [index])
  })
  const workOf: Work[] = []
  const works = [...programs].map(([program, members]): Work => {
    const kernels = createKernels(program, memory, arena)
    kernels.prepare(members.map((index) => bindings[index]!))
    const clips = program.schedule.norm !== undefined
    const results = new Float64Array(members.length)
    const work: Work = { kernels, clips, active: [], bindings: [], scalars: [], results, count: 0 }
    for (const index of members) workOf[index] = work
    return work
  })

  let buffer: ArrayBufferLike | undefined
  let views: Views[] = []
  let parameters: TypedArray[] = []
  let gradients: TypedArray[] = []
  let slots: Slots[] = []
  const outside: (TypedArray | undefined)[] = given.map((array, index) =>
    adopt || inMemory[index] ? undefined : array,
  )
  /** Views of the memory as it is now: when it grows, the old ones come to have no elements. */
  const refresh = (): void => {
    if (memory.buffer === buffer) return
    buffer = memory.buffer
    views = plan.parameters.map(({ graph, size }, index): Views => {
      const type = elementType(given[index])!
      const view = (address: number): TypedArray =>
        type === 'float32'
          ? new Float32Array(memory.buffer, address, size)
          : new Float64Array(memory.buffer, address, size)
      const [, parameter, ...slotAddresses] = bindings[index]!.inputs
      return {
        parameter: view(parameter!),
        gradient: view(gradientAddresses[index]!),
        slots: Object.fromEntries(graph.slots.map((name, i) => [name, view(slotAddresses[i]!)])),
      }
    })
    parameters = views.map(({ parameter }, index) => outside[index] ?? parameter)
    gradients = views.map(({ gradient }) => gradient)
    slots = views.map((view) => view.slots)
  }
  refresh()
  given.forEach((array, index) => {
    if (!inMemory[index]) views[index]!.parameter.set(array)
    for (const [name, value] of Object.entries(initial[index]!)) {
      if (value !== 0) slots[index]![name]!.fill(value)
    }
  })

  const scatter = ({ active, results }: Work, to: Float64Array): void => {
    for (let i = 0; i < active.length; i++) to[active[i]!] = results[i]!
  }
  return {
    kind: 'wasm',
    get parameters() {
      refresh()
      return parameters
    },
    get gradients() {
      refresh()
      return gradients
    },
    get slots() {
      refresh()
      return slots
    },
    begin(active, stepGradients, scalars) {
      refresh()
      for (const work of works) work.count = 0
      for (const index of active) {
        const work = workOf[index]!
        const binding = bindings[index]!
        const gradient = stepGradients[index]!
        if (gradient === gradients[index]) binding.inputs[0] = gradientAddresses[index]!
        else if (gradient.buffer === memory.buffer) binding.inputs[0] = gradient.byteOffset
        else {
          gradients[index]!.set(gradient)
          binding.inputs[0] = gradientAddresses[index]!
        }
        const source = outside[index]
        if (source) views[index]!.parameter.set(source)
        work.active[work.count] = index
        work.bindings[work.count] = binding
        work.scalars[work.count] = scalars[index]!
        work.count++
      }
      for (const work of works) {
        // Only where it is another: setting the length lets go of an array's memory.
        if (work.bindings.length === work.count) continue
        work.active.length = work.bindings.length = work.scalars.length = work.count
      }
    },
    norm(results) {
      for (const work of works) {
        if (!work.clips || work.active.length === 0) continue
        work.kernels.norm(work.bindings, work.scalars, work.results)
        scatter(work, results)
      }
    },
    reduce(results) {
      for (const work of works) {
        if (work.active.length === 0) continue
        work.kernels.reduce(work.bindings, work.scalars, work.results)
        scatter(work, results)
      }
    },
    update() {
      for (const { kernels, active, bindings, scalars } of works) {
        if (active.length === 0) continue
        kernels.update(bindings, scalars)
        for (const index of active) outside[index]?.set(views[index]!.parameter)
      }
    },
    dispose() {
      for (const { kernels } of works) kernels.dispose()
    },
  }
}
