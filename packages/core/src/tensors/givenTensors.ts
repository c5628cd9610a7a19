import { arrayOf, type ElementType } from '../dtype.js'
import { fillSlot } from '../step/initialSlots.js'
import { fillNormals, normalSources } from '../step/normals.js'
import type { PlannedParameter, StepPlan } from '../step/plan.js'
import type { TensorBackend } from './backend.js'
import { parameterRequired } from './checks.js'
import type { TensorState } from './state.js'
import { isReshaped, tensorShape } from './tensorShape.js'

/** A step over tensors, and what it reads. */
export interface TensorWork<T> {
  readonly plan: StepPlan
  readonly dtypes: readonly ElementType[]
  readonly backend: TensorBackend<T>
  /** The output of a parameter's graph that is its result. */
  readonly output: 'parameter' | 'update'
  readonly values: readonly (T | undefined)[]
  readonly slots: TensorState<T>['slots']
}

/** The tensors that the graphs of a step read. */
export interface GivenTensors<T> {
  /** An input of a parameter's graph. What had to be made for it is made once, and kept until the end of the step. */
  at(index: number, name: string): T
  dispose(): void
}

/** What a step knows of a parameter. */
export interface GivenStep<T> {
  readonly gradient: T
  /** How often it has been updated, this step included. */
  readonly step: number
}

/** @param now what the current step knows of a parameter; leave it out where there is no step */
export function createGivenTensors<T extends object>(
  { plan, dtypes, backend, values, slots }: Omit<TensorWork<T>, 'output'>,
  now?: (index: number) => GivenStep<T>,
): GivenTensors<T> {
  const made = new Map<string, T>()
  const once = (key: string, make: () => T): T => {
    let tensor = made.get(key)
    if (tensor === undefined) made.set(key, (tensor = make()))
    return tensor
  }
  const own = (index: number, name: string): T => {
    if (name === 'gradient') return now!(index).gradient
    const value = values[index]
    if (value === undefined) throw parameterRequired(plan, index)
    return value
  }
  const normals = (index: number, name: string): T => {
    const source = normalSources(plan, index).find(({ stream }) => name === `normal.${stream}`)!
    const values = arrayOf(dtypes[index]!, plan.parameters[index]!.size)
    fillNormals(values, { ...source, step: now!(index).step })
    return backend.from(values, tensorShape(plan.parameters[index]!))
  }
  return {
    at(index, name) {
      const parameter = plan.parameters[index]!
      const dtype = dtypes[index]!
      if (name.startsWith('slot.')) return slots[index]![name.slice('slot.'.length)]!
      if (name.startsWith('identity.')) {
        const n = name === 'identity.rows' ? parameter.rows : parameter.columns
        return once(`identity ${n} ${dtype}`, () => {
          const matrix = arrayOf(dtype, n * n)
          fillSlot(matrix, 'identity')
          return backend.from(matrix, [n, n])
        })
      }
      if (name.startsWith('normal.')) return once(`${index} ${name}`, () => normals(index, name))
      const tensor = own(index, name)
      return isReshaped(parameter)
        ? once(`${index} ${name}`, () => backend.reshape(tensor, tensorShape(parameter)))
        : tensor
    },
    dispose() {
      for (const tensor of made.values()) backend.dispose?.(tensor)
      made.clear()
    },
  }
}

/** A new tensor in the shape that its parameter has. The one that is given is freed if it has another. */
export function inOwnShape<T>(backend: TensorBackend<T>, parameter: PlannedParameter, tensor: T): T {
  if (!isReshaped(parameter)) return tensor
  const result = backend.reshape(tensor, parameter.shape)
  backend.dispose?.(tensor)
  return result
}
