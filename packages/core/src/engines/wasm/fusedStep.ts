import type { Op } from '../../graph/algebra.js'
import type { Scalars } from '../../graph/hostScalars.js'
import { memoised } from '../../memoised.js'
import type { FusedStepNumbers } from '../../step/passes.js'
import type { MetricUnit, StepPlan } from '../../step/plan.js'
import { hasProfileScalars } from '../../step/profileStepper.js'
import { readsExtents } from '../../step/scalarInputs.js'
import type { WasmMemory } from '../engine.js'
import type { Allocator, TensorBinding } from './binding.js'
import { layOutFusedStep, type FusedLayout } from './codegen/fusedLayout.js'
import { encodeFusedStep } from './codegen/fusedModule.js'
import { tableHeader } from './codegen/loop.js'
import type { Program } from './compileStep.js'
import { compileModule, instantiate, isShared, type WasmModule } from './memory.js'

/** The number of elements up to which the calls around a step take most of its time. */
const fewElements = 1 << 15

/** A step that is one call, on tensors with fixed addresses. */
export interface FusedCall {
  /** As `take` of `FusedStep`. */
  run(numbers: FusedStepNumbers, isSame: boolean): boolean
  /** Call this before the first step, and after the memory has grown. */
  refresh(): void
  dispose(): void
}

/**
 * Prepares steps that are one call each, for plans whose tensors have few elements, are contiguous, and are updated by
 * one program under one factor. On the seventeen weights of a network for xor, the host's work around the passes of a
 * step takes ten times as long as the step.
 *
 * @param run the tensors as one; `undefined` where they are not contiguous
 * @returns `undefined` for other plans
 */
export function createFusedCall(
  plan: StepPlan,
  program: Program,
  run: TensorBinding | undefined,
  memory: WasmMemory,
  allocator: Allocator,
): FusedCall | undefined {
  if (!run || run.size > fewElements || !canFuse(plan, program)) return undefined
  const unit = plan.units[0]!
  const { layout, module, numbers } = compileFusedStep(program, unit, isShared(memory))
  const step = instantiateFusedStep(program, layout, module, memory)

  const address = allocator.allocate(layout.bytes)
  fillTables(layout, address, run, memory)
  const { profileInputs, unitInputs, count, metricCount, loss, average, states, results } = numbers
  let doubles: Float64Array
  const write = (inputs: readonly NumberIndex[], scalars: Scalars): void => {
    for (let i = 0; i < inputs.length; i++) {
      const value = scalars[inputs[i]!.name]
      if (value !== undefined) doubles[inputs[i]!.index] = value
    }
  }
  return {
    run(numbers, isSame) {
      if (!isSame) {
        write(profileInputs, numbers.profile)
        write(unitInputs, numbers.unit)
      }
      if (count >= 0) doubles[count] = numbers.step
      if (metricCount >= 0) doubles[metricCount] = numbers.metricStep
      if (loss >= 0) doubles[loss] = numbers.loss
      if (average >= 0) doubles[average] = numbers.average
      for (let i = 0; i < states.length; i++) {
        const { input } = states[i]!
        if (input >= 0) doubles[input] = numbers.values[i]!
      }
      if (step(address) !== 0) return false
      numbers.average = doubles[results.average]!
      numbers.metric = doubles[results.metric]!
      numbers.scale = doubles[results.scale]!
      numbers.dualNorm = doubles[results.dualNorm]!
      for (let i = 0; i < states.length; i++) numbers.values[i] = doubles[states[i]!.output]!
      return true
    },
    refresh() {
      doubles = new Float64Array(memory.buffer, address, Math.floor(layout.bytes / 8))
    },
    dispose: () => allocator.release(address),
  }
}

/** Functions of scalars that WebAssembly does not have. */
const hostFunctions: ReadonlySet<Op> = new Set(['exp', 'log', 'atan2'])

