import type { StepPlan } from '../../step/plan.js'
import type { Scalars } from '../../graph/hostScalars.js'
import { changeOutput } from '../../step/stepGraph.js'
import type { Engine, EngineArrays, EngineOptions } from '../engine.js'
import { elementType, type ElementType, type Slots, type TypedArray } from '../../dtype.js'
import type { InitialSlots } from '../../step/initialSlots.js'
import type { FusedStep } from '../../step/passes.js'
import type { Helper } from './threads/host.js'
import { layOut } from './layout.js'
import { compileStep, type Program } from './codegen/program.js'
import { createKernels, type StepKernels, type TensorBinding } from './kernels.js'
import type { Lease } from './lease.js'
import { createWholeCall, type WholeCall } from './fusedStep.js'
import { growthOf, isShared } from './memory.js'

/** Parameters that one program updates. */
interface Work {
  readonly kernels: StepKernels
  readonly clips: boolean
  /** Bytes of an element. */
  readonly bytes: number
  /** Of each reduction of the program, which of the plan's it is. */
  readonly reductions: readonly number[]
  /** The same of its changes. */
  readonly changes: readonly number[]
  /** Whether neighbours may be worked as one tensor: not where a tensor hangs on its own sums or products. */
  readonly merges: boolean
  /** What takes part in the current step: runs of parameters, the first one's index and the scalars of each. */
  readonly runs: TensorBinding[]
  readonly firsts: number[]
  readonly scalars: Scalars[]
  results: Float64Array[]
  changed: Float64Array[]
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
 *
 * @param lease what it may use of which memory; it ends with the engine
 */
export function createLeasedEngine(
  lease: Lease,
  firstPlan: StepPlan,
  given: readonly TypedArray[],
  initial: readonly InitialSlots[],
  { adopt = false, helper }: EngineOptions,
): Engine {
  let plan = firstPlan
  const { memory } = lease
  /** The arrays that stay the parameters, where those are outside the memory. */
  const outside: (TypedArray | undefined)[] = []
  /** Which those are. */
  const copied: number[] = []
  const types: ElementType[] = []
  const bindings: TensorBinding[] = []
  const gradientAddresses: number[] = []
  /** By parameter: how many there were when it was added. What was added together lies together. */
  const cohorts: number[] = []
  const blocks: Record<keyof EngineArrays, number[]> = { parameters: [], gradients: [], slots: [] }
  const lent = new Set<keyof EngineArrays>()
  const programs = new Map<Program, Work>()
  const workOf: Work[] = []
  let works: readonly Work[] = []
  let call: WholeCall | undefined

  let hasGrown = growthOf(memory)
  let views: Views[] = []
  let arrays: EngineArrays = { parameters: [], gradients: [], slots: [] }
  /** Views of the memory as it is now: when it grows, the old ones come to have no elements. */
  const refresh = (): void => {
    if (!hasGrown()) return
    views = plan.parameters.map(({ graph, size }, index): Views => {
      const view = (address: number): TypedArray =>
        types[index] === 'float32'
          ? new Float32Array(memory.buffer, address, size)
          : new Float64Array(memory.buffer, address, size)
      const [, parameter, ...slotAddresses] = bindings[index]!.inputs
      return {
        parameter: view(parameter!),
        gradient: view(gradientAddresses[index]!),
        slots: Object.fromEntries(graph.slots.map((name, i) => [name, view(slotAddresses[i]!)])),
      }
    })
    arrays = {
      parameters: views.map(({ parameter }, index) => outside[index] ?? parameter),
      gradients: views.map(({ gradient }) => gradient),
      slots: views.map(({ slots }) => slots),
    }
    call?.refresh()
  }

  const add: Engine['add'] = (next, added, initialSlots) => {
    const first = bindings.length
    if (first > 0 && added.length === 0) return undefined
    const groups = new Map<Program, number[]>()
    added.forEach((array, i) => {
      const { graph } = next.parameters[first + i]!
      const program = compileStep(graph, elementType(array)!, isShared(memory))
      const members = groups.get(program)
      if (members) members.push(first + i)
      else groups.set(program, [first + i])
    })
    const inMemory = added.map((array) => lease.holds(array))
    // Those there are already are in no group, and their arrays are not looked at.
    const arrays = [...bindings.map(() => added[0]!), ...added]
    const placed = layOut(next, arrays, lease, [...groups.values()])
    const begun: [Program, Work][] = []
    let nextCall: WholeCall | undefined
    try {
      for (const [program, members] of groups) {
        const work = programs.get(program) ?? createWork(next, program, lease, helper)
        if (!programs.has(program)) begun.push([program, work])
        const before = bindings.filter((_, index) => workOf[index] === work)
        work.kernels.prepare([...before, ...members.map((index) => placed.bindings[index]!)])
      }
      // What is added lies by itself, so that only those of the beginning can be side by side.
      const [only] = groups.keys()
      if (first === 0 && groups.size === 1) {
        const run = joined(placed.bindings, only!.type.bytes)
        nextCall = createWholeCall(next, only!, run, memory, lease)
      }
    } catch (error) {
      for (const [, { kernels }] of begun) kernels.dispose()
      for (const address of Object.values(placed.blocks).flat()) lease.release(address)
      throw error
    }

    // Nothing fails from here on.
    plan = next
    if (added.length > 0) {
      call?.dispose()
      call = nextCall
    }
    for (const [program, work] of begun) programs.set(program, work)
    works = [...programs.values()]
    for (const [program, members] of groups) {
      const work = programs.get(program)!
      const longer = ({ length }: Float64Array) => new Float64Array(length + members.length)
      work.results = work.results.map(longer)
      work.changed = work.changed.map(longer)
      for (const index of members) workOf[index] = work
    }
    for (const kind of ['parameters', 'gradients', 'slots'] as const) {
      blocks[kind].push(...placed.blocks[kind])
      if (lent.has(kind)) lease.lend(placed.blocks[kind])
    }
    if (adopt) lease.keep(placed.blocks.parameters)
    added.forEach((array, i) => {
      const binding = placed.bindings[first + i]!
      bindings.push(binding)
      gradientAddresses.push(binding.inputs[0]!)
      cohorts.push(first)
      types.push(elementType(array)!)
      outside.push(adopt || inMemory[i] ? undefined : array)
      if (outside[first + i]) copied.push(first + i)
    })
    hasGrown = growthOf(memory)
    refresh()
    added.forEach((array, i) => {
      const { parameter, gradient, slots } = views[first + i]!
      if (!inMemory[i]) parameter.set(array)
      // Memory that was given back by another optimiser is not zero.
      gradient.fill(0)
      for (const [name, value] of Object.entries(initialSlots[i]!)) slots[name]!.fill(value)
    })
    return undefined
  }
  add(plan, given, initial)

  const fused: FusedStep<TypedArray> = {
    take(stepGradients, numbers, isSame) {
      if (!call) return false
      refresh()
      const { gradients } = arrays
      for (let index = 0; index < stepGradients.length; index++) {
        const gradient = stepGradients[index]!
        if (gradient === null) return false
        if (gradient === gradients[index]) continue
        if (lease.holds(gradient)) return false
        gradients[index]!.set(gradient)
      }
      for (const index of copied) views[index]!.parameter.set(outside[index]!)
      if (!call.run(numbers, isSame)) return false
      for (const index of copied) outside[index]!.set(views[index]!.parameter)
      return true
    },
  }

  /** Where the gradient of a step is read: in place if it lies in the memory, else where it is copied to. */
  const placeGradient = (index: number, gradient: TypedArray): number => {
    if (gradient === arrays.gradients[index]) return gradientAddresses[index]!
    if (lease.holds(gradient)) return gradient.byteOffset
    arrays.gradients[index]!.set(gradient)
    return gradientAddresses[index]!
  }
  /**
   * Adds a parameter to the step: to the run before it, where it is the next in memory and has the same scalars. Where
   * others have put their blocks must not tell in the sums: what was added later is never taken for the next.
   */
  const join = (work: Work, index: number, scalars: Scalars): void => {
    const binding = bindings[index]!
    const { runs, count, bytes } = work
    if (work.merges && count > 0 && work.scalars[count - 1] === scalars) {
      const run = runs[count - 1]!
      const end = run.size * bytes
      if (cohorts[work.firsts[count - 1]!] === cohorts[index] && follows(run, binding, end)) {
        run.size += binding.size
        return
      }
    }
    runs[count] = work.merges ? copyBinding((work.pool[count] ??= emptyBinding()), binding) : binding
    work.firsts[count] = index
    work.scalars[count] = scalars
    work.count++
  }
  const spread = ({ firsts, count }: Work, results: Float64Array, to: Float64Array): void => {
    for (let i = 0; i < count; i++) to[firsts[i]!] = results[i]!
  }
  let taking: readonly number[] = []
  return {
    kind: 'wasm',
    fused,
    arrays(kind) {
      refresh()
      if (kind !== undefined && !lent.has(kind)) {
        lent.add(kind)
        lease.lend(blocks[kind])
      }
      return arrays
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
    norm(results) {
      results.fill(0)
      for (const work of works) {
        if (work.count === 0 || !work.clips) continue
        const [norms] = work.results as [Float64Array]
        work.kernels.norm(work.runs, work.scalars, norms)
        spread(work, norms, results)
      }
    },
    reduce(results) {
      for (const to of results) to.fill(0)
      for (const work of works) {
        if (work.count === 0) continue
        work.kernels.reduce(work.runs, work.scalars, work.results)
        work.reductions.forEach((at, i) => spread(work, work.results[i]!, results[at]!))
      }
    },
    update(results) {
      for (const to of results) to.fill(0)
      for (const work of works) {
        if (work.count === 0) continue
        work.kernels.update(work.runs, work.scalars, work.changed)
        work.changes.forEach((at, i) => spread(work, work.changed[i]!, results[at]!))
      }
      for (const index of taking) outside[index]?.set(views[index]!.parameter)
    },
    add,
    dispose() {
      call?.dispose()
      for (const { kernels } of works) kernels.dispose()
      lease.end()
      return () => {
        refresh()
        return arrays.parameters
      }
    },
  }
}

function createWork(plan: StepPlan, program: Program, lease: Lease, helper: Helper | undefined): Work {
  const { graph, schedule, type } = program
  return {
    kernels: createKernels(program, lease.memory, lease, helper),
    clips: schedule.norm !== undefined,
    bytes: type.bytes,
    merges: !schedule.staged && schedule.additive,
    reductions: graph.reductions.map((name) => plan.reductions.indexOf(name)),
    changes: graph.averaging.map((name) => plan.changes.indexOf(changeOutput(name))),
    runs: [],
    firsts: [],
    scalars: [],
    results: graph.reductions.map(() => new Float64Array(0)),
    changed: graph.averaging.map(() => new Float64Array(0)),
    count: 0,
    pool: [],
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
function joined(bindings: readonly (TensorBinding | undefined)[], bytes: number): TensorBinding | undefined {
  const [first, ...others] = bindings
  if (first === undefined) return undefined
  const run = copyBinding(emptyBinding(), first)
  for (const binding of others) {
    if (!follows(run, binding!, run.size * bytes)) return undefined
    run.size += binding!.size
  }
  return run
}

/** Whether each of a tensor's inputs lies so many bytes behind the one of the run before it. */
function follows(run: TensorBinding, { inputs }: TensorBinding, distance: number): boolean {
  for (let i = 0; i < inputs.length; i++) if (inputs[i] !== run.inputs[i]! + distance) return false
  return true
}
