import type { Profile } from '../step/plan.js'
import type { SharedGraph } from '../step/sharedGraph.js'
import { sharedInput } from '../transformation/declarations.js'
import type { DeferredInputs, Evaluate, Total } from './deferredInputs.js'

/** The scalars that the parameters of a profile have in common in a step. Each is computed when it is first read. */
export interface DeferredProfile<V> {
  /** A scalar input of the parameters' graphs; `undefined` if the profile has none of that name. */
  input(name: string): V | undefined
  /** The values of the shared scalars after the step, in the order of their names. */
  nextShared(): readonly V[]
}

const outputLists = new WeakMap<SharedGraph, readonly string[]>()

/** The next values of shared scalars: one list for all steps. */
function outputsOf(graph: SharedGraph): readonly string[] {
  let list = outputLists.get(graph)
  if (list === undefined) outputLists.set(graph, (list = graph.names.map(sharedInput)))
  return list
}

/** Prepares the scalars of a profile. */
export function createDeferredProfile<V>(
  { shared, members, totals }: Profile,
  index: number,
  given: {
    readonly inputs: DeferredInputs<V>
    readonly evaluate: Evaluate<V>
    readonly total: Total<V>
  },
): DeferredProfile<V> {
  const { inputs, evaluate, total } = given
  const sums = new Map<string, V | undefined>()
  const totalOf = (name: string): V | undefined => {
    if (!sums.has(name)) sums.set(name, total(members, name))
    return sums.get(name)
  }
  const input = (name: string): V | undefined => {
    if (name === 'loss') return inputs.loss()
    if (name === 'profileStep') return inputs.profileStep(index)
    if (totals.includes(name)) return totalOf(name)
    const kept = shared.names.find((one) => sharedInput(one) === name)
    return kept === undefined ? inputs.profile(index, name) : inputs.shared(index, kept)
  }
  let next: readonly V[] | undefined
  return {
    input,
    nextShared() {
      if (next === undefined) {
        const evaluation = evaluate(shared, outputsOf(shared), input)
        next = outputsOf(shared).map((name) => evaluation.get(name))
      }
      return next
    },
  }
}
