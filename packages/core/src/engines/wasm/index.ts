import type { Scalars } from '../../plan.js'
import {
  elementType,
  type Engine,
  type EngineFactory,
  type Slots,
  type TypedArray,
  type WholeNumbers,
} from '../engine.js'
import { createArena } from './arena.js'
import { layOut } from './layout.js'
import { compileStep, type Program } from './program.js'
import { createKernels, type StepKernels, type TensorBinding } from './kernels.js'
import { createWholeCall } from './whole.js'
import { createMemory, growthOf, isShared, type WasmMemory } from './webassembly.js'

/** Parameters that one program updates. */
interface Work {
  readonly kernels: StepKernels
  readonly clips: boolean
  /** Bytes of an element. */
  readonly bytes: number
  /** Whether neighbours may be worked as one tensor: not where a tensor hangs on its own sums or products. */
  readonly merges: boolean
  /** What takes part in the current step: runs of parameters, the first one's index and the scalars of each. */
  readonly runs: TensorBinding[]
  readonly firsts: number[]
  readonly scalars: Scalars[]
  readonly results: Float64Array
  count: number
  /** Bindings to describe runs with. */
  readonly pool: TensorBinding[]
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
  const programs = new Map<Program, number[]>()
  plan.parameters.forEach(({ graph }, index) => {
    const program = compileStep(graph, elementType(given[index])!, isShared(memory))
    const members = programs.get(program)
    if (members) members.push(index)
    else programs.set(program, [index])
  })
  const inMemory = given.map((array) => array.buffer === memory.buffer)
  const bindings = layOut(plan, given, memory, arena, [...programs.values()])
  const gradientAddresses = bindings.map(({ inputs }) => inputs[0]!)

  const workOf: Work[] = []
  const works = [...programs].map(([program, members]): Work => {
    const kernels = createKernels(program, memory, arena)
    kernels.prepare(members.map((index) => bindings[index]!))
    const { schedule, type } = program
    const work: Work = {
      kernels,
      clips: schedule.norm !== undefined,
      bytes: type.bytes,
      merges: !schedule.staged,
      runs: [],
      firsts: [],
      scalars: [],
      results: new Float64Array(members.length),
      count: 0,
      pool: [],
    }
    for (const index of members) workOf[index] = work
    return work
  })

  const hasGrown = growthOf(memory)
  let views: Views[] = []
  let parameters: TypedArray[] = []
  let gradients: TypedArray[] = []
  let slots: Slots[] = []
  const outside: (TypedArray | undefined)[] = given.map((array, index) =>
    adopt || inMemory[index] ? undefined : array,
  )
  /** Views of the memory as it is now: when it grows, the old ones come to have no elements. */
  const refresh = (): void => {
    if (!hasGrown()) return
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

  /** Where the gradient of a step is read: in place if it lies in the memory, else where it is copied to. */
  const placeGradient = (index: number, gradient: TypedArray): number => {
    if (gradient === gradients[index]) return gradientAddresses[index]!
    if (gradient.buffer === memory.buffer) return gradient.byteOffset
    gradients[index]!.set(gradient)
    return gradientAddresses[index]!
  }
  /** Adds a parameter to the step: to the run before it, where it is the next in memory and has the same scalars. */
  const join = (work: Work, index: number, scalars: Scalars): void => {
    const binding = bindings[index]!
    const { runs, count, bytes } = work
    if (work.merges && count > 0 && work.scalars[count - 1] === scalars) {
      const run = runs[count - 1]!
      const end = run.size * bytes
      if (follows(run, binding, end)) {
        run.size += binding.size
        return
      }
    }
    runs[count] = work.merges ? copyBinding((work.pool[count] ??= emptyBinding()), binding) : binding
    work.firsts[count] = index
    work.scalars[count] = scalars
    work.count++
  }
  const [onlyProgram] = programs.keys()
  const call =
    programs.size === 1
      ? createWholeCall(plan, onlyProgram!, joined(bindings, onlyProgram!.type.bytes), memory, arena)
      : undefined
  const whole = call && {
    take(stepGradients: readonly (TypedArray | null)[], numbers: WholeNumbers, isSame: boolean): boolean {
      refresh()
      for (let index = 0; index < stepGradients.length; index++) {
        const gradient = stepGradients[index]!
        if (gradient === null) return false
        if (gradient === gradients[index]) continue
        if (gradient.buffer === memory.buffer) return false
        gradients[index]!.set(gradient)
      }
      for (let index = 0; index < outside.length; index++) {
        const source = outside[index]
        if (source) views[index]!.parameter.set(source)
      }
      if (!call.run(numbers, isSame)) return false
      for (let index = 0; index < outside.length; index++) outside[index]?.set(views[index]!.parameter)
      return true
    },
    dispose: () => call.dispose(),
  }
  const runPass = (pass: 'norm' | 'reduce', to: Float64Array): void => {
    to.fill(0)
    for (const work of works) {
      if (work.count === 0 || (pass === 'norm' && !work.clips)) continue
      work.kernels[pass](work.runs, work.scalars, work.results)
      for (let i = 0; i < work.count; i++) to[work.firsts[i]!] = work.results[i]!
    }
  }
  let taking: readonly number[] = []
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
      taking = active
      for (const work of works) work.count = 0
      for (const index of active) {
        bindings[index]!.inputs[0] = placeGradient(index, stepGradients[index]!)
        const source = outside[index]
        if (source) views[index]!.parameter.set(source)
        join(workOf[index]!, index, scalars[index]!)
      }
      for (const { runs, scalars, count } of works) {
        // Only where it is another: setting the length lets go of an array's memory.
        if (runs.length !== count) runs.length = scalars.length = count
      }
    },
    whole,
    norm: (results) => runPass('norm', results),
    reduce: (results) => runPass('reduce', results),
    update() {
      for (const { kernels, runs, scalars, count } of works) if (count > 0) kernels.update(runs, scalars)
      for (const index of taking) outside[index]?.set(views[index]!.parameter)
    },
    dispose() {
      call?.dispose()
      for (const { kernels } of works) kernels.dispose()
    },
  }
}

function emptyBinding(): TensorBinding {
  return { size: 0, rows: 0, columns: 0, inputs: [], outputs: [] }
}

function copyBinding(to: TensorBinding, from: TensorBinding): TensorBinding {
  to.size = from.size
  to.rows = from.rows
  to.columns = from.columns
  for (let i = 0; i < from.inputs.length; i++) to.inputs[i] = from.inputs[i]!
  for (let i = 0; i < from.outputs.length; i++) to.outputs[i] = from.outputs[i]!
  return to
}

/** Tensors as one, where each lies behind the one before it. */
function joined(bindings: readonly TensorBinding[], bytes: number): TensorBinding | undefined {
  const [first, ...others] = bindings
  if (first === undefined) return undefined
  const run = copyBinding(emptyBinding(), first)
  for (const binding of others) {
    if (!follows(run, binding, run.size * bytes)) return undefined
    run.size += binding.size
  }
  return run
}

/** Whether each of a tensor's inputs lies so many bytes behind the one of the run before it. */
function follows(run: TensorBinding, { inputs }: TensorBinding, distance: number): boolean {
  for (let i = 0; i < inputs.length; i++) if (inputs[i] !== run.inputs[i]! + distance) return false
  return true
}
