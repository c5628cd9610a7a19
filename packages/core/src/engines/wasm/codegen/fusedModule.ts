import { neededNodes } from '../../../graph/graph.js'
import type { MetricGraph } from '../../../step/metricGraph.js'
import { changeOutput, type StepGraph } from '../../../step/stepGraph.js'
import { encodeModule, type Bytes, type FunctionImport } from './encoder.js'
import type { FusedLayout, FusedPass } from './fusedLayout.js'
import {
  call,
  f64,
  get,
  i32,
  loadF64,
  Locals,
  op,
  set,
  storeF32,
  storeF64,
  tee,
  when,
} from './instructions.js'
import { createScalarWriter, emitIsFinite, type ScalarWriter } from './scalarCode.js'
import type { StepStages } from './stages.js'
import type { VectorType } from './vectors.js'

/** The imports of a fused step's module: a power of scalars, and the loops of its passes. */
const imports: readonly FunctionImport[] = [
  { name: 'pow', parameters: ['f64', 'f64'], result: 'f64' },
  { name: 'reduce', parameters: ['i32', 'i32'] },
  { name: 'update', parameters: ['i32', 'i32'] },
]

const importOf = (name: string): number => imports.findIndex((each) => each.name === name)

/** The parameter of the function: the address of its block. */
const block = 0

/** A fused step under construction. */
interface Frame {
  readonly graph: StepGraph
  readonly metric: MetricGraph
  readonly layout: FusedLayout
  readonly type: VectorType
  readonly locals: Locals
  readonly stepScalars: ScalarWriter
  readonly metricScalars: ScalarWriter
}

/**
 * Writes a module with a function `step` that takes a step: the scalars before and between the passes, and the passes.
 * Its parameter is the address of a block with the given layout. It returns 0 where it has taken the step. Any other
 * result leaves the step to the host, because something is not finite or the loss is not valid; the function has then
 * written nothing but its block.
 */
export function encodeFusedStep(
  graph: StepGraph,
  metric: MetricGraph,
  { reduce, update }: StepStages,
  layout: FusedLayout,
  type: VectorType,
  shared: boolean,
): Uint8Array {
  const frame = createFrame(graph, metric, layout, type)
  const { locals, stepScalars, metricScalars } = frame
  // Locals are numbered in this order, in which the sums and changes come before the scalars.
  const sums = readSums(frame)
  const { changes, code: readChanges } = readStateChanges(frame)
  const late = reduce.stages.flatMap((stage) => (stage.kind === 'scalars' ? stage.nodes : []))
  const states = metric.state.map((name) => `state.${name}`)
  const metricNodes = neededNodes(metric, ['average', 'metric', 'scale', 'status', ...states])
  const beforeStatus = [
    ...stepScalars.write(reduce.early),
    runPass(frame, 'reduce'),
    ...sums,
    ...stepScalars.write(late),
    ...metricScalars.write(metricNodes),
  ]
  const status = get(metricScalars.locals.get(metric.outputs['status']!)!)
  const body: Bytes[] = [
    ...beforeStatus,
    when([status, f64(0), op.f64Equal, op.i32Eqz], [i32(1), op.return]),
    ...stepScalars.write(update.early),
    runPass(frame, 'update'),
    ...storeMetric(frame),
    ...readChanges,
    ...storeStates(frame, changes),
    storeF64At(layout.results.dualNorm, get(stepScalars.locals.get(graph.outputs['dual']!)!)),
    i32(0),
  ]
  const code = { name: 'step', parameters: 1, result: 'i32', locals: locals.types, body } as const
  return encodeModule([code], shared, imports)
}

function createFrame(graph: StepGraph, metric: MetricGraph, layout: FusedLayout, type: VectorType): Frame {
  const locals = new Locals(1)
  const load = (offset: number): Bytes => [get(block), loadF64(offset)]
  const stepInput = (name: string): Bytes =>
    name === 'scale'
      ? get(metricScalars.locals.get(metric.outputs['scale']!)!)
      : load(layout.inputs.step.get(name)!)
  const metricInput = (name: string): Bytes => {
    const sum = metric.sums.find(({ input }) => input === name)
    return sum
      ? get(stepScalars.locals.get(graph.outputs[sum.output]!)!)
      : load(layout.inputs.metric.get(name)!)
  }
  const pow = importOf('pow')
  const stepScalars = createScalarWriter(graph, locals, stepInput, pow)
  const metricScalars = createScalarWriter(metric, locals, metricInput, pow)
  return { graph, metric, layout, type, locals, stepScalars, metricScalars }
}

/** Hands a pass its scalars, and calls its loop. */
function runPass({ layout, type, stepScalars }: Frame, name: FusedPass): Bytes {
  const { stage, table, scalars } = layout.passes[name]
  const store = type.bytes === 4 ? (offset: number) => [op.f32DemoteF64, storeF32(offset)] : storeF64
  return [
    stage.loop.scalars.map((node, i) => [
      get(block),
      get(stepScalars.locals.get(node)!),
      store(scalars + i * type.bytes),
    ]),
    [get(block), i32(table), op.i32Add, i32(1), call(importOf(name))],
  ]
}

/** Reads the sums of `reduce`, and returns to the host where one is not finite. */
function readSums({ layout, locals, stepScalars }: Frame): Bytes[] {
  const { stage, sums } = layout.passes.reduce
  return stage.loop.sums.map((node, i) => {
    const local = locals.add('f64')
    stepScalars.locals.set(node, local)
    const load = [get(block), loadF64(sums + 8 * i), tee(local)]
    // A sum that is not finite may only have overflowed in single precision. The host can add it up in double.
    return when([emitIsFinite(load, get(local)), op.i32Eqz], [i32(1), op.return])
  })
}

/** Reads the sums of `update`, which change the metric's state: 0 where one is not finite. */
function readStateChanges({ graph, metric, layout, locals }: Frame): {
  /** The local of the change of each state. */
  changes: ReadonlyMap<string, number>
  code: Bytes[]
} {
  const { stage, sums } = layout.passes.update
  const changes = new Map<string, number>()
  const code = metric.changes.map(({ state, slot }): Bytes => {
    const sum = stage.loop.sums.indexOf(graph.outputs[changeOutput(slot)]!)
    const local = locals.add('f64')
    changes.set(state, local)
    return [
      set(local, [get(block), loadF64(sums + 8 * sum)]),
      when([emitIsFinite(get(local)), op.i32Eqz], set(local, f64(0))),
    ]
  })
  return { changes, code }
}

function storeF64At(offset: number, value: Bytes): Bytes {
  return [get(block), value, storeF64(offset)]
}

function storeMetric({ metric, layout, metricScalars }: Frame): Bytes[] {
  return (['average', 'metric', 'scale'] as const).map((name) =>
    storeF64At(layout.results[name], get(metricScalars.locals.get(metric.outputs[name]!)!)),
  )
}

/** Stores the metric's state, with its changes. */
function storeStates(
  { metric, layout, metricScalars }: Frame,
  changes: ReadonlyMap<string, number>,
): Bytes[] {
  return metric.state.map((name, i) => {
    const change = changes.get(name)
    const value = get(metricScalars.locals.get(metric.outputs[`state.${name}`]!)!)
    const sum = change === undefined ? value : [value, get(change), op.f64Add]
    return storeF64At(layout.results.state[i]!, sum)
  })
}
