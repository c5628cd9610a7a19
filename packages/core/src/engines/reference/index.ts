import type { Scalars } from '../../graph/hostScalars.js'
import { changeOutput } from '../../step/stepGraph.js'
import type { Engine, EngineFactory } from '../engine.js'
import { elementType, type TypedArray } from '../../dtype.js'
import { compilePass, Scratch, type Extents, type Pass, type Tensors } from './interpreter.js'

/**
 * The readable engine: interprets the recorded graphs over the caller's own arrays, one operation after the other. It
 * is what the others are compared with.
 */
export const createReferenceEngine: EngineFactory = (firstPlan, given, initial): Engine => {
  let plan = firstPlan
  const make = {
    float32: (length: number) => new Float32Array(length),
    float64: (length: number) => new Float64Array(length),
  }
  const scratch = { float32: new Scratch(make.float32), float64: new Scratch(make.float64) }
  const passes = new Map<string, Pass>()
  /** A pass of a parameter's graph; parameters of one graph and element type share it. */
  const passOf = (index: number, name: string, outputs: (slots: readonly string[]) => string[]): Pass => {
    const { graph } = plan.parameters[index]!
    const type = elementType(parameters[index])!
    const key = `${name} ${type} ${graph.hash}`
    let pass = passes.get(key)
    if (!pass) passes.set(key, (pass = compilePass(graph, outputs(graph.slots), scratch[type])))
    return pass
  }

  const parameters: TypedArray[] = []
  const slots: Record<string, TypedArray>[] = []
  const gradients: TypedArray[] = []
  const work: ReturnType<typeof workOn>[] = []
  const workOn = (index: number) => {
    const { shape, size } = plan.parameters[index]!
    const extents: Extents = { size, rows: shape[0] ?? 1, columns: shape[1] ?? 1 }
    const destinations: Record<string, TypedArray> = { parameter: parameters[index]! }
    for (const [name, slot] of Object.entries(slots[index]!)) destinations[`slot.${name}`] = slot
    const tensors: Record<string, TypedArray> = { ...destinations }
    return {
      extents,
      destinations,
      tensors,
      norm: () => passOf(index, 'norm', () => ['norm']),
      reduce: passOf(index, 'reduce', () => [...plan.parameters[index]!.graph.reductions]),
      update: passOf(index, 'update', (names) => [
        'parameter',
        ...names.map((name) => `slot.${name}`),
        ...plan.parameters[index]!.graph.averaging.map(changeOutput),
      ]),
    }
  }
  const add: Engine['add'] = (next, added, initialSlots) => {
    plan = next
    added.forEach((parameter, i) => {
      const entries = Object.entries(initialSlots[i]!).map(([name, value]) => {
        const slot = make[elementType(parameter)!](parameter.length)
        return [name, value === 0 ? slot : slot.fill(value)] as const
      })
      parameters.push(parameter)
      gradients.push(make[elementType(parameter)!](parameter.length))
      slots.push(Object.fromEntries(entries))
      work.push(workOn(parameters.length - 1))
    })
  }
  add(plan, given, initial)

  const run = (pass: Pass, index: number, destinations: Tensors): Pass => {
    const { extents, tensors } = work[index]!
    tensors['gradient'] = step.gradients[index]!
    pass.run(extents, tensors, step.scalars[index]!, destinations)
    return pass
  }
  let step: {
    active: readonly number[]
    gradients: readonly (TypedArray | null)[]
    scalars: readonly Scalars[]
  }
  return {
    kind: 'reference',
    arrays: () => ({ parameters, gradients, slots }),
    begin(active, gradients, scalars) {
      step = { active, gradients, scalars }
    },
    norm(results) {
      for (const index of step.active) {
        if (plan.parameters[index]!.clip === -1) continue
        results[index] = run(work[index]!.norm(), index, {}).scalar('norm')
      }
    },
    reduce(results) {
      for (const index of step.active) {
        const pass = run(work[index]!.reduce, index, {})
        for (const name of plan.parameters[index]!.graph.reductions) {
          results[plan.reductions.indexOf(name)]![index] = pass.scalar(name)
        }
      }
    },
    update(results) {
      for (const index of step.active) {
        const pass = run(work[index]!.update, index, work[index]!.destinations)
        for (const name of plan.parameters[index]!.graph.averaging.map(changeOutput)) {
          results[plan.changes.indexOf(name)]![index] = pass.scalar(name)
        }
      }
    },
    add,
    dispose() {
      passes.clear()
      return () => parameters
    },
  }
}
