import { arrayOf, elementType, type ElementType, type TypedArray } from '../../dtype.js'
import type { Scalars } from '../../graph/hostScalars.js'
import type { StepPlan } from '../../step/plan.js'
import { changeOutput } from '../../step/stepGraph.js'
import type { Engine, EngineFactory } from '../engine.js'
import { compilePass, Scratch, type Extents, type InterpretedPass, type Tensors } from './interpreter.js'

type PassName = 'norm' | 'reduce' | 'update'

/** A pass over one parameter. */
interface ParameterPass {
  readonly pass: InterpretedPass
  /** The arrays it writes. */
  readonly destinations: Tensors
  /** Its scalar outputs, each with its index among the results of the pass. */
  readonly scalars: readonly { readonly output: string; readonly index: number }[]
}

/** The work on one parameter. */
interface ParameterWork {
  readonly extents: Extents
  /** The parameter, its slots and its gradient, by the names of the graph's inputs. */
  readonly tensors: Record<string, TypedArray>
  /** `norm` is absent where the gradient is not clipped. */
  readonly passes: Readonly<Partial<Record<PassName, ParameterPass>>>
}

/** The arguments of `begin`. */
interface Step {
  readonly active: readonly number[]
  readonly gradients: readonly (TypedArray | null)[]
  readonly scalars: readonly Scalars[]
}

/**
 * The readable engine: it interprets the recorded graphs over the caller's own arrays, one operation after the other.
 * Other engines are compared with it.
 */
export const createReferenceEngine: EngineFactory = (plan, given, initial): Engine => {
  const compile = createPassCache()
  const parameters: TypedArray[] = []
  const slots: Record<string, TypedArray>[] = []
  const gradients: TypedArray[] = []
  const works: ParameterWork[] = []
  const add: Engine['add'] = (next, added, initialSlots) => {
    added.forEach((parameter, i) => {
      const dtype = elementType(parameter)!
      const zeros = (): TypedArray => arrayOf(dtype, parameter.length)
      const entries = Object.entries(initialSlots[i]!).map(
        ([name, value]) => [name, value === 0 ? zeros() : zeros().fill(value)] as const,
      )
      const own = Object.fromEntries(entries)
      parameters.push(parameter)
      gradients.push(zeros())
      slots.push(own)
      works.push(prepareWork(next, works.length, parameter, own, compile))
    })
    return undefined
  }
  add(plan, given, initial)

  let step: Step
  const run = (name: PassName, results: readonly Float64Array[]): void => {
    for (const index of step.active) {
      const { extents, tensors, passes } = works[index]!
      const found = passes[name]
      if (!found) continue
      const { pass, destinations, scalars } = found
      tensors['gradient'] = step.gradients[index]!
      pass.run(extents, tensors, step.scalars[index]!, destinations)
      for (const { output, index: at } of scalars) results[at]![index] = pass.scalar(output)
    }
  }
  return {
    kind: 'reference',
    arrays: () => ({ parameters, gradients, slots }),
    begin(active, gradients, scalars) {
      step = { active, gradients, scalars }
    },
    norm: (results) => run('norm', [results]),
    reduce: (results) => run('reduce', results),
    update: (results) => run('update', results),
    add,
    dispose: () => () => parameters,
  }
}

/** Compiles passes. Those of equal graphs and element types share one. */
type PassCache = (
  plan: StepPlan,
  index: number,
  dtype: ElementType,
  name: PassName,
  outputs: readonly string[],
) => InterpretedPass

function createPassCache(): PassCache {
  const scratch = { float32: new Scratch('float32'), float64: new Scratch('float64') }
  const passes = new Map<string, InterpretedPass>()
  return (plan, index, dtype, name, outputs) => {
    const { graph } = plan.parameters[index]!
    const key = `${name} ${dtype} ${graph.hash}`
    let pass = passes.get(key)
    if (!pass) passes.set(key, (pass = compilePass(graph, outputs, scratch[dtype])))
    return pass
  }
}

function prepareWork(
  plan: StepPlan,
  index: number,
  parameter: TypedArray,
  slots: Readonly<Record<string, TypedArray>>,
  compile: PassCache,
): ParameterWork {
  const { shape, size, graph, clip } = plan.parameters[index]!
  const dtype = elementType(parameter)!
  const written: Record<string, TypedArray> = { parameter }
  for (const [name, slot] of Object.entries(slots)) written[`slot.${name}`] = slot
  const prepare = (
    name: PassName,
    destinations: Tensors,
    outputs: readonly string[],
    results: readonly string[],
  ): ParameterPass => ({
    pass: compile(plan, index, dtype, name, [...Object.keys(destinations), ...outputs]),
    destinations,
    scalars: outputs.map((output) => ({ output, index: results.indexOf(output) })),
  })
  return {
    extents: { size, rows: shape[0] ?? 1, columns: shape[1] ?? 1 },
    tensors: { ...written },
    passes: {
      ...(clip !== -1 && { norm: prepare('norm', {}, ['norm'], ['norm']) }),
      reduce: prepare('reduce', {}, graph.reductions, plan.reductions),
      update: prepare('update', written, graph.averaging.map(changeOutput), plan.changes),
    },
  }
}