/** Whether a plan's steps can be one call. */
function canFuse(plan: StepPlan, program: Program): boolean {
  const { clips, parameters, profiles, units } = plan
  if (units.length !== 1 || profiles.length !== 1 || clips.length > 0 || hasProfileScalars(plan)) return false
  return isOneCall(program) && (parameters.length <= 1 || program.stages.additive)
}

/** Whether a program needs nothing of the host but its scalars, and no extents. */
const isOneCall = memoised(({ graph, stages }: Program): boolean => {
  const needsHost = graph.nodes.some(({ op, shape }) => shape === 'scalar' && hostFunctions.has(op))
  return !needsHost && graph.normals.length === 0 && !readsExtents(graph) && !stages.hasBarriers
})

interface FusedProgram {
  readonly layout: FusedLayout
  readonly module: WasmModule
  readonly numbers: ReturnType<typeof indexNumbers>
}

const programs = new Map<string, FusedProgram>()

/** The fused step of a program. It is compiled on the first call, and shared by all graphs of one structure. */
function compileFusedStep({ graph, stages, type }: Program, unit: MetricUnit, shared: boolean): FusedProgram {
  const key = `${type.name} ${shared} ${graph.hash} ${unit.graph.hash}`
  let program = programs.get(key)
  if (!program) {
    const layout = layOutFusedStep(graph, unit.graph, stages, type)
    const code = encodeFusedStep(graph, unit.graph, stages, layout, type, shared)
    program = { layout, module: compileModule(code), numbers: indexNumbers(layout, unit) }
    programs.set(key, program)
  }
  return program
}

function instantiateFusedStep(
  program: Program,
  layout: FusedLayout,
  module: WasmModule,
  memory: WasmMemory,
): (address: number) => number | undefined {
  const loops = instantiate(program.module, memory)
  const loopOf = (name: 'reduce' | 'update') =>
    loops[program.functions.get(layout.passes[name].stage.loop)!.name]!
  return instantiate(module, memory, {
    pow: Math.pow,
    reduce: loopOf('reduce'),
    update: loopOf('update'),
  })['step']!
}

/** Clears the block, and fills the tables of the passes' loops, which stay the same for all steps. */
function fillTables(layout: FusedLayout, address: number, run: TensorBinding, memory: WasmMemory): void {
  const words = new Uint32Array(memory.buffer, address, layout.bytes / 4).fill(0)
  const tensors = [...run.inputs, ...run.outputs]
  for (const { stage, sums, scalars, table } of [layout.passes.reduce, layout.passes.update]) {
    const at = table / 4
    words[at + tableHeader.count] = run.size
    words[at + tableHeader.scalars] = address + scalars
    words[at + tableHeader.sums] = address + sums
    stage.locations.forEach((location, i) => {
      words[at + tableHeader.addresses + i] = tensors[location]!
    })
  }
}

/** The index of a named number. */
interface NumberIndex {
  readonly name: string
  readonly index: number
}

/** The indices of a step's numbers in the block as f64; −1 for those that the step does not read. */
function indexNumbers({ inputs, results }: FusedLayout, unit: MetricUnit) {
  const indexOf = (offset: number | undefined): number => (offset === undefined ? -1 : offset / 8)
  const indexAll = (offsets: ReadonlyMap<string, number>): NumberIndex[] =>
    [...offsets].map(([name, offset]) => ({ name, index: indexOf(offset) }))
  return {
    profileInputs: indexAll(inputs.step),
    unitInputs: indexAll(inputs.metric),
    count: indexOf(inputs.step.get('step')),
    metricCount: indexOf(inputs.metric.get('metricStep')),
    loss: indexOf(inputs.metric.get('loss')),
    average: indexOf(inputs.metric.get('average')),
    states: unit.graph.state.map((name, i) => ({
      input: indexOf(inputs.metric.get(`state.${name}`)),
      output: indexOf(results.state[i]),
    })),
    results: {
      average: indexOf(results.average),
      metric: indexOf(results.metric),
      scale: indexOf(results.scale),
      dualNorm: indexOf(results.dualNorm),
    },
  }
}
