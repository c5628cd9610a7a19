import { arrayOf, type ElementType } from '../dtype.js'
import type { Scalars } from '../graph/hostScalars.js'
import type { Passes } from '../step/passes.js'
import { changeOutput } from '../step/stepGraph.js'
import type { TensorBackend } from './backend.js'
import { createGivenTensors, inOwnShape, type TensorWork } from './givenTensors.js'
import { createScalarTensors } from './tensorFunction.js'
import { functionOf, variantOf } from './functionCache.js'

/** The result of a step for one parameter. */
interface TensorUpdate<T> {
  readonly value: T
  readonly slots: Record<string, T>
}

/** The passes of one step over tensors. */
export interface TensorPasses<T> extends Passes<T> {
  /** The results of `update`, by parameter. */
  readonly updates: readonly (TensorUpdate<T> | undefined)[]
  /** Frees what the passes share. */
  end(): void
}

/** Creates the passes of one step, which evaluate each parameter's graph. */
export function createPasses<T extends object>(work: TensorWork<T>): TensorPasses<T> {
  const { plan, dtypes, backend, output } = work
  const constants = createScalarTensors(backend)
  const given = createGivenTensors(work, (index) => ({
    gradient: gradients[index]!,
    step: scalars[index]!['step']!,
  }))
  const updates: TensorUpdate<T>[] = []
  let active: readonly number[] = []
  let gradients: readonly (T | null)[] = []
  let scalars: readonly Scalars[] = []

  const evaluate = (index: number, outputs: readonly string[]): Record<string, T | number> => {
    const parameter = plan.parameters[index]!
    const compute = functionOf(backend, variantOf(parameter.graph)(scalars[index]!), outputs)
    return compute({
      tensor: (name) => given.at(index, name),
      numbers: scalars[index]!,
      scalars: constants,
      dtype: dtypes[index]!,
    })
  }
  const addUp: AddUp<T> = (members, partOf, results) =>
    sumOnDevice({ members, partOf, scalars, dtypes, backend }, results)
  const reduce = (members: readonly number[], name: string, results: Float64Array): void =>
    addUp(members, (index) => evaluate(index, [name])[name]!, results)

  const reduceAll = (kind: 'totals' | 'reductions', results: readonly Float64Array[]): void =>
    plan[kind].forEach((name, i) => {
      const has = (index: number) => (plan.parameters[index]!.graph[kind] as readonly string[]).includes(name)
      reduce(active.filter(has), name, results[i]!)
    })

  /** Computes a parameter's results, and returns its changes. */
  const update = (index: number): Record<string, T> => {
    const { slots: names, averaging } = plan.parameters[index]!.graph
    const changeNames = averaging.map(changeOutput)
    const outputs = [output, ...names.map((name) => `slot.${name}`), ...changeNames]
    const made = evaluate(index, outputs)
    const slotOf = (name: string): T => tensorOf(backend, made[`slot.${name}`]!, dtypes[index]!)
    updates[index] = {
      value: inOwnShape(backend, plan.parameters[index]!, made[output] as T),
      slots: Object.fromEntries(names.map((name) => [name, slotOf(name)])),
    }
    return Object.fromEntries(changeNames.map((name) => [name, made[name] as T]))
  }

  return {
    updates,
    begin(givenActive, givenGradients, givenScalars) {
      active = givenActive
      gradients = givenGradients
      scalars = givenScalars
    },
    norm(results) {
      const clipped = active.filter((index) => plan.parameters[index]!.clip !== -1)
      reduce(clipped, 'norm', results)
    },
    totals: (results) => reduceAll('totals', results),
    reduce: (results) => reduceAll('reductions', results),
    update(results) {
      const changes: Record<string, T>[] = []
      try {
        for (const index of active) changes[index] = update(index)
        plan.changes.forEach((name, i) => {
          const members = active.filter((index) => changes[index]![name] !== undefined)
          addUp(members, (index) => take(changes[index]!, name), results[i]!)
        })
      } catch (error) {
        freeAll(backend, updates, changes)
        updates.length = 0
        throw error
      }
    },
    end() {
      constants.dispose()
      given.dispose()
    },
  }
}

/** Frees the results of an update that failed. */
function freeAll<T>(
  backend: TensorBackend<T>,
  updates: readonly TensorUpdate<T>[],
  changes: readonly Record<string, T>[],
): void {
  const made = updates.flatMap(({ value, slots }) => [value, ...Object.values(slots)])
  for (const tensor of [...made, ...changes.flatMap(Object.values<T>)]) backend.dispose?.(tensor)
}

/** A value as a tensor. A scalar slot may depend on numbers only. */
function tensorOf<T>(backend: TensorBackend<T>, value: T | number, dtype: ElementType): T {
  return typeof value === 'number' ? backend.from(arrayOf(dtype, 1).fill(value), []) : value
}

/** Takes a value out of a record. */
function take<T>(record: Record<string, T>, name: string): T {
  const value = record[name]!
  delete record[name]
  return value
}

/** Adds up the parts of some parameters. `partOf` gives the part of each; a tensor is freed. */
type AddUp<T> = (
  members: readonly number[],
  partOf: (index: number) => T | number,
  results: Float64Array,
) => void

/** A sum over parameters. */
interface DeviceSum<T> {
  readonly members: readonly number[]
  readonly partOf: (index: number) => T | number
  readonly scalars: readonly Scalars[]
  readonly dtypes: readonly ElementType[]
  readonly backend: TensorBackend<T>
}

/**
 * Adds up the parts of all parameters that share their scalars on the device, so that the host waits for one number. The
 * sum is in `results` at the first of these parameters.
 */
function sumOnDevice<T>(
  { members, partOf, scalars, dtypes, backend }: DeviceSum<T>,
  results: Float64Array,
): void {
  interface Total {
    readonly index: number
    total: T
  }
  const totals = new Map<Scalars, Map<ElementType, Total>>()
  try {
    for (const index of members) {
      const part = partOf(index)
      results[index] = typeof part === 'number' ? part : 0
      if (typeof part === 'number') continue
      let byType = totals.get(scalars[index]!)
      if (byType === undefined) totals.set(scalars[index]!, (byType = new Map<ElementType, Total>()))
      const sum = byType.get(dtypes[index]!)
      if (sum === undefined) byType.set(dtypes[index]!, { index, total: part })
      else {
        const both = [sum.total, part]
        sum.total = backend.lowering.add(...both)
        for (const tensor of both) backend.dispose?.(tensor)
      }
    }
    for (const byType of totals.values()) {
      for (const { index, total } of byType.values()) results[index]! += backend.read(total)[0]!
    }
  } finally {
    for (const byType of totals.values()) {
      for (const { total } of byType.values()) backend.dispose?.(total)
    }
  }
}
