import type { Place } from '../engines/webgpu/batches.js'
import { copyPlaces, type PlaceCopy } from '../engines/webgpu/copies.js'
import type { DeviceCounts } from '../engines/webgpu/counts.js'
import type { GpuStep } from '../engines/webgpu/step.js'
import { sizeOf } from '../shape.js'
import { accumulatedSlot } from '../step/accumulation.js'
import { slotShape } from '../step/initialSlots.js'
import { lossCount } from '../step/metricGraph.js'
import type { StepPlan } from '../step/plan.js'
import type { VariableBackend } from './backend.js'
import { disposeScalars, takeBack, valuesOf, type State } from './state.js'
import type { TensorDevice } from './tensorDevice.js'

/** Where a state is, and where it is to be. */
interface Moved<T extends object> {
  readonly backend: VariableBackend<T>
  readonly device: TensorDevice<T>
  readonly state: State<T>
  readonly plan: StepPlan
  readonly step: GpuStep
}

/** Moves the state of all variables, units and profiles of a plan from tensors and numbers to the buffers of a step. */
export function moveIn<T extends object>({ backend, device, state, plan, step }: Moved<T>): void {
  const copies: PlaceCopy[] = []
  const places = step.numbers
  /** A scalar as a number. A tensor's value is copied afterwards. */
  const number = (value: T | number, place: Place | undefined): number => {
    if (typeof value === 'number') return value
    copies.push({ from: { buffer: device.buffer(value), offset: 0, length: 1 }, to: place! })
    return 0
  }
  const moved: T[] = []
  plan.parameters.forEach(({ name }, index) => {
    const { slots } = state.variables.get(name)!
    const tensors = step.slots(index)
    for (const [slot, tensor] of Object.entries(slots)) {
      if (slot === accumulatedSlot) continue
      const to = tensors.get(slot) ?? places.scalars[index]!.get(slot)
      if (to !== undefined && to.length > 0)
        copies.push({ from: { buffer: device.buffer(tensor), offset: 0, length: to.length }, to })
      moved.push(tensor)
      delete slots[slot]
    }
  })
  const units = plan.units.map((unit, index) => {
    const kept = state.units.get(unit.key)!
    const { average, values } = places.units[index]!
    return {
      average: number(kept.average, average),
      steps: kept.steps,
      values: valuesOf(unit, kept).map((value, i) => number(value, values[i])),
    }
  })
  const profiles = plan.profiles.map(({ key }, index) => {
    const { steps = 0, values = [] } = state.profiles.get(key) ?? {}
    return { steps, values: values.map((value, i) => number(value, places.profiles[index]![i])) }
  })
  const steps = plan.parameters.map(({ name }) => state.variables.get(name)!.steps)
  const scalars = plan.parameters.map((_, index) => step.scalarSlots(index).map(() => 0))
  step.restore({ step: state.step, skipped: 0, state: { steps, units, profiles }, scalars })
  device.submit()
  copyPlaces(device.device, copies)
  for (const tensor of moved) backend.dispose(tensor)
  // What is on the device is not here.
  plan.units.forEach((unit, index) => {
    const kept = state.units.get(unit.key)!
    disposeScalars(backend, kept)
    Object.assign(kept, { ...units[index]!, names: unit.graph.state })
  })
  plan.profiles.forEach(({ key }, index) => {
    const kept = state.profiles.get(key)
    for (const value of kept?.values ?? []) if (typeof value !== 'number') backend.dispose(value)
    if (kept) kept.values = profiles[index]!.values
  })
}

/** Copies of a variable's slots as tensors, which belong to the current scope. */
export function slotCopies<T extends object>(
  { device, backend, plan, step }: Omit<Moved<T>, 'state'>,
  index: number,
): Record<string, T> {
  const parameter = plan.parameters[index]!
  const [tensors, scalars] = [step.slots(index), step.numbers.scalars[index]!]
  const copies: PlaceCopy[] = []
  const slots = parameter.graph.slots.map((name) => {
    const shape = slotShape(parameter, name)
    if (sizeOf(shape) === 0) return [name, backend.from([], shape)] as const
    const tensor = device.output(shape)
    const from = tensors.get(name) ?? scalars.get(name)!
    copies.push({ from, to: { buffer: device.buffer(tensor), offset: 0, length: from.length } })
    return [name, tensor] as const
  })
  device.submit()
  copyPlaces(device.device, copies)
  return Object.fromEntries(slots)
}

/** Moves the state back to tensors. Its counts are those of a device that has taken all steps so far. */
export function moveOut<T extends object>(moved: Moved<T>): void {
  const { backend, device, state, plan, step } = moved
  const copies: PlaceCopy[] = []
  const places = step.numbers
  const counts = step.assumed
  const scalar = (from: Place): T => {
    const tensor = backend.keep(device.output([]))
    copies.push({ from, to: { buffer: device.buffer(tensor), offset: 0, length: 1 } })
    return tensor
  }
  plan.parameters.forEach(({ name }, index) => {
    const variable = state.variables.get(name)!
    variable.steps = counts.step - counts.parameters[index]!
    for (const [slot, tensor] of Object.entries(slotCopies(moved, index)))
      variable.slots[slot] = backend.keep(tensor)
  })
  plan.units.forEach((unit, index) => {
    const { average, values } = places.units[index]!
    const names = unit.graph.state
    Object.assign(state.units.get(unit.key)!, {
      steps: counts.step - counts.units[index]!,
      average: scalar(average),
      names,
      values: names.map((name, i) =>
        name === lossCount ? counts.step - counts.losses[index]! : scalar(values[i]!),
      ),
    })
  })
  plan.profiles.forEach(({ key }, index) => {
    const kept = state.profiles.get(key)
    if (!kept) return
    kept.steps = counts.step - counts.profiles[index]!
    kept.values = places.profiles[index]!.map(scalar)
  })
  state.step = counts.step
  device.submit()
  copyPlaces(device.device, copies)
}

/** Takes the steps that a device refused off the counts of a state that was moved out. */
export function takeBackRefused<T extends object>(
  state: State<T>,
  plan: StepPlan,
  assumed: DeviceCounts,
  known: DeviceCounts,
): void {
  const refused = (kind: 'parameters' | 'units' | 'profiles', index: number): number =>
    assumed.step - assumed[kind][index]! - (known.step - known[kind][index]!)
  state.step -= assumed.step - known.step
  plan.parameters.forEach(({ name }, i) => takeBack(state.variables.get(name)!, refused('parameters', i)))
  plan.units.forEach(({ key }, i) => takeBack(state.units.get(key)!, refused('units', i)))
  plan.profiles.forEach(({ key }, i) => {
    const kept = state.profiles.get(key)
    if (kept) takeBack(kept, refused('profiles', i))
  })
}
