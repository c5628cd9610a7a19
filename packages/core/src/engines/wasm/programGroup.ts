import type { Scalars } from '../../graph/hostScalars.js'
import type { StepPlan } from '../../step/plan.js'
import { changeOutput } from '../../step/stepGraph.js'
import type { OptimizerWorker } from '../engine.js'
import type { StepKernels, TensorBinding } from './binding.js'
import type { Program } from './compileStep.js'
import type { EngineMemory } from './engineMemory.js'
import { createKernels } from './kernels.js'

/**
 * The parameters that one program updates. A step combines contiguous parameters that share their scalars into runs,
 * each of which is worked as one tensor.
 */
export interface ProgramGroup {
  readonly kernels: StepKernels
  readonly clips: boolean
  /** The plan's index of each of the program's totals. */
  readonly totals: readonly number[]
  /** Bytes of an element. */
  readonly bytes: number
  /** The plan's index of each of the program's reductions. */
  readonly reductions: readonly number[]
  /** The plan's index of each of its changes. */
  readonly changes: readonly number[]
  /** Whether parameters may form runs: not where a tensor depends on its own sums or products. */
  readonly merges: boolean
  /** The runs of the current step: of each, its tensors, the index of its first parameter, and its scalars. */
  readonly runs: TensorBinding[]
  readonly firsts: number[]
  readonly scalars: Scalars[]
  /** The number of runs. */
  count: number
  /** The cohort of the last run. */
  cohort: number
  /** Results by run: an array for each total, one for each reduction, and one for each change. */
  totalled: Float64Array[]
  reduced: Float64Array[]
  changed: Float64Array[]
  /** Bindings to describe runs with, which steps use again. */
  readonly runBindings: TensorBinding[]
}

/** Creates the group of a program, without parameters. */
export function createProgramGroup(
  plan: StepPlan,
  program: Program,
  engineMemory: EngineMemory,
  worker: OptimizerWorker | undefined,
): ProgramGroup {
  const { graph, stages, type } = program
  return {
    kernels: createKernels(program, engineMemory.memory, engineMemory, worker),
    clips: stages.norm !== undefined,
    totals: graph.totals.map((name) => plan.totals.indexOf(name)),
    bytes: type.bytes,
    merges: !stages.hasBarriers && stages.additive,
    reductions: graph.reductions.map((name) => plan.reductions.indexOf(name)),
    changes: graph.averaging.map((name) => plan.changes.indexOf(changeOutput(name))),
    runs: [],
    firsts: [],
    scalars: [],
    count: 0,
    cohort: -1,
    totalled: graph.totals.map(() => new Float64Array(0)),
    reduced: graph.reductions.map(() => new Float64Array(0)),
    changed: graph.averaging.map(() => new Float64Array(0)),
    runBindings: [],
  }
}

/** Makes room for the results of more parameters. */
export function growGroup(group: ProgramGroup, added: number): void {
  const longer = ({ length }: Float64Array) => new Float64Array(length + added)
  group.totalled = group.totalled.map(longer)
  group.reduced = group.reduced.map(longer)
  group.changed = group.changed.map(longer)
}

/**
 * Adds a parameter to a step: to the last run, if the parameter follows it in memory and has the same scalars.
 *
 * @param cohort when the parameter was added. Only parameters of one cohort form runs: the addresses of later ones depend
 *   on the blocks of other engines, which must not affect the order of addition
 */
export function addToRuns(
  group: ProgramGroup,
  index: number,
  binding: TensorBinding,
  cohort: number,
  scalars: Scalars,
): void {
  const { runs, count, bytes } = group
  if (group.merges && count > 0 && group.scalars[count - 1] === scalars && group.cohort === cohort) {
    const run = runs[count - 1]!
    if (follows(run, binding, run.size * bytes)) {
      run.size += binding.size
      return
    }
  }
  runs[count] = group.merges ? copyBinding((group.runBindings[count] ??= emptyBinding()), binding) : binding
  group.firsts[count] = index
  group.scalars[count] = scalars
  group.cohort = cohort
  group.count++
}

/** Copies the results of runs to their first parameters. */
export function scatter({ firsts, count }: ProgramGroup, results: Float64Array, to: Float64Array): void {
  for (let i = 0; i < count; i++) to[firsts[i]!] = results[i]!
}

/** All tensors as one; `undefined` unless each follows the one before it in memory. */
export function joinBindings(
  bindings: readonly (TensorBinding | undefined)[],
  bytes: number,
): TensorBinding | undefined {
  const [first, ...others] = bindings
  if (first === undefined) return undefined
  const run = copyBinding(emptyBinding(), first)
  for (const binding of others) {
    if (!follows(run, binding!, run.size * bytes)) return undefined
    run.size += binding!.size
  }
  return run
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

/** Whether each of a tensor's inputs is so many bytes behind that of the run before it. */
function follows(run: TensorBinding, { inputs }: TensorBinding, distance: number): boolean {
  for (let i = 0; i < inputs.length; i++) if (inputs[i] !== run.inputs[i]! + distance) return false
  return true
}
