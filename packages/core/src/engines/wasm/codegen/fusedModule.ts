import type { Op } from '../../../graph/algebra.js'
import { neededNodes, type Graph, type GraphNode } from '../../../graph/graph.js'
import type { MetricGraph } from '../../../step/metricGraph.js'
import { changeOutput, type StepGraph } from '../../../step/stepGraph.js'
import { encodeModule, type Bytes, type FunctionImport } from './encoder.js'
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
import { rowWords, type Loop } from './loop.js'
import type { Schedule } from './stages.js'
import type { VectorType } from './vectors.js'

/** Where things lie in the block that a whole step works on, in bytes from its start. */
export interface WholeLayout {
  /** Scalar inputs (f64), by name: those of the parameters' graph, and those of the metric's. */
  readonly inputs: {
    readonly step: ReadonlyMap<string, number>
    readonly metric: ReadonlyMap<string, number>
  }
  /** Results (f64). */
  readonly results: { readonly [name in (typeof resultNames)[number]]: number } & {
    /** The metric's state, in its order. */
    readonly state: readonly number[]
  }
  /** Of each pass, its loop's sums (f64), scalars and table. */
  readonly passes: { readonly [name in WholePass]: PassLayout }
  readonly bytes: number
}

interface PassLayout {
  readonly loop: Loop
  readonly sums: number
  readonly scalars: number
  readonly table: number
}

type WholePass = 'reduce' | 'update'

const resultNames = ['average', 'metric', 'scale', 'dualNorm'] as const

/** Lays out the block of a whole step whose passes are a loop each. */
export function layOutWhole(
  graph: StepGraph,
  metric: MetricGraph,
  { reduce, update }: Schedule,
  type: VectorType,
): WholeLayout {
  let bytes = 0
  const take = (count: number, size: number): number => {
    const at = Math.ceil(bytes / size) * size
    bytes = at + count * size
    return at
  }
  const named = (given: Graph, inner: readonly string[]): Map<string, number> =>
    new Map(
      given.nodes
        .filter(({ op, shape, name }) => op === 'input' && shape === 'scalar' && !inner.includes(name!))
        .map(({ name }) => [name!, take(1, 8)]),
    )
  // Some scalars the step computes itself.
  const sums = metric.sums.map(({ input }) => input)
  const inputs = { step: named(graph, ['scale']), metric: named(metric, sums) }
  const [average, scaledMetric, scale, dualNorm] = resultNames.map(() => take(1, 8)) as [
    number,
    number,
    number,
    number,
  ]
  const state = metric.state.map(() => take(1, 8))
  const pass = ({ stages }: Schedule['reduce']): PassLayout => {
    const { loop } = stages.find((stage) => stage.kind === 'loop')!
    return {
      loop,
      sums: take(loop.sums.length, 8),
      scalars: take(loop.scalars.length, type.bytes),
      table: take(rowWords(loop), 4),
    }
  }
  const passes = { reduce: pass(reduce), update: pass(update) }
  return { inputs, results: { average, metric: scaledMetric, scale, dualNorm, state }, passes, bytes }
}

/** What a module of a whole step imports: a power of scalars, and the loops of its passes. */
const imports: readonly FunctionImport[] = [
  { name: 'pow', parameters: ['f64', 'f64'], result: 'f64' },
  { name: 'reduce', parameters: ['i32', 'i32'] },
  { name: 'update', parameters: ['i32', 'i32'] },
]

/**
 * Writes a module with a function `step`, which is given the address of a block laid out as above and takes a whole
 * step: the scalars before and between the passes, and the passes. It returns 0 where it has; anything else says that
 * the step has to be looked at by the host (something is not finite, or a loss cannot be taken), and that nothing
 * was written but to the block.
 */
