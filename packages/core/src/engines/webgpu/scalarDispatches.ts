import { bindGroup } from './dispatches.js'
import { scalarModule } from './codegen/moduleText.js'
import { keepsScalars, keepText } from './codegen/keepText.js'
import type { ScalarPlan } from './codegen/partText.js'
import { clipText, metricText, totalsText } from './codegen/scalarText.js'
import type { Ticks } from './codegen/form.js'
import type { GpuBuffer, GpuDevice, GpuPass } from './device.js'
import { pipelineOf } from './pipelines.js'

/** A dispatch of a kernel of scalars. */
export interface ScalarDispatch {
  readonly tick: number
  encode(pass: GpuPass): void
}

/** The dispatches of scalars, in order. In a tick, they come before those over tensors. */
export function createScalarDispatches(
  device: GpuDevice,
  given: ScalarPlan,
  ticks: Ticks,
  state: () => GpuBuffer,
): ScalarDispatch[] {
  const { plan, layout } = given
  const create = (tick: number, text: string): ScalarDispatch => {
    const module = scalarModule(text, layout.meta, layout.metaLength)
    const pipeline = pipelineOf(device, module)
    let bound: { readonly buffer: GpuBuffer; readonly group: object } | undefined
    return {
      tick,
      encode(pass) {
        const buffer = state()
        if (bound?.buffer !== buffer)
          bound = { buffer, group: bindGroup(device, pipeline, 0, module, () => buffer) }
        pass.setPipeline(pipeline)
        pass.setBindGroup(0, bound.group)
        pass.dispatchWorkgroups(1)
      },
    }
  }
  return [
    ...(plan.clips.length > 0 ? [create(ticks.clip, clipText(given))] : []),
    ...(plan.totals.length > 0 ? [create(ticks.totals, totalsText(given))] : []),
    create(ticks.scale, metricText(given)),
    // After everything that reads what it writes over.
    ...(keepsScalars(given) ? [create(Infinity, keepText(given))] : []),
  ]
}
