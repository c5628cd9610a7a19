import { elementType, type ElementType, type TypedArray } from '../../dtype.js'
import type { InitialSlots } from '../../step/initialSlots.js'
import type { FusedStep, Passes } from '../../step/passes.js'
import type { StepPlan } from '../../step/plan.js'
import type { StepGraph } from '../../step/stepGraph.js'
import type { Engine, EngineOptions, OptimizerWorker } from '../engine.js'
import { compileStep, type Program } from './compileStep.js'
import type { EngineMemory } from './engineMemory.js'
import { EngineTensors } from './engineTensors.js'
import { createFusedCall, type FusedCall } from './fusedStep.js'
import { layOutTensors, type TensorLayout } from './layout.js'
import { isShared } from './memory.js'
import {
  addToRuns,
  createProgramGroup,
  growGroup,
  joinBindings,
  scatter,
  type ProgramGroup,
} from './programGroup.js'

/** The state of an engine. */
interface EngineState {
  readonly engineMemory: EngineMemory
  readonly worker: OptimizerWorker | undefined
  readonly tensors: EngineTensors
  readonly groups: Map<Program, ProgramGroup>
  /** The values of `groups`. */
  groupList: readonly ProgramGroup[]
  /** By parameter. */
  readonly groupOf: ProgramGroup[]
  fusedCall: FusedCall | undefined
}

/**
 * Creates an engine in a WebAssembly memory. It compiles every graph into loops that read and write each tensor once.
 * Arrays outside the memory are copied in before a step and out after it.
 *
 * @param engineMemory its memory, which is disposed of with the engine
 */
export function createEngineIn(
  engineMemory: EngineMemory,
  plan: StepPlan,
  parameters: readonly TypedArray[],
  initial: readonly InitialSlots[],
  { adopt = false, worker }: EngineOptions,
): Engine {
  const tensors = new EngineTensors(engineMemory, adopt)
  const state: EngineState = {
    engineMemory,
    worker,
    tensors,
    groups: new Map(),
    groupList: [],
    groupOf: [],
    fusedCall: undefined,
  }
  addParameters(state, plan, parameters, initial)
  return {
    kind: 'wasm',
    ...createPasses(state),
    fused: createFusedStep(state),
    arrays(exposed) {
      refresh(state)
      if (exposed !== undefined) tensors.expose(exposed)
      return tensors.arrays
    },
    add(plan, added, initial) {
      if (added.length > 0) addParameters(state, plan, added, initial)
      return undefined
    },
    dispose() {
      state.fusedCall?.dispose()
      for (const { kernels } of state.groupList) kernels.dispose()
      engineMemory.dispose()
      return () => {
        refresh(state)
        return tensors.arrays.parameters
      }
    },
  }
}

/** Creates views again after the memory has grown. */
function refresh({ tensors, fusedCall }: EngineState): void {
  if (tensors.refresh()) fusedCall?.refresh()
}

/** Parameters to add, with everything that can fail done. */
interface Addition {
  readonly layout: TensorLayout
  /** The indices of the parameters that each program updates. */
  readonly members: ReadonlyMap<Program, readonly number[]>
  /** The groups of programs that the engine does not have yet. */
  readonly newGroups: ReadonlyMap<Program, ProgramGroup>
  readonly fusedCall: FusedCall | undefined
}

function addParameters(
  state: EngineState,
  plan: StepPlan,
  added: readonly TypedArray[],
  initial: readonly InitialSlots[],
): void {
  const { tensors, groups, groupOf } = state
  // Before the memory grows, which detaches the caller's views of it.
  const isInMemory = added.map((array) => state.engineMemory.contains(array))
  const { layout, members, newGroups, fusedCall } = prepareAddition(state, plan, added)
  // Nothing fails from here on.
  state.fusedCall?.dispose()
  state.fusedCall = fusedCall
  for (const [program, group] of newGroups) groups.set(program, group)
  state.groupList = [...groups.values()]
  for (const [program, indices] of members) {
    const group = groups.get(program)!
    growGroup(group, indices.length)
    for (const index of indices) groupOf[index] = group
  }
  tensors.add(plan, added, isInMemory, initial, layout)
  fusedCall?.refresh()
}