export function encodeWhole(
  graph: StepGraph,
  metric: MetricGraph,
  { reduce, update }: Schedule,
  layout: WholeLayout,
  type: VectorType,
  shared: boolean,
): Uint8Array {
  const block = 0
  const locals = new Locals(1)
  const step = new Map<number, number>()
  const unit = new Map<number, number>()
  const stepInput = (name: string): Bytes =>
    name === 'scale'
      ? get(unit.get(metric.outputs['scale']!)!)
      : [get(block), loadF64(layout.inputs.step.get(name)!)]
  const metricInput = (name: string): Bytes => {
    const sum = metric.sums.find(({ input }) => input === name)
    return sum
      ? get(step.get(graph.outputs[sum.output]!)!)
      : [get(block), loadF64(layout.inputs.metric.get(name)!)]
  }

  const scalars = (
    of: Graph,
    values: Map<number, number>,
    order: readonly number[],
    input: (name: string) => Bytes,
  ): Bytes[] =>
    order
      .filter((node) => !values.has(node))
      .map((node) => {
        const value = (i: number): Bytes => get(values.get(i)!)
        const code = scalarCode(of, node, value, input)
        const local = locals.add('f64')
        values.set(node, local)
        // A local is 0 before it is set.
        return isDecay(of, node) ? when(remains(of, node, value), set(local, code)) : set(local, code)
      })
  const run = (name: WholePass): Bytes => {
    const { loop, table, scalars: at } = layout.passes[name]
    const store = type.bytes === 4 ? (offset: number) => [op.f32DemoteF64, storeF32(offset)] : storeF64
    return [
      loop.scalars.map((node, i) => [get(block), get(step.get(node)!), store(at + i * type.bytes)]),
      [get(block), i32(table), op.i32Add, i32(1), call(imports.findIndex((each) => each.name === name))],
    ]
  }
  const sums = layout.passes.reduce.loop.sums.map((node, i): Bytes => {
    const local = locals.add('f64')
    step.set(node, local)
    const load = [get(block), loadF64(layout.passes.reduce.sums + 8 * i), tee(local)]
    // What is not finite may only have overflowed in single precision: the host knows how to look closer.
    return when([load, get(local), op.f64Sub, f64(0), op.f64Equal, op.i32Eqz], [i32(1), op.return])
  })
  /** What is added to a state when the parameters have been written, or 0 where that is not finite. */
  const changes = new Map<string, number>()
  const changed = metric.changes.map(({ state, slot }): Bytes => {
    const sum = layout.passes.update.loop.sums.indexOf(graph.outputs[changeOutput(slot)]!)
    const local = locals.add('f64')
    changes.set(`state.${state}`, local)
    const isFinite = [get(local), get(local), op.f64Sub, f64(0), op.f64Equal]
    return [
      set(local, [get(block), loadF64(layout.passes.update.sums + 8 * sum)]),
      when([isFinite, op.i32Eqz], set(local, f64(0))),
    ]
  })
  const late = reduce.stages.flatMap((stage) => (stage.kind === 'scalars' ? stage.nodes : []))
  const states = metric.state.map((name) => `state.${name}`)
  const outputs = ['average', 'metric', 'scale', 'status', ...states]
  const result = (at: number, local: number): Bytes => [get(block), get(local), storeF64(at)]

  const body: Bytes[] = [
    ...scalars(graph, step, reduce.early, stepInput),
    run('reduce'),
    ...sums,
    ...scalars(graph, step, late, stepInput),
    ...scalars(metric, unit, neededNodes(metric, outputs), metricInput),
  ]
  const status = get(unit.get(metric.outputs['status']!)!)
  body.push(
    when([status, f64(0), op.f64Equal, op.i32Eqz], [i32(1), op.return]),
    ...scalars(graph, step, update.early, stepInput),
    run('update'),
    ...(['average', 'metric', 'scale'] as const).map((name) =>
      result(layout.results[name], unit.get(metric.outputs[name]!)!),
    ),
    ...changed,
    ...states.map((name, i): Bytes => {
      const change = changes.get(name)
      const value = get(unit.get(metric.outputs[name]!)!)
      const sum = change === undefined ? value : [value, get(change), op.f64Add]
      return [get(block), sum, storeF64(layout.results.state[i]!)]
    }),
    result(layout.results.dualNorm, step.get(graph.outputs['dual']!)!),
    i32(0),
  )
  return encodeModule(
    [{ name: 'step', parameters: 1, result: 'i32', locals: locals.types, body }],
    shared,
    imports,
  )
}

/** Whether a scalar is a power that serves only to be taken from 1, as in the corrections of a bias, 1 − βᵗ. */
function isDecay({ nodes, outputs }: Graph, index: number): boolean {
  const isFromOne = ({ op, inputs: [from, power] }: GraphNode): boolean =>
    op === 'sub' && nodes[from!]!.value === 1 && power === index
  return (
    nodes[index]!.op === 'pow' &&
    !Object.values(outputs).includes(index) &&
    nodes.every((node) => !node.inputs.includes(index) || isFromOne(node))
  )
}

/**
 * Tells (i32) whether 1 − βᵗ may be other than 1. Above t(1 − β) = 40 it is not, as ln β ≤ β − 1, and e⁻⁴⁰ is less than
 * half of the last bit. The powers of Adam's corrections are a good part of a step on few weights.
 */
function remains({ nodes }: Graph, index: number, value: (node: number) => Bytes): Bytes {
  const [base, exponent] = nodes[index]!.inputs.map(value) as [Bytes, Bytes]
  return [
    [f64(0), base, op.f64Less],
    [base, f64(1), op.f64Less, op.i32And],
    [f64(40), exponent, f64(1), base, op.f64Sub, op.f64Mul, op.f64Less, op.i32And],
    op.i32Eqz,
  ]
}

/** The code of one scalar: the same operations of double precision as on the host, so with the same results. */
function scalarCode(
  graph: Graph,
  index: number,
  value: (node: number) => Bytes,
  input: (name: string) => Bytes,
): Bytes {
  const node = graph.nodes[index]!
  if (node.op === 'constant') return f64(node.value!)
  if (node.op === 'input') return input(node.name!)
  const [a, b, c] = node.inputs.map(value) as [Bytes, Bytes, Bytes]
  const simple = instructions[node.op]
  if (simple !== undefined) return [...node.inputs.map(value), simple]
  switch (node.op) {
    case 'square':
      return [a, a, op.f64Mul]
    case 'pow':
      return [a, b, call(0)]
    case 'sign':
      return [[f64(1), f64(-1), a, [a, f64(0), op.f64Less], op.select], [a, f64(0), op.f64Greater], op.select]
    case 'finite':
      // x − x is 0, or NaN.
      return [a, a, op.f64Sub, f64(0), op.f64Equal, op.f64ConvertI32]
    case 'greater':
      return [a, b, op.f64Greater, op.f64ConvertI32]
    case 'select':
      return [b, c, [a, f64(0), op.f64Greater], op.select]
    default:
      throw new RangeError(`${node.op} is not an operation on scalars`)
  }
}

const instructions: Readonly<Partial<Record<Op, number>>> = {
  add: op.f64Add,
  sub: op.f64Sub,
  mul: op.f64Mul,
  div: op.f64Div,
  max: op.f64Max,
  min: op.f64Min,
  sqrt: op.f64Sqrt,
  abs: op.f64Abs,
  neg: op.f64Neg,
}
