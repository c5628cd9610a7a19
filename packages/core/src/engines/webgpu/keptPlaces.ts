import { lossCount } from '../../step/metricGraph.js'
import type { StepPlan } from '../../step/plan.js'
import type { Place } from './batches.js'
import type { StateLayout } from './codegen/layout.js'
import { fixedUnit, stateWords, unitWords } from './codegen/words.js'
import type { GpuBuffer, GpuEncoder } from './device.js'

/** The places of the numbers that a device keeps. */
export interface KeptPlaces {
  /** By parameter, its scalar slots by name. */
  readonly scalars: readonly ReadonlyMap<string, Place>[]
  /** By unit, its average, and its other state in the order of its graph's; `undefined` for the count of losses. */
  readonly units: readonly { readonly average: Place; readonly values: readonly (Place | undefined)[] }[]
  /** By profile, its shared scalars in the order of their names. */
  readonly profiles: readonly (readonly Place[])[]
}

/** @param scalarSlots returns the names of a parameter's scalar slots, in their order */
export function keptPlaces(
  layout: StateLayout,
  { parameters, units, profiles }: StepPlan,
  buffer: GpuBuffer,
  scalarSlots: (index: number) => readonly string[],
): KeptPlaces {
  const at = (offset: number): Place => ({ buffer, offset, length: 1 })
  return {
    scalars: parameters.map(
      (_, index) => new Map(scalarSlots(index).map((name, i) => [name, at(layout.scalars[index]! + 2 * i)])),
    ),
    units: units.map(({ graph }, unit) => ({
      average: at(layout.units[unit]! + unitWords.average),
      values: graph.state.map((name, i) =>
        name === lossCount ? undefined : at(layout.units[unit]! + fixedUnit + 2 * i),
      ),
    })),
    profiles: profiles.map(({ shared }, profile) =>
      shared.names.map((_, i) => at(layout.shared[profile]! + 2 * i)),
    ),
  }
}

/** The state of a plan. */
interface Kept {
  readonly layout: StateLayout
  readonly buffer: GpuBuffer
  readonly plan: StepPlan
}

/** Records that the counts of a plan become those of another, which begins with its parameters, profiles and units. */
export function copyCounts(encoder: GpuEncoder, from: Kept, to: Kept): void {
  const copy = (source: number, target: number, words: number): void => {
    if (words > 0) encoder.copyBufferToBuffer(from.buffer, 4 * source, to.buffer, 4 * target, 4 * words)
  }
  /** A list of counts. What is new was left alone by all steps so far. */
  const list = (source: number, known: number, target: number, count: number): void => {
    copy(source, target, known)
    for (let i = known; i < count; i++) copy(stateWords.step, target + i, 1)
  }
  copy(0, 0, stateWords.ring)
  const [a, b] = [from.layout, to.layout]
  list(a.offsets, from.plan.parameters.length, b.offsets, to.plan.parameters.length)
  list(a.profileOffsets, from.plan.profiles.length, b.profileOffsets, to.plan.profiles.length)
  list(a.unitOffsets, from.plan.units.length, b.unitOffsets, to.plan.units.length)
  list(a.lossOffsets, from.plan.units.length, b.lossOffsets, to.plan.units.length)
}
