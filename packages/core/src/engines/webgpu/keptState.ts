import { lossCount } from '../../step/metricGraph.js'
import type { StepPlan } from '../../step/plan.js'
import type { ScalarState } from '../../step/scalarState.js'
import type { StateLayout } from './codegen/layout.js'
import { fixedUnit, stateWords, unitWords } from './codegen/words.js'
import type { DeviceCounts } from './counts.js'

/** The results of a metric unit in the latest step that updated any of its parameters. */
export interface UnitNumbersRead {
  readonly dualNorm: number
  readonly metric: number
  readonly scale: number
}

/** A step that is to throw. */
export interface RefusedStep {
  readonly unit: number
  readonly status: number
  readonly dualNorm: number
  readonly loss: number
}

/** What a device keeps from step to step, apart from slots. */
export interface KeptState {
  readonly step: number
  readonly skipped: number
  /** The number of steps that are to throw, and the latest of them. */
  readonly refused: number
  readonly latestRefused: RefusedStep
  readonly taken: boolean
  readonly loss: number
  readonly counts: DeviceCounts
  readonly state: ScalarState
  /** By parameter, the values of its scalar slots. */
  readonly scalars: readonly (readonly number[])[]
  readonly units: readonly UnitNumbersRead[]
}

/** Reads the words that a device keeps. */
export function decodeKept(plan: StepPlan, layout: StateLayout, bytes: ArrayBuffer): KeptState {
  const [words, numbers] = [new Int32Array(bytes), new Float32Array(bytes)]
  const counts = (first: number, length: number): number[] => [...words.subarray(first, first + length)]
  const step = words[stateWords.step]!
  const { parameters, profiles, units } = plan
  const known: DeviceCounts = {
    step,
    parameters: counts(layout.offsets, parameters.length),
    profiles: counts(layout.profileOffsets, profiles.length),
    units: counts(layout.unitOffsets, units.length),
    losses: counts(layout.lossOffsets, units.length),
  }
  const pairs = (address: number, length: number): number[] =>
    Array.from({ length }, (_, index) => numbers[address + 2 * index]!)
  return {
    step,
    skipped: words[stateWords.skipped]!,
    refused: words[stateWords.refused]!,
    latestRefused: {
      unit: words[stateWords.refusedUnit]!,
      status: words[stateWords.refusedStatus]!,
      dualNorm: numbers[stateWords.refusedDualNorm]!,
      loss: numbers[stateWords.refusedLoss]!,
    },
    taken: words[stateWords.taken] === 1,
    loss: numbers[stateWords.loss]!,
    counts: known,
    state: {
      steps: known.parameters.map((offset) => step - offset),
      units: units.map(({ graph }, unit) => ({
        average: numbers[layout.units[unit]! + unitWords.average]!,
        steps: step - known.units[unit]!,
        values: pairs(layout.units[unit]! + fixedUnit, graph.state.length).map((value, index) =>
          graph.state[index] === lossCount ? step - known.losses[unit]! : value,
        ),
      })),
      profiles: profiles.map(({ shared }, profile) => ({
        steps: step - known.profiles[profile]!,
        values: pairs(layout.shared[profile]!, shared.names.length),
      })),
    },
    scalars: layout.scalars.map((address, index) =>
      pairs(address, ((layout.scalars[index + 1] ?? layout.keptEnd) - address) / 2),
    ),
    units: units.map((_, unit) => {
      const at = layout.units[unit]!
      return {
        dualNorm: numbers[at + unitWords.dualNorm]!,
        metric: numbers[at + unitWords.metric]!,
        scale: numbers[at + unitWords.scale]!,
      }
    }),
  }
}

/** The words that a device keeps, and the counts among them. */
export function encodeKept(
  plan: StepPlan,
  layout: StateLayout,
  given: {
    readonly step: number
    readonly skipped: number
    readonly state: ScalarState
    readonly scalars: readonly (readonly number[])[]
  },
): { readonly words: Uint32Array<ArrayBuffer>; readonly counts: DeviceCounts } {
  const { step, skipped, state, scalars } = given
  const words = new Uint32Array(layout.keptEnd)
  const numbers = new Float32Array(words.buffer)
  words[stateWords.step] = step
  words[stateWords.skipped] = skipped
  const losses = plan.units.map(({ graph }, unit) => {
    const index = graph.state.indexOf(lossCount)
    return index === -1 ? 0 : step - state.units[unit]!.values[index]!
  })
  const counts: DeviceCounts = {
    step,
    parameters: state.steps.map((steps) => step - steps),
    profiles: state.profiles.map(({ steps }) => step - steps),
    units: state.units.map(({ steps }) => step - steps),
    losses,
  }
  words.set(counts.parameters, layout.offsets)
  words.set(counts.profiles, layout.profileOffsets)
  words.set(counts.units, layout.unitOffsets)
  words.set(losses, layout.lossOffsets)
  const put = (address: number, values: readonly number[]): void =>
    values.forEach((value, index) => (numbers[address + 2 * index] = value))
  state.units.forEach(({ average, values }, unit) => {
    numbers[layout.units[unit]! + unitWords.average] = average
    put(layout.units[unit]! + fixedUnit, values)
  })
  state.profiles.forEach(({ values }, profile) => put(layout.shared[profile]!, values))
  scalars.forEach((values, index) => put(layout.scalars[index]!, values))
  return { words, counts }
}
