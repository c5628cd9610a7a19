import type { StepPlan } from '../../step/plan.js'
import type { Scalars } from '../../graph/hostScalars.js'
import type { FusedStepNumbers } from '../../step/passes.js'
import type { Allocator, TensorBinding } from './kernels.js'
import { tableHeader } from './codegen/loop.js'
import type { Program } from './codegen/program.js'
import { compileModule, instantiate, isShared, type WasmMemory, type WasmModule } from './memory.js'
import { encodeWhole, layOutWhole, type WholeLayout } from './codegen/fusedModule.js'

/** Elements up to which what a step costs is mostly the calls around it. */
const fewElements = 1 << 15

interface WholeProgram {
  readonly layout: WholeLayout
  readonly module: WasmModule
}

const programs = new Map<string, WholeProgram>()

/** A whole step on tensors that are in their places. */
export interface WholeCall {
  /** As in `FusedStep`. */
  run(given: FusedStepNumbers, isSame: boolean): boolean
  /** After the memory has grown, and before the first step. */
  refresh(): void
  dispose(): void
}

/**
 * Prepares steps that are one call each: for a plan whose tensors are few in elements, lie side by side, and are
 * updated by one program under one factor. On the seventeen weights of a network for xor, the host's work around the passes of a
 * step is ten times that of the step.
 *
 * @param run the tensors as one; `undefined` where they are not
 */
export function createWholeCall(
  plan: StepPlan,
  program: Program,
  run: TensorBinding | undefined,
  memory: WasmMemory,
  allocator: Allocator,
): WholeCall | undefined {
  const { graph, schedule, type } = program
  const [unit] = plan.units
  const readsShape = graph.nodes.some(({ name }) => name === 'rows' || name === 'columns')
  const fits = plan.units.length === 1 && plan.profiles.length === 1 && plan.clips.length === 0
  if (!run || run.size > fewElements || !fits || readsShape || schedule.staged) return undefined
  if (plan.parameters.length > 1 && !schedule.additive) return undefined

  const shared = isShared(memory)
  const key = `${type.name} ${shared} ${graph.hash} ${unit!.graph.hash}`
  let whole = programs.get(key)
  if (!whole) {
    const layout = layOutWhole(graph, unit!.graph, schedule, type)
    const code = encodeWhole(graph, unit!.graph, schedule, layout, type, shared)
    programs.set(key, (whole = { layout, module: compileModule(code) }))
  }
  const { layout, module } = whole
  const loops = instantiate(program.module, memory)
  const loopOf = (name: 'reduce' | 'update') => loops[program.functions.get(layout.passes[name].loop)!.name]!
  const { step } = instantiate(module, memory, {
    pow: Math.pow,
    reduce: loopOf('reduce'),
    update: loopOf('update'),
  })

  const address = allocator.allocate(layout.bytes)
  new Uint8Array(memory.buffer, address, layout.bytes).fill(0)
  const start = address / 8
  const place = (offset: number): number => start + offset / 8
  const entries = (inputs: ReadonlyMap<string, number>) =>
    [...inputs].map(([name, offset]) => ({ name, place: place(offset) }))
  const stepInputs = entries(layout.inputs.step)
  const metricInputs = entries(layout.inputs.metric)
  const placeOf = (offset: number | undefined): number => (offset === undefined ? -1 : place(offset))
  const count = placeOf(layout.inputs.step.get('step'))
  const metricInput = (name: string): number => placeOf(layout.inputs.metric.get(name))
  const [metricCount, loss, average] = ['metricStep', 'loss', 'average'].map(metricInput) as [
    number,
    number,
    number,
  ]
  const states = unit!.graph.state.map((name, i) => ({
    input: metricInput(`state.${name}`),
    output: place(layout.results.state[i]!),
  }))
  const results = {
    average: place(layout.results.average),
    metric: place(layout.results.metric),
    scale: place(layout.results.scale),
    dualNorm: place(layout.results.dualNorm),
  }

  let doubles: Float64Array = new Float64Array(0)
  const fillTables = (): void => {
    const words = new Uint32Array(memory.buffer)
    for (const { loop, sums, scalars, table } of [layout.passes.reduce, layout.passes.update]) {
      const at = (address + table) / 4
      words[at + tableHeader.count] = run.size
      words[at + tableHeader.scalars] = address + scalars
      words[at + tableHeader.sums] = address + sums
      const stage = [schedule.reduce, schedule.update]
        .flatMap(({ stages }) => stages)
        .find((each) => each.kind === 'loop' && each.loop === loop)
      const { places } = stage as Extract<typeof stage, { kind: 'loop' }>
      places.forEach((from, i) => {
        words[at + tableHeader.addresses + i] = [...run.inputs, ...run.outputs][from]!
      })
    }
  }
  const write = (inputs: readonly { name: string; place: number }[], scalars: Scalars): void => {
    for (let i = 0; i < inputs.length; i++) {
      const value = scalars[inputs[i]!.name]
      if (value !== undefined) doubles[inputs[i]!.place] = value
    }
  }
  fillTables()
  return {
    run(given, isSame) {
      if (!isSame) {
        write(stepInputs, given.profile)
        write(metricInputs, given.unit)
      }
      if (count >= 0) doubles[count] = given.step
      if (metricCount >= 0) doubles[metricCount] = given.metricStep
      if (loss >= 0) doubles[loss] = given.loss
      if (average >= 0) doubles[average] = given.average
      for (let i = 0; i < states.length; i++) {
        const { input } = states[i]!
        if (input >= 0) doubles[input] = given.values[i]!
      }
      if (step!(address) !== 0) return false
      given.average = doubles[results.average]!
      given.metric = doubles[results.metric]!
      given.scale = doubles[results.scale]!
      given.dualNorm = doubles[results.dualNorm]!
      for (let i = 0; i < states.length; i++) given.values[i] = doubles[states[i]!.output]!
      return true
    },
    refresh() {
      doubles = new Float64Array(memory.buffer)
    },
    dispose: () => allocator.release(address),
  }
}