/** Allocates and compiles everything that parameters need. Where something fails, the engine is as before. */
function prepareAddition(state: EngineState, plan: StepPlan, added: readonly TypedArray[]): Addition {
  const { engineMemory, worker, tensors, groups, groupOf } = state
  const { bindings } = tensors
  const first = bindings.length
  const members = groupByProgram(plan, first, added, isShared(engineMemory.memory))
  // Present parameters are in none of these groups, so that their arrays are not read.
  const arrays = [...bindings.map(() => added[0]!), ...added]
  const layout = layOutTensors(plan, arrays, engineMemory, [...members.values()])
  const newGroups = new Map<Program, ProgramGroup>()
  try {
    for (const [program, indices] of members) {
      let group = groups.get(program)
      if (!group) newGroups.set(program, (group = createProgramGroup(plan, program, engineMemory, worker)))
      const present = bindings.filter((_, index) => groupOf[index] === group)
      group.kernels.prepare([...present, ...indices.map((index) => layout.bindings[index]!)])
    }
    // Only the initial parameters can be contiguous. Later ones are allocated separately.
    const [program] = members.keys()
    let fusedCall: FusedCall | undefined
    if (first === 0 && program && members.size === 1) {
      const run = joinBindings(layout.bindings, program.type.bytes)
      fusedCall = createFusedCall(plan, program, run, engineMemory.memory, engineMemory)
    }
    return { layout, members, newGroups, fusedCall }
  } catch (error) {
    for (const { kernels } of newGroups.values()) kernels.dispose()
    for (const address of Object.values(layout.blocks).flat()) engineMemory.release(address)
    throw error
  }
}

/** The programs of parameters from index `first` on, and the indices of the parameters that each updates. */
function groupByProgram(
  plan: StepPlan,
  first: number,
  added: readonly TypedArray[],
  shared: boolean,
): ReadonlyMap<Program, readonly number[]> {
  const members = new Map<Program, number[]>()
  let last: { graph: StepGraph; dtype: ElementType; indices: number[] } | undefined
  added.forEach((array, i) => {
    const { graph } = plan.parameters[first + i]!
    const dtype = elementType(array)!
    // Neighbours mostly share theirs.
    if (last?.graph !== graph || last.dtype !== dtype) {
      const program = compileStep(graph, dtype, shared)
      const indices = members.get(program) ?? []
      members.set(program, indices)
      last = { graph, dtype, indices }
    }
    last.indices.push(first + i)
  })
  return members
}

function createFusedStep(state: EngineState): FusedStep<TypedArray> {
  const { tensors } = state
  return {
    take(gradients, numbers, isSame) {
      const { fusedCall } = state
      if (!fusedCall) return false
      refresh(state)
      if (!tensors.copyGradients(gradients)) return false
      tensors.copyAllIn()
      if (!fusedCall.run(numbers, isSame)) return false
      tensors.copyAllOut()
      return true
    },
  }
}

function createPasses(state: EngineState): Passes<TypedArray> {
  const { tensors, groupOf } = state
  const { bindings, cohorts } = tensors
  let activeParameters: readonly number[] = []
  return {
    begin(active, gradients, scalars) {
      refresh(state)
      activeParameters = active
      for (const group of state.groupList) group.count = 0
      tensors.placeGradients(active, gradients)
      tensors.copyIn(active)
      for (const index of active) {
        tensors.drawNormals(index, scalars[index]!['step']!)
        addToRuns(groupOf[index]!, index, bindings[index]!, cohorts[index]!, scalars[index]!)
      }
      for (const { runs, scalars, count } of state.groupList) {
        // Only where it differs: setting the length releases an array's memory.
        if (runs.length !== count) runs.length = scalars.length = count
      }
    },
    norm(results) {
      results.fill(0)
      for (const group of state.groupList) {
        if (group.count === 0 || !group.clips) continue
        const [norms] = group.reduced as [Float64Array]
        group.kernels.norm(group.runs, group.scalars, norms)
        scatter(group, norms, results)
      }
    },
    totals(results) {
      for (const to of results) to.fill(0)
      for (const group of state.groupList) {
        if (group.count === 0 || group.totals.length === 0) continue
        group.kernels.totals(group.runs, group.scalars, group.totalled)
        group.totals.forEach((at, i) => scatter(group, group.totalled[i]!, results[at]!))
      }
    },
    reduce(results) {
      for (const to of results) to.fill(0)
      for (const group of state.groupList) {
        if (group.count === 0) continue
        group.kernels.reduce(group.runs, group.scalars, group.reduced)
        group.reductions.forEach((at, i) => scatter(group, group.reduced[i]!, results[at]!))
      }
    },
    update(results) {
      for (const to of results) to.fill(0)
      for (const group of state.groupList) {
        if (group.count === 0) continue
        group.kernels.update(group.runs, group.scalars, group.changed)
        group.changes.forEach((at, i) => scatter(group, group.changed[i]!, results[at]!))
      }
      tensors.copyOut(activeParameters)
    },
  }
}
