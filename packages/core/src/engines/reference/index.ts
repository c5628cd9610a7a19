import { arrayOf, elementType, type ElementType, type TypedArray } from '../../dtype.js'
import type { Scalars } from '../../graph/hostScalars.js'
import { createSlot } from '../../step/initialSlots.js'
import { fillNormals, normalSources, type NormalSource } from '../../step/normals.js'
import type { StepPlan } from '../../step/plan.js'
import { changeOutput } from '../../step/stepGraph.js'
import { normalInput } from '../../transformation/declarations.js'
import type { Engine, EngineFactory } from '../engine.js'
import { compilePass, Scratch, type Extents, type InterpretedPass, type Tensors } from './interpreter.js'

type PassName = 'norm' | 'totals' | 'reduce' | 'update'

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
  /** The slots that are scalars, by the names of the graph's inputs. */
  readonly scalarSlots: readonly (readonly [string, TypedArray])[]
  /** Arrays for normal numbers, by the names of the graph's inputs. */
  readonly normals: readonly NormalInput[]
  /** `norm` is absent where the gradient is not clipped, `totals` where the base has none. */
  readonly passes: Readonly<Partial<Record<PassName, ParameterPass>>>
}

/** An input of normal numbers. */
interface NormalInput {
  readonly array: TypedArray
  readonly source: NormalSource
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
      const planned = next.parameters[works.length]!
      const entries = Object.entries(initialSlots[i]!).map(
        ([name, value]) => [name, createSlot(planned, name, value, dtype)] as const,
      )
      const own = Object.fromEntries(entries)
      parameters.push(parameter)
      gradients.push(arrayOf(dtype, parameter.length))
      slots.push(own)
      works.push(prepareWork(next, works.length, parameter, own, compile))
    })
    return undefined
  }
  add(plan, given, initial)

  let step: Step
  const run = (name: PassName, results: readonly Float64Array[]): void => {
    for (const index of step.active) {
      const { extents, tensors, passes, scalarSlots } = works[index]!
      const found = passes[name]
      if (!found) continue
      const { pass, destinations, scalars } = found
      const numbers = step.scalars[index]!
      for (const [slot, array] of scalarSlots) numbers[slot] = array[0]!
      tensors['gradient'] = step.gradients[index]!
      pass.run(extents, tensors, numbers, destinations)
      for (const { output, index: at } of scalars) results[at]![index] = pass.scalar(output)
      if (name === 'update') for (const [slot, array] of scalarSlots) array[0] = pass.scalar(slot)
    }
  }
  return {
    kind: 'reference',
    arrays: () => ({ parameters, gradients, slots }),
    begin(active, gradients, scalars) {
      step = { active, gradients, scalars }
      for (const index of active) {
        for (const { array, source } of works[index]!.normals)
          fillNormals(array, { ...source, step: scalars[index]!['step']! })
      }
    },
    norm: (results) => run('norm', [results]),
    totals: (results) => run('totals', results),
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
  const planned = plan.parameters[index]!
  const { size, rows, columns, graph, clip } = planned
  const dtype = elementType(parameter)!
  const written: Record<string, TypedArray> = { parameter }
  const scalarSlots: [string, TypedArray][] = []
  for (const [name, slot] of Object.entries(slots)) {
    if (graph.slotShapes[name] === 'scalar') scalarSlots.push([`slot.${name}`, slot])
    else written[`slot.${name}`] = slot
  }
  const normals = normalSources(plan, index).map((source): NormalInput => ({
    source,
    array: arrayOf(dtype, parameter.length),
  }))
  const kept = (name: PassName): string[] => (name === 'update' ? scalarSlots.map(([slot]) => slot) : [])
  const prepare = (
    name: PassName,
    destinations: Tensors,
    outputs: readonly string[],
    results: readonly string[],
  ): ParameterPass => ({
    pass: compile(plan, index, dtype, name, [...Object.keys(destinations), ...outputs, ...kept(name)]),
    destinations,
    scalars: outputs.map((output) => ({ output, index: results.indexOf(output) })),
  })
  return {
    extents: { size, rows, columns },
    tensors: {
      ...written,
      ...Object.fromEntries(normals.map(({ source, array }) => [normalInput(source.stream), array])),
    },
    scalarSlots,
    normals,
    passes: {
      ...(clip !== -1 && { norm: prepare('norm', {}, ['norm'], ['norm']) }),
      ...(graph.totals.length > 0 && { totals: prepare('totals', {}, graph.totals, plan.totals) }),
      reduce: prepare('reduce', {}, graph.reductions, plan.reductions),
      update: prepare('update', written, graph.averaging.map(changeOutput), plan.changes),
    },
  }
}
