import type { StepPlan } from '../../step/plan.js'
import { createBatches, type Batch } from './batches.js'
import { planForms, type Forms } from './codegen/forms.js'
import { layOut, type StateLayout } from './codegen/layout.js'
import type { ScalarPlan } from './codegen/partText.js'
import { earlyOfShared } from './codegen/scalarText.js'
import { earlyOfUnit } from './codegen/unitText.js'
import { bufferUsage, type GpuBuffer, type GpuDevice, type GpuPass } from './device.js'
import { createDispatches, type StepTensors } from './dispatches.js'
import { classify, type EarlyClasses } from './earlyClasses.js'
import type { OwnBuffers } from './ownBuffers.js'
import { createScalarDispatches } from './scalarDispatches.js'
import { metaOf, stateConstants } from './stateConstants.js'

/** The kernels of a plan on a device, with the buffers that no step replaces. */
export interface StepKernels {
  readonly forms: Forms
  readonly layout: StateLayout
  readonly batches: readonly Batch[]
  readonly classes: EarlyClasses
  /** The words of the state that follow from the plan, from `layout.keptEnd` on. */
  readonly constants: Uint32Array<ArrayBuffer>
  /** Records a step's dispatches. */
  encode(pass: GpuPass, tensors: StepTensors): void
}

/**
 * Creates the kernels of a plan.
 *
 * @param state returns the buffer of the state, which is another one when it has grown
 * @throws ERR_NOT_SUPPORTED where the device cannot bind what a kernel needs
 */
export function createStepKernels(
  device: GpuDevice,
  plan: StepPlan,
  own: OwnBuffers,
  state: () => GpuBuffer,
): StepKernels {
  const planned = planForms(plan)
  const { forms, formOf, ticks } = planned
  const layout = layOut(plan, forms, formOf)
  const { unitForms, unitFormOf } = unitFormsOf(plan)
  const earlyOfUnits = plan.units.map((_, index) => unitForms[unitFormOf[index]!]!.early)
  const sharedEarly = plan.profiles.map(earlyOfShared)
  const classes = classify(plan, forms, formOf, { units: earlyOfUnits, shared: sharedEarly })
  const batches = createBatches(device, plan, forms, formOf, (size, usage) => own.create(size, usage))
  const described = { plan, layout, forms, formOf, classes, batches, unitFormOf }
  const { storage, uniform, copyTarget } = bufferUsage
  const wordBuffers = new Map<string, GpuBuffer>()
  const unused: GpuBuffer[] = []
  const buffers = {
    state,
    nothing: (tensor: number) => (unused[tensor] ??= own.create(16, storage)),
    words(batch: Batch, first: number, count: number): GpuBuffer {
      const key = `${batches.indexOf(batch)} ${first} ${count}`
      const known = wordBuffers.get(key)
      if (known) return known
      const { metaLength } = batch.form
      const words = new Uint32Array(Math.ceil((count * metaLength) / 4) * 4)
      batch.members
        .slice(first, first + count)
        .forEach((index, place) =>
          words.set(metaOf(described, index).subarray(0, metaLength), place * metaLength),
        )
      const buffer = own.create(words.byteLength, uniform | copyTarget)
      device.queue.writeBuffer(buffer, 0, words)
      wordBuffers.set(key, buffer)
      return buffer
    },
  }
  const scalarPlan: ScalarPlan = {
    plan,
    forms,
    layout,
    unitForms,
    sharedEarly,
    profileClass: (profile) => classes.firstProfile + profile,
  }
  const scalars = createScalarDispatches(device, scalarPlan, ticks, state)
  const tensors = batches.flatMap((batch) =>
    batch.form.schedule.kernels.flatMap((kernel) =>
      createDispatches(device, plan, batch, kernel, ticks, buffers),
    ),
  )
  const order = [...scalars.map((dispatch) => ({ ...dispatch, members: undefined })), ...tensors].sort(
    (a, b) => a.tick - b.tick,
  )
  return {
    forms: planned,
    layout,
    batches,
    classes,
    constants: stateConstants(described),
    encode(pass, tensors) {
      for (const dispatch of order)
        if (!dispatch.members?.every((index) => tensors.gradients[index] === null))
          dispatch.encode(pass, tensors)
    },
  }
}

/** The distinct graphs of metric units. */
function unitFormsOf({ units }: StepPlan) {
  const keys: string[] = []
  const unitForms: { unit: StepPlan['units'][number]; early: ReturnType<typeof earlyOfUnit> }[] = []
  const unitFormOf = units.map((unit) => {
    const { graph, sums } = unit
    const key = `${graph.hash} ${graph.state.join()} ${sums.map(({ input, output }) => `${input}=${output}`).join()}`
    if (!keys.includes(key)) {
      keys.push(key)
      unitForms.push({ unit, early: earlyOfUnit(unit) })
    }
    return keys.indexOf(key)
  })
  return { unitForms, unitFormOf }
}
